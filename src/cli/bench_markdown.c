/* `bench`'s report as Markdown. */
#include "cli/bench_report.h"
#include "report/kernels.h"

static void number(csa_table *t, bool known, int digits, double value, const char *instead) {
  if (known)
    csa_cell(t, "%.*f", digits, value);
  else
    csa_cell(t, "%s", instead);
}

static void print_devices(const csa_bench *b, FILE *out) {
  static const csa_column columns[] = {{"", -1},          {"device", -1},      {"platform", -1},    {"driver", -1},
                                       {"units", 1},      {"peak GFLOP/s", 1}, {"copying GB/s", 1}, {"chip", -1},
                                       {"load before", 1}};
  csa_table t = csa_table_begin(out, CSA_AS_MARKDOWN, columns, 9);
  for (int i = 0; i < b->count; i++) {
    const csa_bench_device *d = &b->devices[i];
    csa_cell(&t, "%s", d->info.name);
    csa_cell(&t, "%s", d->info.device);
    csa_cell(&t, "%s", d->info.platform);
    csa_cell(&t, "%s", d->info.driver);
    csa_cell(&t, "%d", d->info.compute_units);
    number(&t, d->peak.gflops > 0.0, 1, d->peak.gflops, "-");
    number(&t, d->peak.gflops > 0.0, 1, d->peak.gbytes_per_s, "-");
    csa_cell(&t, "%s", d->chip[0] != '\0' ? d->chip : "not known");
    number(&t, d->load >= 0.0, 2, d->load, "not known");
  }
  csa_table_end(&t);
}

static void print_models(const csa_bench *b, FILE *out) {
  char titles[CSA_BENCH_FIGURES][64], text[32];
  csa_column columns[2 + CSA_BENCH_FIGURES] = {{"model", -1}, {"device", -1}};
  for (int f = 0; f < CSA_BENCH_FIGURES; f++) {
    snprintf(titles[f], sizeof titles[f], "%s, %s", csa_bench_figures[f].title, csa_bench_figures[f].unit);
    columns[2 + f] = (csa_column){titles[f], 1};
  }
  fprintf(out, "\n");
  csa_table t = csa_table_begin(out, CSA_AS_MARKDOWN, columns, 2 + CSA_BENCH_FIGURES);
  for (int i = 0; i < b->count; i++)
    for (int m = 0; m < b->devices[i].model_count; m++) {
      csa_cell(&t, "%s", b->devices[i].models[m].name);
      csa_cell(&t, "%s", b->devices[i].info.name);
      for (int f = 0; f < CSA_BENCH_FIGURES; f++) {
        csa_bench_value_text(b, &b->devices[i], &b->devices[i].models[m], f, text);
        csa_cell(&t, "%s", text);
      }
    }
  csa_table_end(&t);
}

static void print_model_notes(const csa_bench *b, const csa_bench_device *d, const csa_bench_model *m, FILE *out) {
  char text[CSA_BENCH_TEXT];
  csa_bench_choices_text(m, text);
  fprintf(out, "\n%s on %s: %s; batch %d, %d and %d steps measured; an epoch is %lld images (%s), %lld steps.\n",
          m->name, d->info.name, text, m->speed.batch, m->speed.train.steps, m->speed.eval.steps,
          (long long)b->epoch_images, b->data, (long long)csa_bench_epoch_steps(b, m));
  csa_bench_target_text(&m->target, text);
  if (m->target.wanted > 0.0) fprintf(out, "%s.\n", text);
}

static void print_notes(const csa_bench *b, FILE *out) {
  char text[CSA_BENCH_TEXT];
  for (int i = 0; i < b->count; i++)
    if (csa_bench_chip_text(b, i, text)) fprintf(out, "\n%s.\n", text);
  if (csa_bench_busy_text(b, text)) fprintf(out, "\nNote: %s.\n", text);
  for (int i = 0; i < b->count; i++) {
    const csa_bench_device *d = &b->devices[i];
    if (d->status != CSA_OK) fprintf(out, "\n%s failed:\n\n```\n%s\n```\n", d->info.name, d->error);
    for (int m = 0; m < d->model_count; m++) print_model_notes(b, d, &d->models[m], out);
  }
}

/* Kernels of each model, and products. */
static void print_details(const csa_bench_device *d, FILE *out) {
  for (int m = 0; m < d->model_count; m++) {
    fprintf(out, "\n## %s: kernels of a step of the %s\n\n", d->info.name, d->models[m].name);
    csa_kernels_table(out, CSA_AS_MARKDOWN, &d->models[m].speed, &d->peak);
  }
  if (d->product_count == 0) return;
  fprintf(out, "\n## %s: products\n\n", d->info.name);
  csa_bench_print_products(d, CSA_AS_MARKDOWN, out);
}

void csa_bench_print_markdown(const csa_bench *b, FILE *out) {
  fprintf(out, "# clsattn bench\n%s, clsattn %s (%s), ", b->devices[0].date, csa_version(), csa_commit());
  if (b->machine.processor[0] != '\0') fprintf(out, "%s, ", b->machine.processor);
  fprintf(out, "%d processors, seed %llu\n\n", b->machine.cores, (unsigned long long)b->seed);
  print_devices(b, out);
  if (b->devices[0].model_count > 0 || b->count > 1) print_models(b, out);
  print_notes(b, out);
  for (int i = 0; i < b->count; i++) print_details(&b->devices[i], out);
}
