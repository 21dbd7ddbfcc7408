/* Bars, drawn as SVG within a page of html.h, whose style sheet gives the colours. */
#ifndef CSA_REPORT_SVG_H
#define CSA_REPORT_SVG_H

#include <stdio.h>

typedef struct {
  char label[192]; /* above the bar */
  char text[64];   /* at its end: the value with its unit */
  double value;    /* its length; below 0, or not a number, is drawn as 0 */
  double part;     /* of it, drawn solid; the rest is pale. Above `value`: all of it */
} csa_bar;

/* Where an axis from zero that reaches `most` ends, and the distance of its ticks, a 1, 2 or 5 with zeros. `most` not
 * above 0 is an axis to 1. */
void csa_axis_of(double most, double *end, double *step);

/* Horizontal bars under each other on one axis that begins at zero. The width is that of what it stands in, whatever
 * that is: text keeps its size. `title` says what it is to those who do not see it; `unit` stands at the axis. */
void csa_svg_bars(FILE *out, const char *title, const char *unit, const csa_bar *bars, int count);

#endif
