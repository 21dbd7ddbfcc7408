#include "report/plot.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/svg.h"

#define MARGIN 56     /* pixels, at the left: numbers of the y axis */
#define BELOW 40      /* numbers and name of the x axis */
#define ABOVE 8       /* half a number of the y axis, and a little */
#define UNITS 10000.0 /* a line's own coordinates, across and down */
#define MARKS_MOST 40 /* points of a line that get a mark */

static bool by_marks(const csa_line *line) { return !line->faint && line->count <= MARKS_MOST; }

static void widen(double value, double *low, double *high) {
  if (!isfinite(value)) return;
  *low = fmin(*low, value);
  *high = fmax(*high, value);
}

void csa_plot_axes_of(const csa_plot *plot, csa_plot_axes *a) {
  double low = HUGE_VAL, high = -HUGE_VAL, ignored;
  *a = (csa_plot_axes){0};
  for (int l = 0; l < plot->count; l++)
    for (size_t i = 0; i < plot->lines[l].count; i++) {
      const csa_point *p = &plot->lines[l].points[i];
      a->x_end = fmax(a->x_end, p->x);
      widen(p->y, &low, &high);
      if (plot->lines[l].band) widen(p->low, &low, &high), widen(p->high, &low, &high);
    }
  if (!(low <= high)) low = 0.0, high = 1.0;
  if (a->x_end <= 0.0) a->x_end = 1.0;
  csa_axis_of(a->x_end, &ignored, &a->x_step);
  csa_axis_of(high > low ? high - low : 0.2 * fabs(high), &ignored, &a->step);
  a->low = a->step * floor(low / a->step + 1e-9);
  a->high = a->step * ceil(high / a->step - 1e-9);
  if (a->high <= a->low) a->low -= a->step, a->high += a->step; /* all the same, and round */
  if (plot->most > 0.0 && a->high > plot->most) a->high = plot->most;
}

static int digits_of(double step) { return step >= 1.0 ? 0 : (int)ceil(-log10(step) - 1e-9); }

static double share_x(const csa_plot_axes *a, double x) { return x / a->x_end; }
static double share_y(const csa_plot_axes *a, double y) { return (a->high - y) / (a->high - a->low); }

static void draw_y_axis(FILE *out, const csa_plot *plot, const csa_plot_axes *a, int height) {
  const int digits = digits_of(a->step * plot->scale), ticks = (int)floor((a->high - a->low) / a->step + 1e-9);
  for (int i = 0; i <= ticks; i++) {
    const double value = a->low + i * a->step, y = ABOVE + height * share_y(a, value);
    fprintf(out, "<line class=\"grid-line\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>", y, y);
    fprintf(out, "<text class=\"tick\" x=\"0\" dx=\"-8\" y=\"%.1f\" dy=\"4\" text-anchor=\"end\">%.*f", y, digits,
            plot->scale * value);
    csa_html_text(out, plot->unit);
    fprintf(out, "</text>\n");
  }
}

static void draw_x_axis(FILE *out, const csa_plot *plot, const csa_plot_axes *a, int height) {
  const int digits = digits_of(a->x_step), ticks = (int)floor(a->x_end / a->x_step + 1e-9), y = ABOVE + height;
  fprintf(out, "<line class=\"zero\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>", y, y);
  for (int i = 0; i <= ticks; i++) {
    const double x = 100.0 * share_x(a, i * a->x_step);
    fprintf(out, "<line class=\"zero\" x1=\"%.4g%%\" x2=\"%.4g%%\" y1=\"%d\" y2=\"%d\"/>", x, x, y, y + 4);
    fprintf(out, "<text class=\"tick\" x=\"%.4g%%\" y=\"%d\" text-anchor=\"middle\">%.*f</text>\n", x, y + 17, digits,
            i * a->x_step);
  }
  fprintf(out, "<text class=\"tick\" x=\"50%%\" y=\"%d\" text-anchor=\"middle\">", y + 34);
  csa_html_text(out, plot->x_name);
  fprintf(out, "</text>\n");
}

static void write_point(FILE *out, const csa_plot_axes *a, double x, double y) {
  fprintf(out, "%.0f,%.0f ", UNITS * share_x(a, x), UNITS * share_y(a, y));
}

/* There and back again. */
static void draw_band(FILE *out, const csa_plot_axes *a, const csa_line *line) {
  fprintf(out, "<polygon class=\"band c%d\" points=\"", line->colour);
  for (size_t i = 0; i < line->count; i++) write_point(out, a, line->points[i].x, line->points[i].low);
  for (size_t i = line->count; i-- > 0;) write_point(out, a, line->points[i].x, line->points[i].high);
  fprintf(out, "\"/>\n");
}

static void draw_line(FILE *out, const csa_plot_axes *a, const csa_line *line) {
  fprintf(out, "<polyline class=\"line c%d%s\" vector-effect=\"non-scaling-stroke\" points=\"", line->colour,
          line->faint ? " faint" : "");
  for (size_t i = 0; i < line->count; i++) write_point(out, a, line->points[i].x, line->points[i].y);
  fprintf(out, "\"/>\n");
}

static void draw_marks(FILE *out, const csa_plot_axes *a, const csa_line *line, int height) {
  for (size_t i = 0; i < line->count; i++)
    fprintf(out, "<circle class=\"dot c%d\" cx=\"%.4g%%\" cy=\"%.1f\" r=\"3\"/>\n", line->colour,
            100.0 * share_x(a, line->points[i].x), ABOVE + height * share_y(a, line->points[i].y));
}

/* As wide as the SVG element that it is written into, but for the margin, which is shown though it is beyond that.
 * Lines have coordinates that are stretched to the width; text and marks must not be, and stand at per cents of it. */
static void draw_plot(FILE *out, const csa_plot *plot, int whole) {
  const int height = whole - ABOVE - BELOW;
  csa_plot_axes axes;
  csa_plot_axes_of(plot, &axes);
  draw_y_axis(out, plot, &axes, height);
  draw_x_axis(out, plot, &axes, height);
  fprintf(out,
          "<svg y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\" "
          "overflow=\"visible\">\n",
          ABOVE, height, UNITS, UNITS);
  for (int l = 0; l < plot->count; l++)
    if (plot->lines[l].band && plot->lines[l].count > 1) draw_band(out, &axes, &plot->lines[l]);
  for (int faint = 1; faint >= 0; faint--)
    for (int l = 0; l < plot->count; l++)
      if (plot->lines[l].faint == (faint == 1) && plot->lines[l].count > 1) draw_line(out, &axes, &plot->lines[l]);
  fprintf(out, "</svg>\n");
  for (int l = 0; l < plot->count; l++)
    if (by_marks(&plot->lines[l])) draw_marks(out, &axes, &plot->lines[l], height);
}

void csa_plot_fini(csa_plot *plot) {
  for (int l = 0; l < plot->count; l++) free(plot->lines[l].points);
  *plot = (csa_plot){0};
}

/* ---- in a page */

static json_t *points_of(const csa_line *line) {
  json_t *points = json_array();
  for (size_t i = 0; i < line->count; i++) {
    const csa_point *p = &line->points[i];
    json_array_append_new(
        points, line->band ? json_pack("[f, f, f, f]", p->x, p->y, p->low, p->high) : json_pack("[f, f]", p->x, p->y));
  }
  return points;
}

static json_t *figures_of(const csa_plot *plot) {
  csa_plot_axes a;
  csa_plot_axes_of(plot, &a);
  json_t *lines = json_array();
  for (int l = 0; l < plot->count; l++)
    if (plot->lines[l].count > 0)
      json_array_append_new(
          lines, json_pack("{s:s, s:i, s:b, s:o}", "name", plot->lines[l].name, "colour", plot->lines[l].colour,
                           "faint", (int)plot->lines[l].faint, "points", points_of(&plot->lines[l])));
  return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:i, s:i, s:o}", "title", plot->title, "x", plot->x_name,
                   "unit", plot->unit, "scale", plot->scale, "end", a.x_end, "low", a.low, "high", a.high, "above",
                   ABOVE, "below", BELOW, "lines", lines);
}

static int write_json(const char *bytes, size_t size, void *out) {
  for (size_t i = 0; i < size; i++)
    if ((bytes[i] == '<' ? fputs("\\u003c", out) : fputc(bytes[i], out)) == EOF) return -1;
  return 0;
}

static void print_legend(FILE *out, const csa_plot *plot) {
  fprintf(out, "<p class=\"legend\">");
  for (int l = 0; l < plot->count; l++) {
    if (plot->lines[l].count == 0) continue;
    fprintf(out,
            "<span><svg width=\"22\" height=\"10\" aria-hidden=\"true\"><line class=\"line c%d%s\" x1=\"1\" x2=\"21\" "
            "y1=\"5\" y2=\"5\"/>",
            plot->lines[l].colour, plot->lines[l].faint ? " faint" : "");
    if (by_marks(&plot->lines[l]))
      fprintf(out, "<circle class=\"dot c%d\" cx=\"11\" cy=\"5\" r=\"3\"/>", plot->lines[l].colour);
    fprintf(out, "</svg> ");
    csa_html_text(out, plot->lines[l].name);
    fprintf(out, "</span> ");
  }
  fprintf(out, "</p>\n");
}

csa_status csa_plot_print(FILE *out, const csa_plot *plot) {
  const int height = 300;
  json_t *figures = figures_of(plot);
  if (figures == NULL) return csa_fail(CSA_MEMORY, "plot: %s: the host has no more memory", plot->title);
  fprintf(out, "<div class=\"card\">\n");
  csa_html_element(out, "h3", "%s", plot->title);
  fprintf(out, "<div class=\"plot\">\n");
  print_legend(out, plot);
  fprintf(out, "<div class=\"area\" tabindex=\"0\" role=\"group\" aria-label=\"");
  csa_html_text(out, plot->title);
  fprintf(out, "\"><svg role=\"img\" width=\"100%%\" height=\"%d\">\n", height);
  csa_html_element(out, "title", "%s", plot->title);
  draw_plot(out, plot, height);
  fprintf(out, "</svg></div>\n<script type=\"application/json\">");
  json_dump_callback(figures, write_json, out, JSON_COMPACT | JSON_ENSURE_ASCII);
  fprintf(out, "</script>\n</div>\n</div>\n");
  json_decref(figures);
  return CSA_OK;
}

/* ---- a picture file */

enum { WIDTH = 720, PLOT_HEIGHT = 300, TITLE = 44, HEAD = 42, EDGE = 20 };

/* Where the next name begins is guessed from the letters of this one: what fonts there are is not known here. */
static void draw_head(FILE *out, const csa_plot *plot, int y) {
  int x = MARGIN;
  fprintf(out, "<text class=\"name\" x=\"%d\" y=\"%d\">", x, y);
  csa_html_text(out, plot->title);
  fprintf(out, "</text>\n");
  x += 9 * (int)strlen(plot->title) + 30;
  for (int l = 0; l < plot->count; l++) {
    const csa_line *line = &plot->lines[l];
    if (line->count == 0) continue;
    fprintf(out, "<line class=\"line c%d%s\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", line->colour,
            line->faint ? " faint" : "", x, x + 20, y - 4, y - 4);
    fprintf(out, "<text class=\"tick\" x=\"%d\" y=\"%d\">", x + 26, y);
    csa_html_text(out, line->name);
    fprintf(out, "</text>\n");
    x += 26 + 7 * (int)strlen(line->name) + 22;
  }
}

void csa_plot_picture(FILE *out, const char *title, const csa_plot *plots, int count) {
  const int height = TITLE + count * (HEAD + PLOT_HEIGHT);
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
          WIDTH, height, WIDTH, height);
  csa_html_element(out, "title", "%s", title);
  fprintf(out, "<style>\n");
  csa_html_part(out, "colours.css");
  csa_html_part(out, "plot.css");
  fprintf(out,
          "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif;fill:var(--ink)}\n"
          ".title{font-size:17px;font-weight:600}.name{font-size:14px;font-weight:600}\n</style>\n");
  fprintf(out, "<rect width=\"100%%\" height=\"100%%\" fill=\"var(--card)\"/>\n");
  fprintf(out, "<text class=\"title\" x=\"%d\" y=\"30\">", MARGIN);
  csa_html_text(out, title);
  fprintf(out, "</text>\n");
  for (int i = 0; i < count; i++) {
    const int y = TITLE + i * (HEAD + PLOT_HEIGHT);
    draw_head(out, &plots[i], y + 24);
    fprintf(out, "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" overflow=\"visible\">\n", MARGIN, y + HEAD,
            WIDTH - MARGIN - EDGE, PLOT_HEIGHT);
    draw_plot(out, &plots[i], PLOT_HEIGHT);
    fprintf(out, "</svg>\n");
  }
  fprintf(out, "</svg>\n");
}
