#include "report/kernels.h"

#include <stdlib.h>

#include "report/svg.h"

#define SHOWN 0.01 /* of a step's time: kernels below it are drawn as one */

void csa_kernels_table(FILE *out, csa_form form, const csa_benchmark *b, const csa_roofline *r) {
  static const csa_column columns[] = {{"kernel", -28}, {"calls", 6}, {"ms", 10},          {"share", 7},
                                       {"GFLOP/s", 10}, {"GB/s", 10}, {"of roofline", 12}, {"bound", -7}};
  csa_table t = csa_table_begin(out, form, columns, r != NULL ? 8 : 6);
  for (size_t i = 0; i < b->kernel_count; i++) {
    const csa_kernel_figures *k = &b->kernels[i];
    csa_cell(&t, "%s", k->name);
    csa_cell(&t, "%d", k->calls);
    csa_cell(&t, "%.3f", 1e3 * k->seconds);
    csa_cell(&t, "%.1f %%", 100.0 * k->seconds / b->kernels_s);
    csa_cell(&t, "%.1f", csa_giga_rate(k->flops, k->seconds));
    csa_cell(&t, "%.1f", csa_giga_rate(k->bytes, k->seconds));
    if (r == NULL) continue;
    csa_cell(&t, "%.1f %%", 100.0 * csa_roofline_share(r, k));
    csa_cell(&t, "%s", csa_roofline_bound(r, k));
  }
  csa_table_end(&t);
}

/* Per cent are of the roofline, or else of the step. */
static void measure(csa_bar *bar, const csa_benchmark *b, const csa_roofline *r, double seconds, double allowed_s) {
  const double of_roofline = seconds > 0.0 ? allowed_s / seconds : 0.0;
  bar->value = 1e3 * seconds;
  bar->part = 1e3 * (r != NULL ? allowed_s : seconds);
  snprintf(bar->text, sizeof bar->text, "%.2f ms, %.0f %%", bar->value,
           100.0 * (r != NULL ? of_roofline : seconds / b->kernels_s));
}

static int take_bars(csa_bar *bars, const csa_benchmark *b, const csa_roofline *r) {
  double others_s = 0.0, others_allowed_s = 0.0;
  int count = 0, others = 0;
  for (size_t i = 0; i < b->kernel_count; i++) {
    const csa_kernel_figures *k = &b->kernels[i];
    const double allowed_s = r != NULL ? csa_roofline_share(r, k) * k->seconds : 0.0;
    if (k->seconds < SHOWN * b->kernels_s) {
      others_s += k->seconds;
      others_allowed_s += allowed_s;
      others++;
      continue;
    }
    snprintf(bars[count].label, sizeof bars->label, "%s × %d%s%s", k->name, k->calls, r != NULL ? ", " : "",
             r != NULL ? csa_roofline_bound(r, k) : "");
    measure(&bars[count++], b, r, k->seconds, allowed_s);
  }
  if (others == 0) return count;
  snprintf(bars[count].label, sizeof bars->label, "%d others", others);
  measure(&bars[count++], b, r, others_s, others_allowed_s);
  return count;
}

csa_status csa_kernels_print(FILE *out, const csa_benchmark *b, const csa_roofline *r) {
  csa_bar *bars = NULL;
  CSA_TRY(csa_new(&bars, b->kernel_count + 1, sizeof *bars));
  const int count = take_bars(bars, b, r);
  csa_svg_bars(out, r != NULL ? "time of each kernel and what its roofline allows" : "time of each kernel", "ms", bars,
               count);
  free(bars);
  fprintf(out, "<details><summary>All %zu kernels as a table</summary>\n", b->kernel_count);
  csa_kernels_table(out, CSA_AS_HTML, b, r);
  fprintf(out, "</details>\n");
  return CSA_OK;
}
