/* `bench`'s report as Markdown. */
#include <string.h>

#include "cli/bench_report.h"

/* A cell: what would end it, or begin a tag, is written so that it does not. */
static void print_cell(const char *text, FILE *out) {
  for (; *text != '\0'; text++) {
    if (*text == '|' || *text == '\\' || *text == '<' || *text == '`' || *text == '*') putc('\\', out);
    putc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
  }
  fputs(" |", out);
}

static void print_devices(const csa_bench *b, FILE *out) {
  fprintf(out,
          "| | device | platform | driver | units | peak GFLOP/s | copying GB/s | chip | load before |\n"
          "|---|---|---|---|--:|--:|--:|---|--:|\n");
  for (int i = 0; i < b->count; i++) {
    const csa_bench_device *d = &b->devices[i];
    fprintf(out, "| %s | ", d->info.name);
    print_cell(d->info.device, out);
    putc(' ', out);
    print_cell(d->info.platform, out);
    putc(' ', out);
    print_cell(d->info.driver, out);
    fprintf(out, " %d |", d->info.compute_units);
    if (d->gflops > 0.0)
      fprintf(out, " %.1f | %.1f |", d->gflops, d->gbytes_per_s);
    else
      fprintf(out, " - | - |");
    fprintf(out, " %s |", d->chip[0] != '\0' ? d->chip : "not known");
    if (d->load >= 0.0)
      fprintf(out, " %.2f |\n", d->load);
    else
      fprintf(out, " not known |\n");
  }
}

static void print_models(const csa_bench *b, FILE *out) {
  fprintf(out, "\n| model | device |");
  for (int f = 0; f < CSA_BENCH_FIGURES; f++)
    fprintf(out, " %s, %s |", csa_bench_figures[f].title, csa_bench_figures[f].unit);
  fprintf(out, "\n|---|---|");
  for (int f = 0; f < CSA_BENCH_FIGURES; f++) fprintf(out, "--:|");
  fprintf(out, "\n");
  for (int i = 0; i < b->count; i++)
    for (int m = 0; m < b->devices[i].model_count; m++) {
      fprintf(out, "| %s | %s |", b->devices[i].models[m].name, b->devices[i].info.name);
      for (int f = 0; f < CSA_BENCH_FIGURES; f++) {
        double value;
        if (csa_bench_value(b, i, m, f, &value))
          fprintf(out, " %.*f |", csa_bench_figures[f].digits, csa_bench_figures[f].scale * value);
        else
          fprintf(out, " - |");
      }
      fprintf(out, "\n");
    }
}

static void print_kernels(const csa_bench_device *d, const csa_bench_model *m, FILE *out) {
  fprintf(
      out,
      "\n## %s: kernels of a step of the %s\n\n| kernel | calls | ms | share | GFLOP/s | GB/s | of roofline | bound "
      "|\n|---|--:|--:|--:|--:|--:|--:|---|\n",
      d->info.name, m->name);
  for (size_t i = 0; i < m->speed.kernel_count; i++) {
    const csa_kernel_figures *k = &m->speed.kernels[i];
    fprintf(out, "| %s | %d | %.3f | %.1f %% | %.1f | %.1f | %.1f %% | %s |\n", k->name, k->calls, 1e3 * k->seconds,
            100.0 * k->seconds / m->speed.kernels_s, csa_bench_rate(k->flops, k->seconds),
            csa_bench_rate(k->bytes, k->seconds), 100.0 * csa_bench_of_peak(d, k), csa_bench_bound(d, k));
  }
}

static void print_products(const csa_bench_device *d, FILE *out) {
  fprintf(out, "\n## %s: products\n\n| m x n x k | form | provider | GFLOP/s | of peak |\n|---|---|---|--:|--:|\n",
          d->info.name);
  for (int i = 0; i < d->product_count; i++) {
    const csa_product *p = &d->products[i];
    fprintf(out, "| %d x %d x %d | %s | %s | %.1f | %.1f %% |\n", p->m, p->n, p->k, csa_product_form(p),
            csa_product_provider(p), d->product_gflops[i], 100.0 * d->product_gflops[i] / d->gflops);
  }
}

static void print_chips(void *out, const char *names, const char *chip) {
  fprintf(out, "\n%s are the same chip (%s): what differs is how they use it.\n", names, chip);
}

static void print_notes(const csa_bench *b, FILE *out) {
  char busy[256];
  csa_bench_chips(b, print_chips, out);
  if (csa_bench_busy_text(b, busy)) fprintf(out, "\nNote: %s.\n", busy);
  for (int i = 0; i < b->count; i++) {
    const csa_bench_device *d = &b->devices[i];
    if (d->status != CSA_OK) fprintf(out, "\n%s failed:\n\n```\n%s\n```\n", d->info.name, d->error);
    for (int m = 0; m < d->model_count; m++) {
      const csa_bench_model *model = &d->models[m];
      char text[256];
      csa_bench_choices_text(&model->speed, text);
      fprintf(out, "\n%s on %s: %s; batch %d, %d and %d steps measured; an epoch is %lld images (%s), %lld steps.\n",
              model->name, d->info.name, text, model->speed.batch, model->speed.train.steps, model->speed.eval.steps,
              (long long)b->epoch_images, b->data, (long long)csa_bench_epoch_steps(b, &model->speed));
      csa_bench_target_text(&model->target, text);
      if (model->target.wanted > 0.0) fprintf(out, "%s.\n", text);
    }
  }
}

void csa_bench_print_markdown(const csa_bench *b, FILE *out) {
  fprintf(out, "# clsattn bench\n%s, clsattn %s (%s), ", b->devices[0].date, csa_version(), csa_commit());
  if (b->machine.processor[0] != '\0') fprintf(out, "%s, ", b->machine.processor);
  fprintf(out, "%d processors, seed %llu\n\n", b->machine.cores, (unsigned long long)b->seed);
  print_devices(b, out);
  if (b->devices[0].model_count > 0 || b->count > 1) print_models(b, out);
  print_notes(b, out);
  for (int i = 0; i < b->count; i++) {
    for (int m = 0; m < b->devices[i].model_count; m++) print_kernels(&b->devices[i], &b->devices[i].models[m], out);
    if (b->devices[i].product_count > 0) print_products(&b->devices[i], out);
  }
}
