/* `bench`'s report as comma-separated values: a row for each model as a whole, then one for each of its kernels. */
#include "cli/bench_report.h"

#define OWN 10                 /* columns that models and kernels share */
#define FIGURES CSA_BENCH_STEP /* a column for each before it; it and the share stand in those */

static void name_row(csa_table *t, const csa_bench_device *d, const csa_bench_model *m) {
  csa_cell(t, "%s", d->info.name);
  csa_cell(t, "%s", d->info.device);
  csa_cell(t, "%s", m->name);
}

static void skip(csa_table *t, int count) {
  for (int i = 0; i < count; i++) csa_cell(t, "%s", "");
}

static void print_model(csa_table *t, const csa_bench *b, const csa_bench_device *d, const csa_bench_model *m) {
  double value;
  name_row(t, d, m);
  skip(t, 1);
  csa_cell(t, "%zu", m->speed.launch_count);
  csa_cell(t, "%.6f", 1e3 * m->speed.step_s);
  skip(t, 2);
  csa_cell(t, "%.4f", csa_roofline_step(&d->peak, &m->speed));
  skip(t, 1);
  for (int f = 0; f < FIGURES; f++)
    if (csa_bench_value(b, d, m, f, &value))
      csa_cell(t, "%.6g", value);
    else
      skip(t, 1);
}

static void print_kernel(csa_table *t, const csa_bench_device *d, const csa_bench_model *m,
                         const csa_kernel_figures *k) {
  name_row(t, d, m);
  csa_cell(t, "%s", k->name);
  csa_cell(t, "%d", k->calls);
  csa_cell(t, "%.6f", 1e3 * k->seconds);
  csa_cell(t, "%.3f", csa_giga_rate(k->flops, k->seconds));
  csa_cell(t, "%.3f", csa_giga_rate(k->bytes, k->seconds));
  csa_cell(t, "%.4f", csa_roofline_share(&d->peak, k));
  csa_cell(t, "%s", csa_roofline_bound(&d->peak, k));
  skip(t, FIGURES);
}

void csa_bench_print_csv(const csa_bench *b, FILE *out) {
  csa_column columns[OWN + FIGURES] = {{"device", -1}, {"device_name", -1}, {"model", -1}, {"kernel", -1},
                                       {"calls", 1},   {"ms", 1},           {"gflops", 1}, {"gbytes_per_s", 1},
                                       {"of_peak", 1}, {"bound", -1}};
  for (int f = 0; f < FIGURES; f++) columns[OWN + f] = (csa_column){csa_bench_figures[f].key, 1};
  csa_table t = csa_table_begin(out, CSA_AS_CSV, columns, OWN + FIGURES);
  for (int i = 0; i < b->count; i++)
    for (int m = 0; m < b->devices[i].model_count; m++) {
      const csa_bench_device *d = &b->devices[i];
      const csa_bench_model *model = &d->models[m];
      print_model(&t, b, d, model);
      for (size_t k = 0; k < model->speed.kernel_count; k++) print_kernel(&t, d, model, &model->speed.kernels[k]);
    }
  csa_table_end(&t);
}
