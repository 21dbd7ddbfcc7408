/* A sheet of small pictures of one image, some with a heat map over it, as a PNG file. */
#ifndef CSA_CLI_SHEET_H
#define CSA_CLI_SHEET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

#define CSA_PANEL_TEXT 48 /* bytes of its texts, at most */
#define CSA_SHEET_TEXT 256

typedef struct {
  int row, column;
  double *heat; /* [height, width], from 0 up, drawn over the image in the colours of report/heat.h, the largest as 1;
                   NULL: the image alone */
  char title[CSA_PANEL_TEXT], note[CSA_PANEL_TEXT]; /* above, and under it */
} csa_panel;

typedef struct {
  const uint8_t *image; /* [channels, height, width] */
  int channels, height, width;
  bool marked; /* a frame is drawn around this pixel */
  int mark_x, mark_y;
  char title[CSA_SHEET_TEXT], subtitle[CSA_SHEET_TEXT],
      legend[CSA_SHEET_TEXT]; /* two lines at the top, and one beside the scale of colours */
  csa_panel *panels;
  size_t count, capacity;
} csa_sheet;

/* A new panel, zeroed but for its place, without or with a map of zeros. */
csa_status csa_sheet_add(csa_sheet *sheet, int row, int column, bool with_heat, csa_panel **panel);
void csa_sheet_fini(csa_sheet *sheet);

/* Draws it. CSA_USAGE where pictures are not built in, CSA_OUTPUT. */
csa_status csa_sheet_write(const csa_sheet *sheet, const char *path);

#endif
