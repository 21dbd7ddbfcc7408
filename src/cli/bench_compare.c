/* bench --compare: two documents that `bench --json` wrote, figure by figure. The comparison is a JSON document, which
 * is printed as it is or as Markdown. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench_report.h"
#include "cli/output.h"
#include "core/file.h"

#define REPORT_BYTES_MAX ((uint64_t)64 << 20)

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text != NULL ? text : "not known";
}

static long long whole_of(const json_t *object, const char *key) {
  return json_integer_value(json_object_get(object, key));
}

/* ---- reading */

static csa_status refuse(const char *path, const char *why) {
  return csa_fail(CSA_INPUT, "bench: %s: not what clsattn bench --json prints: %s", path, why);
}

/* A device that failed before anything was measured. */
static bool has_failed(const json_t *d) {
  return json_is_string(json_object_get(d, "error")) && json_object_get(d, "models") == NULL;
}

/* A device's document, or what a failed device left. */
static csa_status check_device(json_t *d, const char *path) {
  const char *name;
  json_t *model;
  json_error_t error;
  if (json_unpack_ex(d, &error, JSON_VALIDATE_ONLY, has_failed(d) ? "{s:{}}" : "{s:{}, s:{}, s:{}, s:[]}", "device",
                     "peak", "models", "gemm") != 0)
    return refuse(path, error.text);
  json_object_foreach(json_object_get(d, "models"), name, model) {
    if (!json_is_array(json_object_get(model, "kernels"))) return refuse(path, "a model has no \"kernels\"");
  }
  return CSA_OK;
}

static csa_status check_devices(const json_t *devices, const char *path) {
  size_t i;
  json_t *d;
  if (json_array_size(devices) == 0) return refuse(path, "it has no device");
  json_array_foreach(devices, i, d) { CSA_TRY(check_device(d, path)); }
  return CSA_OK;
}

/* The devices of a file as an array, be it one or several. */
static csa_status read_devices(const char *path, json_t **devices) {
  uint8_t *text = NULL;
  size_t size;
  json_error_t error;
  *devices = NULL;
  CSA_TRY(csa_file_read(path, REPORT_BYTES_MAX, &text, &size));
  json_t *root = json_loadb((const char *)text, size, 0, &error);
  free(text);
  if (root == NULL) return csa_fail(CSA_INPUT, "bench: %s: line %d: %s", path, error.line, error.text);
  json_t *list = json_object_get(root, "devices");
  *devices = json_is_array(list) ? json_incref(list) : json_pack("[O]", root);
  json_decref(root);
  return check_devices(*devices, path);
}

/* ---- comparing */

static void warn(json_t *warnings, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(json_t *warnings, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  json_array_append_new(warnings, json_string(text));
}

/* A row, where both have the figure. */
static void add_row(json_t *rows, const char *model, const char *what, const char *unit, const json_t *a,
                    const json_t *b) {
  const double x = json_number_value(a), y = json_number_value(b);
  if (!(x > 0.0) || !(y > 0.0)) return;
  json_array_append_new(rows, json_pack("{s:s*, s:s, s:s, s:f, s:f, s:f}", "model", model, "figure", what, "unit", unit,
                                        "a", x, "b", y, "ratio", y / x));
}

static const json_t *kernel_named(const json_t *kernels, const char *name) {
  size_t i;
  json_t *kernel;
  json_array_foreach(kernels, i, kernel) if (strcmp(text_of(kernel, "name"), name) == 0) return kernel;
  return NULL;
}

static void warn_of_text(json_t *warnings, const char *of, const char *what, const char *a, const char *b) {
  if (strcmp(a, b) != 0) warn(warnings, "%s: other %s: %s and %s", of, what, a, b);
}

static void warn_of_choices(json_t *warnings, const char *model, const json_t *a, const json_t *b) {
  static const char *const keys[] = {"kernels", "gemm", "conv", "precision"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0] && a != NULL && b != NULL; i++)
    warn_of_text(warnings, model, keys[i], text_of(a, keys[i]), text_of(b, keys[i]));
}

static void warn_of_tuning(json_t *warnings, const char *model, const json_t *a, const json_t *b) {
  const size_t count_a = json_array_size(a), count_b = json_array_size(b);
  if (count_a + count_b > 0 && !json_equal(a, b))
    warn(warnings, "%s: other tuned parameters: %zu and %zu kernels have some", model, count_a, count_b);
}

static void compare_model(json_t *rows, json_t *warnings, const char *name, const json_t *a, const json_t *b) {
  const json_t *kernels = json_object_get(a, "kernels");
  size_t i;
  json_t *kernel;
  if (!json_equal(json_object_get(a, "batch"), json_object_get(b, "batch")))
    warn(warnings, "%s: other batches: %lld and %lld images", name, whole_of(a, "batch"), whole_of(b, "batch"));
  warn_of_choices(warnings, name, json_object_get(a, "choices"), json_object_get(b, "choices"));
  warn_of_tuning(warnings, name, json_object_get(a, "tuning"), json_object_get(b, "tuning"));
  for (int f = 0; f < CSA_BENCH_FIGURES; f++) {
    const char *key = csa_bench_figures[f].key;
    add_row(rows, name, key, "", json_object_get(a, key), json_object_get(b, key));
  }
  json_array_foreach(kernels, i, kernel) {
    const char *own = text_of(kernel, "name");
    add_row(rows, name, own, "ms", json_object_get(kernel, "ms"),
            json_object_get(kernel_named(json_object_get(b, "kernels"), own), "ms"));
  }
}

static bool same_product(const json_t *a, const json_t *b) {
  static const char *const keys[] = {"m", "n", "k", "form", "provider"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i]))) return false;
  return true;
}

static void compare_products(json_t *rows, const json_t *a, const json_t *b) {
  size_t i, j;
  json_t *product, *other;
  json_array_foreach(a, i, product) {
    char what[128];
    snprintf(what, sizeof what, "%lld x %lld x %lld, %s, %s", whole_of(product, "m"), whole_of(product, "n"),
             whole_of(product, "k"), text_of(product, "form"), text_of(product, "provider"));
    json_array_foreach(b, j, other) if (same_product(product, other))
        add_row(rows, NULL, what, "GFLOP/s", json_object_get(product, "gflops"), json_object_get(other, "gflops"));
  }
}

static json_t *compare_devices(json_t *warnings, const json_t *a, const json_t *b) {
  const json_t *x = json_object_get(a, "device"), *y = json_object_get(b, "device");
  const json_t *peak_a = json_object_get(a, "peak"), *peak_b = json_object_get(b, "peak");
  const char *device = text_of(x, "name"), *name;
  json_t *rows = json_array(), *model;
  warn_of_text(warnings, device, "devices", text_of(x, "device"), text_of(y, "device"));
  warn_of_text(warnings, device, "platforms", text_of(x, "platform"), text_of(y, "platform"));
  warn_of_text(warnings, device, "drivers", text_of(x, "driver"), text_of(y, "driver"));
  warn_of_text(warnings, device, "commits", text_of(a, "commit"), text_of(b, "commit"));
  warn_of_text(warnings, device, "processors", text_of(json_object_get(a, "machine"), "processor"),
               text_of(json_object_get(b, "machine"), "processor"));
  add_row(rows, NULL, "peak", "GFLOP/s", json_object_get(peak_a, "gflops"), json_object_get(peak_b, "gflops"));
  add_row(rows, NULL, "copying", "GB/s", json_object_get(peak_a, "gbytes_per_s"),
          json_object_get(peak_b, "gbytes_per_s"));
  json_object_foreach(json_object_get(a, "models"), name, model) {
    const json_t *other = json_object_get(json_object_get(b, "models"), name);
    if (other != NULL) compare_model(rows, warnings, name, model, other);
  }
  compare_products(rows, json_object_get(a, "gemm"), json_object_get(b, "gemm"));
  return json_pack("{s:s, s:s, s:s, s:o}", "name", device, "a", text_of(x, "device"), "b", text_of(y, "device"), "rows",
                   rows);
}

static bool are_alike(const json_t *a, const json_t *b) {
  const json_t *x = json_object_get(a, "device"), *y = json_object_get(b, "device");
  return strcmp(text_of(x, "device"), text_of(y, "device")) == 0 &&
         strcmp(text_of(x, "platform"), text_of(y, "platform")) == 0;
}

/* B's device of the same platform and name, of several the one in the same place among those; where each file has one
 * device only, these two, whatever they are. */
static const json_t *partner_of(const json_t *a, size_t index, const json_t *b) {
  size_t i, earlier = 0;
  json_t *d;
  if (json_array_size(a) == 1 && json_array_size(b) == 1) return json_array_get(b, 0);
  for (i = 0; i < index; i++) earlier += are_alike(json_array_get(a, i), json_array_get(a, index));
  json_array_foreach(b, i, d) if (are_alike(d, json_array_get(a, index)) && earlier-- == 0) return d;
  return NULL;
}

static void warn_of_missing(json_t *warnings, const json_t *here, const json_t *there, const char *which) {
  size_t i;
  json_t *d;
  json_array_foreach(here, i, d) {
    const json_t *device = json_object_get(d, "device");
    if (json_object_get(d, "error") != NULL)
      warn(warnings, "%s (%s) failed in %s: %s", text_of(device, "name"), text_of(device, "device"), which,
           text_of(d, "error"));
    else if (partner_of(here, i, there) == NULL)
      warn(warnings, "%s (%s, %s) is only in %s", text_of(device, "name"), text_of(device, "device"),
           text_of(device, "platform"), which);
  }
}

static json_t *side_json(const json_t *devices, const char *path) {
  const json_t *first = json_array_get(devices, 0);
  return json_pack("{s:s, s:s, s:s}", "file", path, "date", text_of(first, "date"), "commit", text_of(first, "commit"));
}

static json_t *compare(const json_t *a, const json_t *b, const char *path_a, const char *path_b) {
  json_t *warnings = json_array(), *devices = json_array();
  size_t i;
  json_t *d;
  json_array_foreach(a, i, d) {
    const json_t *partner = partner_of(a, i, b);
    if (partner == NULL || has_failed(d) || has_failed(partner)) continue;
    json_array_append_new(devices, compare_devices(warnings, d, partner));
  }
  warn_of_missing(warnings, a, b, "A");
  warn_of_missing(warnings, b, a, "B");
  return json_pack("{s:o, s:o, s:o, s:o}", "a", side_json(a, path_a), "b", side_json(b, path_b), "warnings", warnings,
                   "devices", devices);
}

/* ---- Markdown */

static const csa_bench_figure *figure_of(const char *key) {
  for (int f = 0; f < CSA_BENCH_FIGURES; f++)
    if (strcmp(csa_bench_figures[f].key, key) == 0) return &csa_bench_figures[f];
  return NULL;
}

static void print_row(const json_t *row) {
  const char *model = json_string_value(json_object_get(row, "model")), *what = text_of(row, "figure");
  const csa_bench_figure *f = model != NULL ? figure_of(what) : NULL;
  const double scale = f != NULL ? f->scale : 1.0;
  char title[160];
  snprintf(title, sizeof title, "%s%s%s, %s", model != NULL ? model : "", model != NULL ? ": " : "",
           f != NULL ? f->title : what, f != NULL ? f->unit : text_of(row, "unit"));
  printf("| %-48s | %12.3f | %12.3f | %8.3f |\n", title, scale * json_number_value(json_object_get(row, "a")),
         scale * json_number_value(json_object_get(row, "b")), json_number_value(json_object_get(row, "ratio")));
}

static void print_markdown(const json_t *root) {
  static const char *const sides[] = {"a", "b"};
  size_t i, j;
  json_t *item, *row;
  for (int side = 0; side < 2; side++) {
    const json_t *s = json_object_get(root, sides[side]);
    printf("%s%c: %s, %s, commit %s", side > 0 ? "  \n" : "", 'A' + side, text_of(s, "file"), text_of(s, "date"),
           text_of(s, "commit"));
  }
  printf("\n");
  if (json_array_size(json_object_get(root, "warnings")) > 0) printf("\n");
  json_array_foreach(json_object_get(root, "warnings"), i, item) printf("- warning: %s\n", json_string_value(item));
  json_array_foreach(json_object_get(root, "devices"), i, item) {
    const bool same = strcmp(text_of(item, "a"), text_of(item, "b")) == 0;
    printf("\n## %s: %s%s%s\n\n| %-48s | %12s | %12s | %8s |\n|%.50s|%.13s:|%.13s:|%.9s:|\n", text_of(item, "name"),
           text_of(item, "a"), same ? "" : " beside ", same ? "" : text_of(item, "b"), "", "A", "B", "B / A",
           "--------------------------------------------------", "-------------", "-------------", "---------");
    json_array_foreach(json_object_get(item, "rows"), j, row) print_row(row);
  }
}

static csa_status check_common(const json_t *root) {
  size_t i;
  json_t *device;
  json_array_foreach(json_object_get(root, "devices"), i, device) {
    if (json_array_size(json_object_get(device, "rows")) > 0) return CSA_OK;
  }
  return csa_fail(CSA_INPUT,
                  "bench: %s and %s: no device that worked is in both\n  devices of several are the same by platform "
                  "and name; two files of one device each are compared in any case",
                  text_of(json_object_get(root, "a"), "file"), text_of(json_object_get(root, "b"), "file"));
}

csa_status csa_bench_compare(const char *path_a, const char *path_b, bool json) {
  json_t *a = NULL, *b = NULL, *root = NULL;
  csa_status status;
  CSA_GO(read_devices(path_a, &a));
  CSA_GO(read_devices(path_b, &b));
  root = compare(a, b, path_a, path_b);
  CSA_GO(check_common(root));
  if (json) {
    status = csa_print_json(json_incref(root));
  } else {
    print_markdown(root);
    status = csa_flush_output();
  }
done:
  json_decref(root);
  json_decref(a);
  json_decref(b);
  return status;
}
