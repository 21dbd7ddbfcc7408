/* `bench`'s report as a page: devices side by side, then each device's kernels against its roofline. */
#include <stdlib.h>

#include "cli/bench_report.h"
#include "core/file.h"
#include "report/html.h"
#include "report/kernels.h"
#include "report/svg.h"

/* ---- what was measured on what */

static void print_head(const csa_bench *b, FILE *out) {
  csa_html_begin(out, "clsattn bench");
  fprintf(out, "<header>\n");
  if (b->count > 1)
    csa_html_element(out, "h1", "Training on %d OpenCL devices", b->count);
  else
    csa_html_element(out, "h1", "Training on an OpenCL device");
  csa_html_element(out, "p class=\"soft\"", "%s · clsattn %s, commit %s · %s%s%d processors · seed %llu",
                   b->devices[0].date, csa_version(), csa_commit(), b->machine.processor,
                   b->machine.processor[0] != '\0' ? ", " : "", b->machine.cores, (unsigned long long)b->seed);
  fprintf(out, "</header>\n");
}

static void print_device(const csa_bench_device *d, FILE *out) {
  char text[64];
  fprintf(out, "<div class=\"card\">\n");
  csa_html_element(out, "h3", "%s · %s", d->info.name, d->info.device);
  fprintf(out, "<dl>\n");
  csa_html_entry(out, "platform", d->info.platform);
  csa_html_entry(out, "driver", d->info.driver);
  snprintf(text, sizeof text, "%s, %d compute units", csa_device_type_text(d->info.type), d->info.compute_units);
  csa_html_entry(out, "kind", text);
  csa_html_entry(out, "chip", d->chip[0] != '\0' ? d->chip : "not known");
  if (d->peak.gflops > 0.0) {
    snprintf(text, sizeof text, "%.1f GFLOP/s, copying %.1f GB/s", d->peak.gflops, d->peak.gbytes_per_s);
    csa_html_entry(out, "measured peak", text);
  }
  snprintf(text, sizeof text, d->load >= 0.0 ? "%.2f" : "not known", d->load);
  csa_html_entry(out, "load before", text);
  fprintf(out, "</dl>\n</div>\n");
}

static void print_devices(const csa_bench *b, FILE *out) {
  char text[CSA_BENCH_TEXT];
  fprintf(out, "<section class=\"grid\">\n");
  for (int i = 0; i < b->count; i++) print_device(&b->devices[i], out);
  fprintf(out, "</section>\n");
  for (int i = 0; i < b->count; i++)
    if (csa_bench_chip_text(b, i, text)) csa_html_element(out, "p class=\"note\"", "%s.", text);
  if (csa_bench_busy_text(b, text)) csa_html_element(out, "p class=\"note\"", "Note: %s.", text);
  for (int i = 0; i < b->count; i++)
    if (b->devices[i].status != CSA_OK)
      csa_html_element(out, "p class=\"note\"", "%s failed: %s", b->devices[i].info.name, b->devices[i].error);
}

/* ---- a model on all devices */

static void print_tile(const csa_bench *b, const csa_bench_device *d, const char *model, int figure, FILE *out) {
  const csa_bench_figure *f = &csa_bench_figures[figure];
  char text[32];
  if (!csa_bench_value_text(b, d, csa_bench_model_named(d, model), figure, text)) return;
  fprintf(out, "<div class=\"card tile\">\n");
  csa_html_element(out, "span class=\"caps\"", "%s", f->title);
  csa_html_element(out, "b", "%s", text);
  csa_html_element(out, "span", "%s", f->unit);
  fprintf(out, "</div>\n");
}

/* Bars of one figure: a bar for each device that has it. */
static csa_status print_chart(const csa_bench *b, const char *model, int figure, FILE *out) {
  const csa_bench_figure *f = &csa_bench_figures[figure];
  csa_bar *bars = NULL;
  int count = 0;
  CSA_TRY(csa_new(&bars, (size_t)b->count, sizeof *bars));
  for (int i = 0; i < b->count; i++) {
    const csa_bench_device *d = &b->devices[i];
    const csa_bench_model *m = csa_bench_model_named(d, model);
    double value;
    char text[32];
    if (!csa_bench_value(b, d, m, figure, &value)) continue;
    csa_bar *bar = &bars[count++];
    *bar = (csa_bar){.value = f->scale * value, .part = f->scale * value};
    csa_bench_value_text(b, d, m, figure, text);
    snprintf(bar->label, sizeof bar->label, "%s · %s", d->info.name, d->info.device);
    snprintf(bar->text, sizeof bar->text, "%s %s", text, f->unit);
  }
  if (count > 0) {
    fprintf(out, "<div class=\"card\">\n");
    csa_html_element(out, "h3 class=\"caps\"", "%s, %s", f->title, f->unit);
    csa_svg_bars(out, f->title, f->unit, bars, count);
    fprintf(out, "</div>\n");
  }
  free(bars);
  return CSA_OK;
}

static void print_notes(const csa_bench *b, const csa_bench_device *d, const csa_bench_model *m, FILE *out) {
  const csa_rate *train = &m->speed.train, *eval = &m->speed.eval;
  char text[CSA_BENCH_TEXT];
  csa_bench_choices_text(m, text);
  csa_html_element(out, "p class=\"soft\"",
                   "%s: %s; medians of %d runs by turns, training %.0f to %.0f, evaluation %.0f to %.0f images/s; "
                   "%d and %d steps were measured. An epoch is %lld images (%s), %lld steps.",
                   d->info.name, text, CSA_BENCHMARK_RUNS, train->slowest, train->fastest, eval->slowest, eval->fastest,
                   train->steps, eval->steps, (long long)b->epoch_images, b->data,
                   (long long)csa_bench_epoch_steps(b, m));
  csa_bench_target_text(&m->target, text);
  if (m->target.wanted > 0.0) csa_html_element(out, "p class=\"soft\"", "%s: %s.", d->info.name, text);
}

/* One device: numbers. Several: bars, as there is something to compare. */
static csa_status print_model(const csa_bench *b, const csa_bench_model *model, FILE *out) {
  int having = 0;
  for (int i = 0; i < b->count; i++) having += csa_bench_model_named(&b->devices[i], model->name) != NULL;
  fprintf(out, "<section>\n");
  csa_html_element(out, "h2", "%s, batch %d", model->name, model->speed.batch);
  fprintf(out, "<div class=\"%s\">\n", having > 1 ? "grid" : "tiles");
  for (int f = 0; f < CSA_BENCH_FIGURES; f++) {
    if (f == CSA_BENCH_STEP) continue; /* stands above its kernels */
    if (having > 1) CSA_TRY(print_chart(b, model->name, f, out));
    for (int i = 0; i < b->count && having == 1; i++) print_tile(b, &b->devices[i], model->name, f, out);
  }
  fprintf(out, "</div>\n<div class=\"under\">\n");
  for (int i = 0; i < b->count; i++) {
    const csa_bench_model *m = csa_bench_model_named(&b->devices[i], model->name);
    if (m != NULL) print_notes(b, &b->devices[i], m, out);
  }
  fprintf(out, "</div>\n</section>\n");
  return CSA_OK;
}

/* ---- kernels and products */

static const char explanation[] =
    "<p><span class=\"key full\"></span>the shortest time that the device's measured peak allows "
    "<span class=\"key\"></span>what it took beyond that. The percentage is the share of the roofline: "
    "arithmetic at the peak multiply-add rate, or bytes at the rate of copying a large buffer, whichever takes longer. "
    "It passes 100&nbsp;% where caches spare the memory its bytes, where Winograd's filtering spares arithmetic "
    "(operations are counted as those of a direct convolution), or where the machine was busier while the peak was "
    "measured.</p>\n";

static csa_status print_kernels(const csa_bench *b, FILE *out) {
  fprintf(out, "<section>\n<h2>Where a step's time goes</h2>\n%s", explanation);
  for (int i = 0; i < b->count; i++)
    for (int m = 0; m < b->devices[i].model_count; m++) {
      const csa_bench_device *d = &b->devices[i];
      fprintf(out, "<div class=\"card wide\">\n");
      csa_html_element(out, "h3", "%s · %s: a step of %.2f ms, kernel by kernel", d->info.name, d->models[m].name,
                       1e3 * d->models[m].speed.step_s);
      CSA_TRY(csa_kernels_print(out, &d->models[m].speed, &d->peak));
      fprintf(out, "</div>\n");
    }
  fprintf(out, "</section>\n");
  return CSA_OK;
}

static void print_products(const csa_bench *b, FILE *out) {
  fprintf(out, "<section>\n<h2>Matrix products</h2>\n");
  for (int i = 0; i < b->count; i++) {
    if (b->devices[i].product_count == 0) continue;
    fprintf(out, "<div class=\"card wide\">\n");
    csa_html_element(out, "h3", "%s: matrix products", b->devices[i].info.name);
    csa_bench_print_products(&b->devices[i], CSA_AS_HTML, out);
    fprintf(out, "</div>\n");
  }
  fprintf(out, "</section>\n");
}

static csa_status print_page(const csa_bench *b, FILE *out) {
  const csa_bench_device *fullest = csa_bench_fullest(b);
  bool products = false;
  for (int i = 0; i < b->count; i++) products |= b->devices[i].product_count > 0;
  print_head(b, out);
  print_devices(b, out);
  for (int m = 0; m < fullest->model_count; m++) CSA_TRY(print_model(b, &fullest->models[m], out));
  if (fullest->model_count > 0) CSA_TRY(print_kernels(b, out));
  if (products) print_products(b, out);
  fprintf(out, "<footer>\n");
  csa_html_element(out, "p",
                   "Devices were measured one after the other, with the same model, seed and images. "
                   "Throughput is without compilation; compilation is a process of its own, with the caches "
                   "of clsattn and of drivers in an empty folder, and then once more with what that left there.");
  fprintf(out, "</footer>\n");
  csa_html_end(out);
  return CSA_OK;
}

csa_status csa_bench_write_html(const csa_bench *b, const char *path) {
  csa_file_writer *writer;
  CSA_TRY(csa_file_begin(&writer, path));
  return csa_file_close(writer, print_page(b, csa_file_stream(writer)));
}
