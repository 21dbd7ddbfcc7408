/* Small images within a page, so that it needs no files beside it. */
#ifndef CSA_REPORT_PICTURE_H
#define CSA_REPORT_PICTURE_H

#include <stdint.h>
#include <stdio.h>

typedef struct {
  const uint8_t *image; /* [channels, height, width] */
  int channels, height, width;
  const double *heat; /* [height, width], drawn over it in the colours of heat.h, the largest as 1; NULL: none */
} csa_picture;

/* <img>, with `alternative` for those who do not see it. */
void csa_picture_print(FILE *out, const csa_picture *picture, const char *alternative);

#endif
