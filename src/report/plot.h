/* Lines over one axis, drawn as SVG: within a page of html.h, as wide as what they stand in, or in a picture file. */
#ifndef CSA_REPORT_PLOT_H
#define CSA_REPORT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/status.h"

typedef struct {
  double x, y;
  double low, high; /* of its line's band, where it has one */
} csa_point;

typedef struct {
  const char *name;
  int colour; /* 1 .. CSA_PLOT_COLOURS */
  bool faint; /* thin and pale, behind the others */
  bool band;  /* the room between low and high is tinted */
  csa_point *points;
  size_t count;
} csa_line;

#define CSA_PLOT_COLOURS 3 /* the lines of plot.css */
#define CSA_PLOT_LINES 6

typedef struct {
  const char *title, *x_name, *unit; /* what is drawn; "epoch"; "" or as "%", behind the numbers at the ticks */
  double scale;                      /* of y as it is shown: 100 for shares in per cent */
  double most;                       /* no axis goes beyond it: 1 for shares; 0: there is no such end */
  csa_line lines[CSA_PLOT_LINES];
  int count; /* lines without points are passed over */
} csa_plot;

/* The ends of the axes: x from 0 to the last point, y between round numbers with these steps. */
typedef struct {
  double x_end, x_step, low, high, step;
} csa_plot_axes;
void csa_plot_axes_of(const csa_plot *plot, csa_plot_axes *axes);

/* In a page: a card with its title, its legend, and the points as JSON from which the page's script shows those under
 * the pointer. */
csa_status csa_plot_print(FILE *out, const csa_plot *plot);

/* Frees its lines' points. */
void csa_plot_fini(csa_plot *plot);

/* A picture file by itself: the plots under each other, colours for light and dark within it. */
void csa_plot_picture(FILE *out, const char *title, const csa_plot *plots, int count);

#endif
