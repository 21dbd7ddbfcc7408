/* clsattn bench: how fast models, kernels and matrix products are on a device, beside what the device can do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench_report.h"
#include "cli/choices.h"
#include "cli/commands.h"
#include "device/peak.h"
#include "train/config.h"

#define PEAK_RUNS 9
#define DEVICES_MAX 64

typedef struct {
  const char *devices, *model, *trace;
  csa_choice_texts texts;
  int batch;
  bool json, csv, compare;
  csa_choices choices;
} bench_settings;

/* The models' own products at batch 100, and squares. */
static const csa_product shapes[] = {
    {.m = 1024, .n = 256, .k = 32},
    {.m = 10240, .n = 64, .k = 288},
    {.m = 10240, .n = 128, .k = 576},
    {.m = 10240, .n = 256, .k = 1152},
    {.m = 10240, .n = 128, .k = 2304},
    {.m = 6500, .n = 64, .k = 64, .trans_b = true},
    {.m = 6500, .n = 256, .k = 64, .trans_b = true},
    {.m = 6500, .n = 64, .k = 256, .trans_b = true},
    {.m = 64, .n = 256, .k = 6500, .trans_a = true},
    {.m = 1152, .n = 256, .k = 102400, .trans_a = true},
    {.m = 1024, .n = 1024, .k = 1024},
    {.m = 2048, .n = 2048, .k = 2048},
};

/* By both providers, unless one was asked for. */
static csa_status measure_products(csa_bench *b, csa_device *device, csa_gemm_provider asked) {
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    for (int provider = CSA_GEMM_CLBLAST; provider <= CSA_GEMM_NATIVE; provider++) {
      if (asked != CSA_GEMM_AUTO && asked != (csa_gemm_provider)provider) continue;
      csa_product *p = &b->products[b->product_count];
      *p = shapes[i];
      p->provider = (csa_gemm_provider)provider;
      CSA_TRY(csa_benchmark_product(device, p, &b->product_gflops[b->product_count]));
      b->product_count++;
    }
  return CSA_OK;
}

static bool wants(const bench_settings *s, const char *part) {
  return strcmp(s->model, "all") == 0 || strcmp(s->model, part) == 0;
}

static csa_status measure_models(csa_bench *b, csa_device *device, const bench_settings *s) {
  static const char *const names[] = {"vit", "cnn"};
  for (int i = 0; i < 2; i++) {
    csa_architecture architecture;
    if (!wants(s, names[i])) continue;
    CSA_TRY(csa_architecture_default(&architecture, names[i]));
    fprintf(stderr, "%s: %s\n", b->info.name, names[i]);
    b->names[b->model_count] = names[i];
    CSA_TRY(csa_benchmark_model(&b->models[b->model_count], device, &architecture, s->batch, s->choices));
    b->model_count++;
  }
  return CSA_OK;
}

static csa_status measure(csa_bench *b, csa_device *device, const bench_settings *s) {
  csa_peak peak = {0};
  csa_status status;
  b->info = device->info;
  CSA_GO(csa_peak_create(&peak, device));
  CSA_GO(csa_peak_measure(&peak, PEAK_RUNS, &b->gflops, &b->gbytes_per_s));
  CSA_GO(measure_models(b, device, s));
  if (wants(s, "gemm")) {
    fprintf(stderr, "%s: matrix products\n", b->info.name);
    CSA_GO(measure_products(b, device, s->choices.gemm));
  }
done:
  csa_peak_destroy(&peak);
  return status;
}

static csa_status report(const csa_bench *b, const bench_settings *s, bool first, json_t *documents) {
  if (s->trace != NULL) CSA_TRY(csa_bench_write_trace(b, s->trace));
  if (s->json)
    json_array_append_new(documents, csa_bench_json(b));
  else if (s->csv)
    csa_bench_print_csv(b, stdout, first);
  else
    csa_bench_print(b, stdout);
  return CSA_OK;
}

static csa_status bench_device(const bench_settings *s, const char *name, bool first, json_t *documents) {
  csa_bench *b = NULL;
  csa_device *device = NULL;
  csa_status status;
  CSA_GO(csa_new(&b, 1, sizeof *b));
  CSA_GO(csa_device_open(&device, name));
  CSA_GO(measure(b, device, s));
  status = report(b, s, first, documents);
done:
  for (int i = 0; b != NULL && i < b->model_count; i++) csa_benchmark_fini(&b->models[i]);
  free(b);
  csa_device_close(device);
  return status;
}

/* "all", or names between commas; NULL: the default device. */
static csa_status list_devices(const char *wanted, char names[DEVICES_MAX][32], int *count) {
  csa_device_list list;
  *count = 0;
  if (wanted != NULL && strcmp(wanted, "all") == 0) {
    CSA_TRY(csa_device_list_init(&list));
    for (; *count < list.count && *count < DEVICES_MAX; ++*count)
      snprintf(names[*count], 32, "%d:%d", list.devices[*count].platform_number, list.devices[*count].device_number);
    csa_device_list_fini(&list);
    return CSA_OK;
  }
  for (const char *at = wanted; at != NULL && *count < DEVICES_MAX; at = strchr(at, ',')) {
    if (*at == ',') at++;
    snprintf(names[(*count)++], 32, "%.*s", (int)strcspn(at, ","), at);
  }
  return CSA_OK;
}

static csa_status run(const bench_settings *s) {
  char names[DEVICES_MAX][32];
  int count;
  csa_status status = CSA_OK;
  CSA_TRY(list_devices(s->devices, names, &count));
  if (s->trace != NULL && count > 1)
    return csa_fail(CSA_USAGE, "--trace: one file takes one device; %d are asked for", count);
  json_t *documents = json_array();
  if (count == 0) status = bench_device(s, NULL, true, documents);
  for (int i = 0; i < count && status == CSA_OK; i++) status = bench_device(s, names[i], i == 0, documents);
  if (status == CSA_OK && s->json) {
    json_t *one = json_incref(json_array_get(documents, 0));
    status = csa_print_json(count > 1 ? json_incref(documents) : json_incref(one));
    json_decref(one);
  }
  json_decref(documents);
  return status == CSA_OK ? csa_flush_output() : status;
}

static csa_status check(bench_settings *s, const csa_command_line *line, int argc, char **argv, int positional) {
  static const char *const models[] = {"all", "vit", "cnn", "gemm"};
  bool known = false;
  CSA_TRY(csa_options_positionals(line, argc, argv, positional, s->compare ? 2 : 0));
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) known |= strcmp(s->model, models[i]) == 0;
  if (!known) return csa_fail(CSA_USAGE, "--model: %s: must be all, vit, cnn or gemm", s->model);
  if (s->json && s->csv) return csa_fail(CSA_USAGE, "--csv: not together with --json");
  return csa_choices_take(&s->texts, &s->choices);
}

csa_status csa_command_bench(int argc, char **argv) {
  bench_settings s = {.model = "all", .batch = 100};
  csa_option options[] = {
      {"device", "NAMES", CSA_OPTION_TEXT, &s.devices,
       "names between commas, or all (default: the first GPU, else CPU)", false},
      {"model", "NAME", CSA_OPTION_TEXT, &s.model, "vit, cnn, gemm (matrix products alone) or all (default all)",
       false},
      {"batch", "N", CSA_OPTION_INT, &s.batch, "images of a step (default 100)", false},
      CSA_CHOICE_OPTIONS(s.texts),
      {"json", NULL, CSA_OPTION_FLAG, &s.json, "print one JSON document (a list, for several devices)", false},
      {"csv", NULL, CSA_OPTION_FLAG, &s.csv, "print kernels as comma-separated values", false},
      {"trace", "FILE", CSA_OPTION_TEXT, &s.trace, "write a step as a timeline for chrome://tracing or Perfetto",
       false},
      {"compare", NULL, CSA_OPTION_FLAG, &s.compare, "measure nothing: compare two files that --json made", false}};
  const csa_command_line line = {"bench",
                                 "[--compare A.json B.json]",
                                 "Measures models, kernels and matrix products, beside the device's own measured peak.",
                                 "  clsattn bench --device cpu0 --model vit\n"
                                 "  clsattn bench --device all --json > today.json\n"
                                 "  clsattn bench --compare before.json today.json\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  bool help;
  int positional;
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  CSA_TRY(check(&s, &line, argc, argv, positional));
  if (!s.compare) return run(&s);
  CSA_TRY(csa_bench_compare(argv[positional], argv[positional + 1], stdout));
  return csa_flush_output();
}
