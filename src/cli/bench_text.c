/* `bench`'s report as text and as comma-separated values. */
#include <string.h>

#include "cli/bench_report.h"

static void print_epoch(const csa_bench *b, int device, int model, FILE *out) {
  const csa_bench_model *m = &b->devices[device].models[model];
  const int64_t steps = csa_bench_epoch_steps(b, &m->speed);
  double seconds;
  csa_bench_value(b, device, model, CSA_BENCH_EPOCH, &seconds);
  fprintf(out, "  an epoch of %lld images (%s): %.2f s; %d steps were measured, an epoch has %lld\n",
          (long long)b->epoch_images, b->data, seconds, m->speed.train.steps, (long long)steps);
}

static void print_compile(const csa_bench_model *m, FILE *out) {
  if (m->cold_s >= 0.0 && m->warm_s >= 0.0)
    fprintf(out, "  kernels ready after %.2f s with empty caches, %.2f s with full ones\n", m->cold_s, m->warm_s);
  else
    fprintf(out, "  kernels ready after %.2f s, with the caches as they were\n", m->speed.compile_s);
}

static void print_speed(const csa_bench *b, int device, int model, FILE *out) {
  const csa_bench_model *m = &b->devices[device].models[model];
  const csa_rate *train = &m->speed.train, *eval = &m->speed.eval;
  char text[256];
  double of_peak;
  fprintf(out, "\n%s, batch %d: training %.0f images/s, forward alone %.0f images/s; %.1f MiB\n", m->name,
          m->speed.batch, train->images_per_s, eval->images_per_s, (double)m->speed.bytes / 1048576.0);
  fprintf(out, "  medians of %d runs by turns: %.0f to %.0f and %.0f to %.0f images/s\n", CSA_BENCHMARK_RUNS,
          train->slowest, train->fastest, eval->slowest, eval->fastest);
  csa_bench_choices_text(&m->speed, text);
  fprintf(out, "  %s\n", text);
  print_epoch(b, device, model, out);
  print_compile(m, out);
  csa_bench_target_text(&m->target, text);
  if (m->target.wanted > 0.0) fprintf(out, "  %s\n", text);
  csa_bench_value(b, device, model, CSA_BENCH_OF_PEAK, &of_peak);
  fprintf(out, "  one step %.2f ms, of it %.1f %% outside kernels; all kernels: %.1f %% of their roofline\n\n",
          1e3 * m->speed.step_s, 100.0 * (1.0 - m->speed.kernels_s / m->speed.step_s), 100.0 * of_peak);
}

static void print_model(const csa_bench *b, int device, int model, FILE *out) {
  const csa_bench_device *d = &b->devices[device];
  const csa_benchmark *m = &d->models[model].speed;
  print_speed(b, device, model, out);
  fprintf(out, "%-28s %6s %10s %7s %10s %10s %12s  %s\n", "kernel", "calls", "ms", "share", "GFLOP/s", "GB/s",
          "of roofline", "bound");
  for (size_t i = 0; i < m->kernel_count; i++) {
    const csa_kernel_figures *k = &m->kernels[i];
    fprintf(out, "%-28s %6d %10.3f %5.1f %% %10.1f %10.1f %10.1f %%  %s\n", k->name, k->calls, 1e3 * k->seconds,
            100.0 * k->seconds / m->kernels_s, csa_bench_rate(k->flops, k->seconds),
            csa_bench_rate(k->bytes, k->seconds), 100.0 * csa_bench_of_peak(d, k), csa_bench_bound(d, k));
  }
}

void csa_bench_print(const csa_bench *b, int device, FILE *out) {
  const csa_bench_device *d = &b->devices[device];
  const int same = csa_bench_same_chip(b, device);
  fprintf(out, "%s%s: %s, %s, driver %s, %d compute units\n", device > 0 ? "\n" : "", d->info.name, d->info.device,
          d->info.platform, d->info.driver, d->info.compute_units);
  if (same >= 0) fprintf(out, "the same chip as %s: %s\n", b->devices[same].info.name, d->chip);
  if (d->status != CSA_OK) {
    fprintf(out, "failed: %s\n", d->error);
    if (!csa_bench_has_figures(d)) return;
  }
  fprintf(out, "measured peak: %.1f GFLOP/s, copying %.1f GB/s\n", d->gflops, d->gbytes_per_s);
  for (int i = 0; i < d->model_count; i++) print_model(b, device, i, out);
  if (d->product_count > 0)
    fprintf(out, "\n%-28s %-4s %-9s %10s %8s\n", "product m x n x k", "form", "provider", "GFLOP/s", "of peak");
  for (int i = 0; i < d->product_count; i++) {
    const csa_product *p = &d->products[i];
    char shape[48];
    snprintf(shape, sizeof shape, "%d x %d x %d", p->m, p->n, p->k);
    fprintf(out, "%-28s %-4s %-9s %10.1f %6.1f %%\n", shape, csa_product_form(p), csa_product_provider(p),
            d->product_gflops[i], 100.0 * d->product_gflops[i] / d->gflops);
  }
}

static void print_chips(void *out, const char *names, const char *chip) {
  fprintf(out, "%s are the same chip (%s): what differs is how they use it\n", names, chip);
}

static void print_figure(const csa_bench *b, const char *model, int figure, FILE *out) {
  const csa_bench_figure *f = &csa_bench_figures[figure];
  char title[64];
  snprintf(title, sizeof title, "%s: %s, %s", model, f->title, f->unit);
  fprintf(out, "%-40s", title);
  for (int i = 0; i < b->count; i++) {
    bool known = false;
    for (int m = 0; m < b->devices[i].model_count; m++) {
      double value;
      if (strcmp(b->devices[i].models[m].name, model) != 0 || !csa_bench_value(b, i, m, figure, &value)) continue;
      fprintf(out, " %12.*f", f->digits, f->scale * value);
      known = true;
    }
    if (!known) fprintf(out, " %12s", b->devices[i].status != CSA_OK ? "failed" : "-");
  }
  fprintf(out, "\n");
}

/* Devices side by side. */
static void print_table(const csa_bench *b, FILE *out) {
  const csa_bench_device *most = b->devices; /* the one that has most models */
  for (int i = 1; i < b->count; i++)
    if (b->devices[i].model_count > most->model_count) most = &b->devices[i];
  fprintf(out, "\n%-40s", "");
  for (int i = 0; i < b->count; i++) fprintf(out, " %12s", b->devices[i].info.name);
  fprintf(out, "\n");
  for (int m = 0; m < most->model_count; m++)
    for (int f = 0; f < CSA_BENCH_FIGURES; f++)
      if (f != CSA_BENCH_TARGET || most->models[m].target.wanted > 0.0) print_figure(b, most->models[m].name, f, out);
  csa_bench_chips(b, print_chips, out);
}

void csa_bench_print_summary(const csa_bench *b, FILE *out) {
  char busy[256];
  if (b->count > 1) print_table(b, out);
  if (csa_bench_busy_text(b, busy)) fprintf(out, "\n%s\n", busy);
}

#define CSV_FIGURES CSA_BENCH_STEP /* those before it; it and the share have a kernel's columns */

/* A field in quotes where it needs them. */
static void print_field(const char *text, FILE *out) {
  if (strpbrk(text, ",\"\r\n") == NULL) {
    fputs(text, out);
    return;
  }
  putc('"', out);
  for (; *text != '\0'; text++) fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
  putc('"', out);
}

/* A row for the model as a whole, then one for each of its kernels. */
static void print_csv_model(const csa_bench *b, int device, int model, FILE *out) {
  const csa_bench_device *d = &b->devices[device];
  const csa_bench_model *m = &d->models[model];
  fprintf(out, "%s,", d->info.name);
  print_field(d->info.device, out);
  double value;
  csa_bench_value(b, device, model, CSA_BENCH_OF_PEAK, &value);
  fprintf(out, ",%s,,%zu,%.6f,,,%.4f,", m->name, m->speed.launch_count, 1e3 * m->speed.step_s, value);
  for (int f = 0; f < CSV_FIGURES; f++) {
    putc(',', out);
    if (csa_bench_value(b, device, model, f, &value)) fprintf(out, "%.6g", value);
  }
  fprintf(out, "\n");
  for (size_t i = 0; i < m->speed.kernel_count; i++) {
    const csa_kernel_figures *k = &m->speed.kernels[i];
    fprintf(out, "%s,", d->info.name);
    print_field(d->info.device, out);
    fprintf(out, ",%s,%s,%d,%.6f,%.3f,%.3f,%.4f,%s", m->name, k->name, k->calls, 1e3 * k->seconds,
            csa_bench_rate(k->flops, k->seconds), csa_bench_rate(k->bytes, k->seconds), csa_bench_of_peak(d, k),
            csa_bench_bound(d, k));
    for (int f = 0; f < CSV_FIGURES; f++) putc(',', out);
    fprintf(out, "\n");
  }
}

void csa_bench_print_csv(const csa_bench *b, FILE *out) {
  fprintf(out, "device,device_name,model,kernel,calls,ms,gflops,gbytes_per_s,of_peak,bound");
  for (int f = 0; f < CSV_FIGURES; f++) fprintf(out, ",%s", csa_bench_figures[f].key);
  fprintf(out, "\n");
  for (int i = 0; i < b->count; i++)
    for (int m = 0; m < b->devices[i].model_count; m++) print_csv_model(b, i, m, out);
}
