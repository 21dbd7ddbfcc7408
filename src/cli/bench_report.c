#include "cli/bench_report.h"

#include <string.h>

#include "core/file.h"

#define REPORT_BYTES_MAX ((uint64_t)64 << 20)

static double per_second(double amount, double seconds) { return seconds > 0.0 ? 1e-9 * amount / seconds : 0.0; }

double csa_bench_of_peak(const csa_bench *b, const csa_kernel_figures *k) {
  const double arithmetic = per_second(k->flops, k->seconds) / b->gflops;
  const double bytes = per_second(k->bytes, k->seconds) / b->gbytes_per_s;
  return arithmetic > bytes ? arithmetic : bytes;
}

static void print_model(const csa_bench *b, int index, FILE *out) {
  const csa_benchmark *m = &b->models[index];
  fprintf(out,
          "\n%s, batch %d: training %.0f images/s, forward alone %.0f images/s; %.1f MiB, compiled in %.2f s\n"
          "one step %.2f ms, of it %.1f %% outside kernels\n\n",
          b->names[index], m->batch, m->train_images_per_s, m->eval_images_per_s, (double)m->bytes / 1048576.0,
          m->compile_s, 1e3 * m->step_s, 100.0 * (1.0 - m->kernels_s / m->step_s));
  fprintf(out, "%-28s %6s %10s %7s %10s %10s %8s\n", "kernel", "calls", "ms", "share", "GFLOP/s", "GB/s", "of peak");
  for (size_t i = 0; i < m->kernel_count; i++) {
    const csa_kernel_figures *k = &m->kernels[i];
    fprintf(out, "%-28s %6d %10.3f %5.1f %% %10.1f %10.1f %6.1f %%\n", k->name, k->calls, 1e3 * k->seconds,
            100.0 * k->seconds / m->kernels_s, per_second(k->flops, k->seconds), per_second(k->bytes, k->seconds),
            100.0 * csa_bench_of_peak(b, k));
  }
}

static const char *form(const csa_product *p) { return p->trans_a ? "TN" : p->trans_b ? "NT" : "NN"; }
static const char *provider(const csa_product *p) { return p->provider == CSA_GEMM_CLBLAST ? "clblast" : "native"; }

void csa_bench_print(const csa_bench *b, FILE *out) {
  fprintf(out, "%s: %s, driver %s, %d compute units\nmeasured peak: %.1f GFLOP/s, copying %.1f GB/s\n", b->info.name,
          b->info.device, b->info.driver, b->info.compute_units, b->gflops, b->gbytes_per_s);
  for (int i = 0; i < b->model_count; i++) print_model(b, i, out);
  if (b->product_count > 0)
    fprintf(out, "\n%-28s %-4s %-9s %10s %8s\n", "product m x n x k", "form", "provider", "GFLOP/s", "of peak");
  for (int i = 0; i < b->product_count; i++) {
    const csa_product *p = &b->products[i];
    char shape[48];
    snprintf(shape, sizeof shape, "%d x %d x %d", p->m, p->n, p->k);
    fprintf(out, "%-28s %-4s %-9s %10.1f %6.1f %%\n", shape, form(p), provider(p), b->product_gflops[i],
            100.0 * b->product_gflops[i] / b->gflops);
  }
}

void csa_bench_print_csv(const csa_bench *b, FILE *out, bool header) {
  if (header) fprintf(out, "device,model,kernel,calls,ms,gflops,gbytes_per_s,of_peak\n");
  for (int i = 0; i < b->model_count; i++)
    for (size_t j = 0; j < b->models[i].kernel_count; j++) {
      const csa_kernel_figures *k = &b->models[i].kernels[j];
      fprintf(out, "%s,%s,%s,%d,%.6f,%.3f,%.3f,%.4f\n", b->info.name, b->names[i], k->name, k->calls, 1e3 * k->seconds,
              per_second(k->flops, k->seconds), per_second(k->bytes, k->seconds), csa_bench_of_peak(b, k));
    }
}

static json_t *model_json(const csa_bench *b, const csa_benchmark *m) {
  json_t *kernels = json_array();
  for (size_t i = 0; i < m->kernel_count; i++) {
    const csa_kernel_figures *k = &m->kernels[i];
    json_array_append_new(
        kernels, json_pack("{s:s, s:i, s:f, s:f, s:f, s:f}", "name", k->name, "calls", k->calls, "ms", 1e3 * k->seconds,
                           "gflops", per_second(k->flops, k->seconds), "gbytes_per_s", per_second(k->bytes, k->seconds),
                           "of_peak", csa_bench_of_peak(b, k)));
  }
  return json_pack("{s:i, s:f, s:f, s:f, s:I, s:f, s:f, s:o}", "batch", m->batch, "train_images_per_s",
                   m->train_images_per_s, "eval_images_per_s", m->eval_images_per_s, "compile_s", m->compile_s,
                   "peak_bytes", (json_int_t)m->bytes, "step_ms", 1e3 * m->step_s, "kernels_ms", 1e3 * m->kernels_s,
                   "kernels", kernels);
}

json_t *csa_bench_json(const csa_bench *b) {
  json_t *models = json_object(), *products = json_array();
  for (int i = 0; i < b->model_count; i++) json_object_set_new(models, b->names[i], model_json(b, &b->models[i]));
  for (int i = 0; i < b->product_count; i++) {
    const csa_product *p = &b->products[i];
    json_array_append_new(products, json_pack("{s:i, s:i, s:i, s:s, s:s, s:f}", "m", p->m, "n", p->n, "k", p->k, "form",
                                              form(p), "provider", provider(p), "gflops", b->product_gflops[i]));
  }
  return json_pack("{s:{s:s, s:s, s:s, s:s, s:i}, s:{s:f, s:f}, s:o, s:o}", "device", "name", b->info.name, "device",
                   b->info.device, "platform", b->info.platform, "driver", b->info.driver, "compute_units",
                   b->info.compute_units, "peak", "gflops", b->gflops, "gbytes_per_s", b->gbytes_per_s, "models",
                   models, "gemm", products);
}

static json_t *event_json(const csa_launch_figures *l, int row) {
  return json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i}", "name", l->label, "cat", l->name, "ph", "X", "ts",
                   1e6 * l->span.begin, "dur", 1e6 * l->span.seconds, "pid", 1, "tid", row);
}

csa_status csa_bench_write_trace(const csa_bench *b, const char *path) {
  json_t *events = json_array();
  for (int i = 0; i < b->model_count; i++) {
    json_array_append_new(events, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", "thread_name", "ph", "M", "pid", 1,
                                            "tid", i + 1, "args", "name", b->names[i]));
    for (size_t j = 0; j < b->models[i].launch_count; j++)
      json_array_append_new(events, event_json(&b->models[i].launches[j], i + 1));
  }
  json_t *root = json_pack("{s:o}", "traceEvents", events);
  char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  if (text == NULL) return csa_fail(CSA_MEMORY, "--trace: the host has no more memory");
  const csa_status status = csa_file_replace(path, text, strlen(text));
  free(text);
  return status;
}

static csa_status read_report(const char *path, json_t **report) {
  uint8_t *text = NULL;
  size_t size;
  json_error_t error;
  CSA_TRY(csa_file_read(path, REPORT_BYTES_MAX, &text, &size));
  *report = json_loadb((const char *)text, size, 0, &error);
  free(text);
  if (*report == NULL) return csa_fail(CSA_INPUT, "bench: %s: line %d: %s", path, error.line, error.text);
  if (json_is_object(json_object_get(*report, "models")) && json_is_array(json_object_get(*report, "gemm")))
    return CSA_OK;
  json_decref(*report);
  *report = NULL;
  return csa_fail(CSA_INPUT, "bench: %s: not what clsattn bench --json prints for one device", path);
}

/* A row where both have the figure. */
static void compare_figure(const char *what, const json_t *a, const json_t *b, const char *key, FILE *out) {
  const double x = json_number_value(json_object_get(a, key)), y = json_number_value(json_object_get(b, key));
  if (x > 0.0 && y > 0.0) fprintf(out, "%-52s %12.3f %12.3f %8.3f\n", what, x, y, y / x);
}

static const json_t *kernel_named(const json_t *kernels, const char *name) {
  size_t i;
  json_t *kernel;
  json_array_foreach(kernels, i, kernel) {
    const char *own = json_string_value(json_object_get(kernel, "name"));
    if (own != NULL && name != NULL && strcmp(own, name) == 0) return kernel;
  }
  return NULL;
}

static void compare_model(const char *name, const json_t *a, const json_t *b, FILE *out) {
  static const char *const keys[] = {"train_images_per_s", "eval_images_per_s", "compile_s", "peak_bytes", "step_ms"};
  const json_t *kernels = json_object_get(a, "kernels");
  char what[128];
  size_t i;
  json_t *kernel;
  for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
    snprintf(what, sizeof what, "%s %s", name, keys[k]);
    compare_figure(what, a, b, keys[k], out);
  }
  json_array_foreach(kernels, i, kernel) {
    const char *own = json_string_value(json_object_get(kernel, "name"));
    snprintf(what, sizeof what, "%s %s ms", name, own != NULL ? own : "");
    compare_figure(what, kernel, kernel_named(json_object_get(b, "kernels"), own), "ms", out);
  }
}

/* Products come in the order in which they were measured. */
static void compare_products(const json_t *a, const json_t *b, FILE *out) {
  size_t i;
  json_t *product;
  json_array_foreach(a, i, product) {
    const json_t *other = json_array_get(b, i);
    const char *of = json_string_value(json_object_get(product, "provider"));
    char what[128];
    snprintf(what, sizeof what, "%lld x %lld x %lld %s GFLOP/s",
             (long long)json_integer_value(json_object_get(product, "m")),
             (long long)json_integer_value(json_object_get(product, "n")),
             (long long)json_integer_value(json_object_get(product, "k")), of != NULL ? of : "");
    if (json_equal(json_object_get(product, "m"), json_object_get(other, "m")) &&
        json_equal(json_object_get(product, "provider"), json_object_get(other, "provider")))
      compare_figure(what, product, other, "gflops", out);
  }
}

csa_status csa_bench_compare(const char *path_a, const char *path_b, FILE *out) {
  json_t *a = NULL, *b = NULL, *model;
  const char *name;
  csa_status status;
  CSA_GO(read_report(path_a, &a));
  CSA_GO(read_report(path_b, &b));
  fprintf(out, "%-52s %12s %12s %8s\n", "", "A", "B", "B / A");
  compare_figure("peak GFLOP/s", json_object_get(a, "peak"), json_object_get(b, "peak"), "gflops", out);
  compare_figure("peak GB/s", json_object_get(a, "peak"), json_object_get(b, "peak"), "gbytes_per_s", out);
  json_object_foreach(json_object_get(a, "models"), name, model) {
    compare_model(name, model, json_object_get(json_object_get(b, "models"), name), out);
  }
  compare_products(json_object_get(a, "gemm"), json_object_get(b, "gemm"), out);
done:
  json_decref(a);
  json_decref(b);
  return status;
}
