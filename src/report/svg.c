#include "report/svg.h"

#include <math.h>

#include "report/html.h"

#define ROW 42    /* pixels from one bar to the next */
#define LABEL 14  /* baseline of the label in its row */
#define TOP 20    /* of the bar in its row */
#define HEIGHT 14 /* of the bar */
#define AXIS 22   /* below the bars */
#define TICKS 5   /* at most, the zero aside */

void csa_axis_of(double most, double *end, double *step) {
  if (!(most > 0.0) || !isfinite(most)) most = 1.0;
  const double power = pow(10.0, floor(log10(most / TICKS)));
  static const double factors[] = {1.0, 2.0, 5.0, 10.0};
  int i = 0;
  while (i < 3 && most / (factors[i] * power) > TICKS) i++;
  *step = factors[i] * power;
  *end = *step * ceil(most / *step * (1.0 - 1e-12));
}

static double length_of(double value) { return value > 0.0 && isfinite(value) ? value : 0.0; }

/* The lines stop at the labels, which they would cross. */
static void print_lines(FILE *out, int ticks, int count) {
  for (int i = 0; i <= ticks; i++)
    for (int bar = 0; bar < count; bar++)
      fprintf(out, "<line class=\"%s\" x1=\"%.4g%%\" x2=\"%.4g%%\" y1=\"%d\" y2=\"%d\"/>\n",
              i == 0 ? "zero" : "grid-line", 100.0 * i / ticks, 100.0 * i / ticks, bar * ROW + TOP - 1,
              bar * ROW + TOP + HEIGHT + 3);
}

static void print_axis(FILE *out, double end, double step, int count, const char *unit) {
  const int baseline = count * ROW + AXIS - 6, ticks = (int)lround(end / step);
  const int digits = step >= 1.0 ? 0 : (int)ceil(-log10(step) - 1e-9);
  print_lines(out, ticks, count);
  for (int i = 0; i <= ticks; i++)
    fprintf(out, "<text class=\"tick\" x=\"%.4g%%\" y=\"%d\" text-anchor=\"%s\">%.*f</text>\n", 100.0 * i / ticks,
            baseline, i == 0 ? "start" : "middle", digits, step * i);
  fprintf(out, "<text class=\"tick\" x=\"100%%\" dx=\"30\" y=\"%d\">", baseline);
  csa_html_text(out, unit);
  fprintf(out, "</text>\n");
}

static void print_bar(FILE *out, const csa_bar *bar, int index, double end) {
  const int y = index * ROW;
  const double value = length_of(bar->value), part = length_of(bar->part) < value ? length_of(bar->part) : value;
  fprintf(out, "<text x=\"0\" y=\"%d\">", y + LABEL);
  csa_html_text(out, bar->label);
  fprintf(out, "</text>\n");
  if (part < value)
    fprintf(out, "<rect class=\"whole\" x=\"0\" y=\"%d\" width=\"%.4g%%\" height=\"%d\"/>\n", y + TOP,
            100.0 * value / end, HEIGHT);
  fprintf(out, "<rect class=\"part\" x=\"0\" y=\"%d\" width=\"%.4g%%\" height=\"%d\"/>\n", y + TOP, 100.0 * part / end,
          HEIGHT);
  fprintf(out, "<text x=\"%.4g%%\" dx=\"7\" y=\"%d\">", 100.0 * value / end, y + TOP + HEIGHT - 2);
  csa_html_text(out, bar->text);
  fprintf(out, "</text>\n");
}

void csa_svg_bars(FILE *out, const char *title, const char *unit, const csa_bar *bars, int count) {
  double most = 0.0, end, step;
  for (int i = 0; i < count; i++) most = length_of(bars[i].value) > most ? bars[i].value : most;
  csa_axis_of(most, &end, &step);
  fprintf(out, "<div class=\"chart\"><svg role=\"img\" width=\"100%%\" height=\"%d\">\n", count * ROW + AXIS);
  csa_html_element(out, "title", "%s", title);
  print_axis(out, end, step, count, unit);
  for (int i = 0; i < count; i++) print_bar(out, &bars[i], i, end);
  fprintf(out, "</svg></div>\n");
}
