/* `bench`'s report as text: device by device as they are measured, then side by side. */
#include "cli/bench_report.h"
#include "report/kernels.h"

static void print_compile(const csa_bench_model *m, FILE *out) {
  if (m->cold_s >= 0.0 && m->warm_s >= 0.0)
    fprintf(out, "  kernels ready after %.2f s with empty caches, %.2f s with full ones\n", m->cold_s, m->warm_s);
  else
    fprintf(out, "  kernels ready after %.2f s, with the caches as they were\n", m->speed.compile_s);
}

static void print_speed(const csa_bench *b, const csa_bench_device *d, const csa_bench_model *m, FILE *out) {
  const csa_benchmark *speed = &m->speed;
  const csa_rate *train = &speed->train, *eval = &speed->eval;
  char text[CSA_BENCH_TEXT], epoch_s[32];
  fprintf(out, "\n%s, batch %d: training %.0f images/s, forward alone %.0f images/s; %.1f MiB\n", m->name, speed->batch,
          train->images_per_s, eval->images_per_s, (double)speed->bytes / 1048576.0);
  fprintf(out, "  medians of %d runs by turns: %.0f to %.0f and %.0f to %.0f images/s\n", CSA_BENCHMARK_RUNS,
          train->slowest, train->fastest, eval->slowest, eval->fastest);
  csa_bench_choices_text(m, text);
  fprintf(out, "  %s\n", text);
  csa_bench_value_text(b, d, m, CSA_BENCH_EPOCH, epoch_s);
  fprintf(out, "  an epoch of %lld images (%s): %s s; %d steps were measured, an epoch has %lld\n",
          (long long)b->epoch_images, b->data, epoch_s, train->steps, (long long)csa_bench_epoch_steps(b, m));
  print_compile(m, out);
  csa_bench_target_text(&m->target, text);
  if (m->target.wanted > 0.0) fprintf(out, "  %s\n", text);
  fprintf(out, "  one step %.2f ms, of it %.1f %% outside kernels; all kernels: %.1f %% of their roofline\n\n",
          1e3 * speed->step_s, 100.0 * (1.0 - speed->kernels_s / speed->step_s),
          100.0 * csa_roofline_step(&d->peak, speed));
}

void csa_bench_print(const csa_bench *b, int device, FILE *out) {
  const csa_bench_device *d = &b->devices[device];
  const int same = csa_bench_same_chip(b, device);
  fprintf(out, "%s%s: %s, %s, driver %s, %d compute units\n", device > 0 ? "\n" : "", d->info.name, d->info.device,
          d->info.platform, d->info.driver, d->info.compute_units);
  if (same != device) fprintf(out, "the same chip as %s: %s\n", b->devices[same].info.name, d->chip);
  if (d->status != CSA_OK) {
    fprintf(out, "failed: %s\n", d->error);
    if (!csa_bench_has_figures(d)) return;
  }
  fprintf(out, "measured peak: %.1f GFLOP/s, copying %.1f GB/s\n", d->peak.gflops, d->peak.gbytes_per_s);
  for (int i = 0; i < d->model_count; i++) {
    print_speed(b, d, &d->models[i], out);
    csa_kernels_table(out, CSA_AS_TEXT, &d->models[i].speed, &d->peak);
  }
  if (d->product_count == 0) return;
  fprintf(out, "\n");
  csa_bench_print_products(d, CSA_AS_TEXT, out);
}

/* ---- side by side */

static void print_figure(const csa_bench *b, const char *model, int figure, FILE *out) {
  char title[64], text[32];
  snprintf(title, sizeof title, "%s: %s, %s", model, csa_bench_figures[figure].title, csa_bench_figures[figure].unit);
  fprintf(out, "%-40s", title);
  for (int i = 0; i < b->count; i++) {
    const csa_bench_device *d = &b->devices[i];
    const bool known = csa_bench_value_text(b, d, csa_bench_model_named(d, model), figure, text);
    fprintf(out, " %12s", known || d->status == CSA_OK ? text : "failed");
  }
  fprintf(out, "\n");
}

static void print_table(const csa_bench *b, FILE *out) {
  const csa_bench_device *fullest = csa_bench_fullest(b);
  fprintf(out, "\n%-40s", "");
  for (int i = 0; i < b->count; i++) fprintf(out, " %12s", b->devices[i].info.name);
  fprintf(out, "\n");
  for (int m = 0; m < fullest->model_count; m++)
    for (int f = 0; f < CSA_BENCH_FIGURES; f++)
      if (f != CSA_BENCH_TARGET || fullest->models[m].target.wanted > 0.0)
        print_figure(b, fullest->models[m].name, f, out);
}

void csa_bench_print_summary(const csa_bench *b, FILE *out) {
  char text[CSA_BENCH_TEXT];
  if (b->count > 1) print_table(b, out);
  for (int i = 0; i < b->count; i++)
    if (csa_bench_chip_text(b, i, text)) fprintf(out, "%s\n", text);
  if (csa_bench_busy_text(b, text)) fprintf(out, "\n%s\n", text);
}
