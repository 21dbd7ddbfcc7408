/* `bench`'s report as a page: devices side by side, then each device's kernels against its roofline. */
#include <stdlib.h>
#include <string.h>

#include "cli/bench_report.h"
#include "core/file.h"
#include "report/html.h"
#include "report/svg.h"

#define SHOWN 0.01 /* of a step's time: kernels below it are drawn as one */
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
  if (d->gflops > 0.0) {
    snprintf(text, sizeof text, "%.1f GFLOP/s, copying %.1f GB/s", d->gflops, d->gbytes_per_s);
    csa_html_entry(out, "measured peak", text);
  }
  snprintf(text, sizeof text, d->load >= 0.0 ? "%.2f" : "not known", d->load);
  csa_html_entry(out, "load before", text);
  fprintf(out, "</dl>\n</div>\n");
}

static void print_chips(void *out, const char *names, const char *chip) {
  csa_html_element(out, "p class=\"note\"", "%s are the same chip (%s): what differs is how they use it.", names, chip);
}

static void print_devices(const csa_bench *b, FILE *out) {
  char busy[256];
  fprintf(out, "<section class=\"grid\">\n");
  for (int i = 0; i < b->count; i++) print_device(&b->devices[i], out);
  fprintf(out, "</section>\n");
  csa_bench_chips(b, print_chips, out);
  if (csa_bench_busy_text(b, busy)) csa_html_element(out, "p class=\"note\"", "Note: %s.", busy);
  for (int i = 0; i < b->count; i++)
    if (b->devices[i].status != CSA_OK)
      csa_html_element(out, "p class=\"note\"", "%s failed: %s", b->devices[i].info.name, b->devices[i].error);
}

/* ---- a model on all devices */

/* The model's number on a device; -1 where it is not there. */
static int model_on(const csa_bench_device *d, const char *name) {
  for (int m = 0; m < d->model_count; m++)
    if (strcmp(d->models[m].name, name) == 0) return m;
  return -1;
}

static int devices_with(const csa_bench *b, const char *name) {
  int count = 0;
  for (int i = 0; i < b->count; i++) count += model_on(&b->devices[i], name) >= 0;
  return count;
}

static void print_tile(const csa_bench *b, int device, int model, int figure, FILE *out) {
  const csa_bench_figure *f = &csa_bench_figures[figure];
  double value;
  if (!csa_bench_value(b, device, model, figure, &value)) return;
  fprintf(out, "<div class=\"card tile\">\n");
  csa_html_element(out, "span class=\"caps\"", "%s", f->title);
  csa_html_element(out, "b", "%.*f", f->digits, f->scale * value);
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
    const int m = model_on(&b->devices[i], model);
    double value;
    if (m < 0 || !csa_bench_value(b, i, m, figure, &value)) continue;
    csa_bar *bar = &bars[count++];
    *bar = (csa_bar){.value = f->scale * value, .part = f->scale * value};
    snprintf(bar->label, sizeof bar->label, "%s · %s", b->devices[i].info.name, b->devices[i].info.device);
    snprintf(bar->text, sizeof bar->text, "%.*f %s", f->digits, f->scale * value, f->unit);
  }
  if (count == 0) goto done;
  fprintf(out, "<div class=\"card\">\n");
  csa_html_element(out, "h3 class=\"caps\"", "%s, %s", f->title, f->unit);
  csa_svg_bars(out, f->title, f->unit, bars, count);
  fprintf(out, "</div>\n");
done:
  free(bars);
  return CSA_OK;
}

static void print_epochs(const csa_bench *b, const char *model, FILE *out) {
  fprintf(out, "<div class=\"under\">\n");
  for (int i = 0; i < b->count; i++) {
    const int m = model_on(&b->devices[i], model);
    char text[256];
    if (m < 0) continue;
    const csa_bench_model *of = &b->devices[i].models[m];
    csa_bench_choices_text(&of->speed, text);
    csa_html_element(
        out, "p class=\"soft\"",
        "%s: %s; medians of %d runs by turns, training %.0f to %.0f, evaluation %.0f to %.0f images/s; %d and "
        "%d steps were measured. An epoch is %lld images (%s), %lld steps.",
        b->devices[i].info.name, text, CSA_BENCHMARK_RUNS, of->speed.train.slowest, of->speed.train.fastest,
        of->speed.eval.slowest, of->speed.eval.fastest, of->speed.train.steps, of->speed.eval.steps,
        (long long)b->epoch_images, b->data, (long long)csa_bench_epoch_steps(b, &of->speed));
    csa_bench_target_text(&of->target, text);
    if (of->target.wanted > 0.0) csa_html_element(out, "p class=\"soft\"", "%s: %s.", b->devices[i].info.name, text);
  }
  fprintf(out, "</div>\n");
}

/* One device: numbers. Several: bars, as there is something to compare. */
static csa_status print_model(const csa_bench *b, const csa_bench_model *model, FILE *out) {
  const bool several = devices_with(b, model->name) > 1;
  fprintf(out, "<section>\n");
  csa_html_element(out, "h2", "%s, batch %d", model->name, model->speed.batch);
  fprintf(out, "<div class=\"%s\">\n", several ? "grid" : "tiles");
  for (int f = 0; f < CSA_BENCH_FIGURES; f++) {
    if (f == CSA_BENCH_STEP) continue; /* stands above its kernels */
    if (several) CSA_TRY(print_chart(b, model->name, f, out));
    for (int i = 0; i < b->count && !several; i++) {
      const int m = model_on(&b->devices[i], model->name);
      if (m >= 0) print_tile(b, i, m, f, out);
    }
  }
  fprintf(out, "</div>\n");
  print_epochs(b, model->name, out);
  fprintf(out, "</section>\n");
  return CSA_OK;
}

/* ---- kernels */

#define NUMBER "td class=\"number\""

static void print_kernel_table(const csa_bench_device *d, const csa_benchmark *m, FILE *out) {
  static const char *const names[] = {"kernel",  "bound", "calls",       "ms", "share",
                                      "GFLOP/s", "GB/s",  "of roofline", NULL};
  fprintf(out, "<details><summary>All %zu kernels as a table</summary>\n", m->kernel_count);
  csa_html_header(out, names, 2);
  for (size_t i = 0; i < m->kernel_count; i++) {
    const csa_kernel_figures *k = &m->kernels[i];
    fprintf(out, "<tr>");
    csa_html_element(out, "td", "%s", k->name);
    csa_html_element(out, "td", "%s", csa_bench_bound(d, k));
    csa_html_element(out, NUMBER, "%d", k->calls);
    csa_html_element(out, NUMBER, "%.3f", 1e3 * k->seconds);
    csa_html_element(out, NUMBER, "%.1f %%", 100.0 * k->seconds / m->kernels_s);
    csa_html_element(out, NUMBER, "%.1f", csa_bench_rate(k->flops, k->seconds));
    csa_html_element(out, NUMBER, "%.1f", csa_bench_rate(k->bytes, k->seconds));
    csa_html_element(out, NUMBER, "%.1f %%", 100.0 * csa_bench_of_peak(d, k));
    fprintf(out, "</tr>\n");
  }
  fprintf(out, "</table></div></details>\n");
}

/* A bar is a kernel's time; its solid part is what the roofline would take. */
static csa_status print_kernels(const csa_bench_device *d, const csa_bench_model *model, FILE *out) {
  const csa_benchmark *m = &model->speed;
  double others = 0.0, others_bound = 0.0;
  int other_count = 0, count = 0;
  csa_bar *bars = NULL;
  CSA_TRY(csa_new(&bars, m->kernel_count + 1, sizeof *bars));
  for (size_t i = 0; i < m->kernel_count; i++) {
    const csa_kernel_figures *k = &m->kernels[i];
    const double ms = 1e3 * k->seconds, share = csa_bench_of_peak(d, k);
    if (k->seconds < SHOWN * m->kernels_s) {
      others += ms;
      others_bound += share * ms;
      other_count++;
      continue;
    }
    csa_bar *bar = &bars[count++];
    *bar = (csa_bar){.value = ms, .part = share * ms};
    snprintf(bar->label, sizeof bar->label, "%s × %d, %s", k->name, k->calls, csa_bench_bound(d, k));
    snprintf(bar->text, sizeof bar->text, "%.2f ms, %.0f %%", ms, 100.0 * share);
  }
  if (other_count > 0) {
    csa_bar *bar = &bars[count++];
    *bar = (csa_bar){.value = others, .part = others_bound};
    snprintf(bar->label, sizeof bar->label, "%d others", other_count);
    snprintf(bar->text, sizeof bar->text, "%.2f ms, %.0f %%", others,
             others > 0.0 ? 100.0 * others_bound / others : 0.0);
  }
  fprintf(out, "<div class=\"card wide\">\n");
  csa_html_element(out, "h3", "%s · %s: a step of %.2f ms, kernel by kernel", d->info.name, model->name,
                   1e3 * m->step_s);
  csa_svg_bars(out, "time of each kernel and what its roofline allows", "ms", bars, count);
  print_kernel_table(d, m, out);
  fprintf(out, "</div>\n");
  free(bars);
  return CSA_OK;
}

static void print_products(const csa_bench_device *d, FILE *out) {
  static const char *const names[] = {"m × n × k", "form", "provider", "GFLOP/s", "of peak", NULL};
  fprintf(out, "<div class=\"card wide\">\n");
  csa_html_element(out, "h3", "%s: matrix products", d->info.name);
  csa_html_header(out, names, 3);
  for (int i = 0; i < d->product_count; i++) {
    const csa_product *p = &d->products[i];
    fprintf(out, "<tr>");
    csa_html_element(out, "td", "%d × %d × %d", p->m, p->n, p->k);
    csa_html_element(out, "td", "%s", csa_product_form(p));
    csa_html_element(out, "td", "%s", csa_product_provider(p));
    csa_html_element(out, NUMBER, "%.1f", d->product_gflops[i]);
    csa_html_element(out, NUMBER, "%.1f %%", 100.0 * d->product_gflops[i] / d->gflops);
    fprintf(out, "</tr>\n");
  }
  fprintf(out, "</table></div>\n</div>\n");
}

static const char explanation[] =
    "<p><span class=\"key full\"></span>the shortest time that the device's measured peak allows "
    "<span class=\"key\"></span>what it took beyond that. The percentage is the share of the roofline: "
    "arithmetic at the peak multiply-add rate, or bytes at the rate of copying a large buffer, whichever takes longer. "
    "It passes 100&nbsp;% where caches spare the memory its bytes, where Winograd's filtering spares arithmetic "
    "(operations are counted as those of a direct convolution), or where the machine was busier while the peak was "
    "measured.</p>\n";

static csa_status print_details(const csa_bench *b, FILE *out) {
  bool models = false, products = false;
  for (int i = 0; i < b->count; i++) {
    models |= b->devices[i].model_count > 0;
    products |= b->devices[i].product_count > 0;
  }
  if (models) fprintf(out, "<section>\n<h2>Where a step's time goes</h2>\n%s", explanation);
  for (int i = 0; i < b->count; i++)
    for (int m = 0; m < b->devices[i].model_count; m++)
      CSA_TRY(print_kernels(&b->devices[i], &b->devices[i].models[m], out));
  if (models) fprintf(out, "</section>\n");
  if (products) fprintf(out, "<section>\n<h2>Matrix products</h2>\n");
  for (int i = 0; i < b->count; i++)
    if (b->devices[i].product_count > 0) print_products(&b->devices[i], out);
  if (products) fprintf(out, "</section>\n");
  return CSA_OK;
}

/* Those of the device that has most, as what fails ends the list. */
static csa_status print_models(const csa_bench *b, FILE *out) {
  const csa_bench_device *d = b->devices;
  for (int i = 1; i < b->count; i++)
    if (b->devices[i].model_count > d->model_count) d = &b->devices[i];
  for (int m = 0; m < d->model_count; m++) CSA_TRY(print_model(b, &d->models[m], out));
  return CSA_OK;
}

static csa_status print_page(const csa_bench *b, FILE *out) {
  print_head(b, out);
  print_devices(b, out);
  CSA_TRY(print_models(b, out));
  CSA_TRY(print_details(b, out));
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
  const csa_status status = print_page(b, csa_file_stream(writer));
  if (status == CSA_OK) return csa_file_end(writer);
  csa_file_drop(writer);
  return status;
}
