/* clsattn bench: how fast models, kernels and matrix products are on devices, beside what the devices can do. */
#include <stdlib.h>
#include <string.h>

#include "cli/bench_run.h"
#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "cli/training.h"
#include "core/file.h"

#define EPOCH_IMAGES 50000 /* CIFAR-10's training images */

static csa_status add_device(csa_bench *b, const csa_device_list *list, const char *name) {
  int index;
  CSA_TRY(csa_device_choose(list, name, &index));
  for (int i = 0; i < b->count; i++)
    if (b->devices[i].info.id == list->devices[index].id)
      return csa_fail(CSA_USAGE, "--device: %s: named twice", list->devices[index].name);
  b->devices[b->count++].info = list->devices[index];
  return CSA_OK;
}

static csa_status add_named(csa_bench *b, const csa_device_list *list, const char *names) {
  for (const char *at = names;; at += strcspn(at, ",") + 1) {
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
    if (name[0] == '\0') return csa_fail(CSA_USAGE, "--device: %s: a name is empty", names);
    CSA_TRY(add_device(b, list, name));
    if (at[strcspn(at, ",")] == '\0') return CSA_OK;
  }
}

/* "all", or names between commas; NULL: the default device. All must be there before anything is measured. */
static csa_status list_devices(csa_bench *b, const char *wanted) {
  csa_device_list list;
  csa_status status;
  CSA_TRY(csa_device_list_init(&list));
  CSA_GO(csa_new(&b->devices, (size_t)list.count + 1, sizeof *b->devices));
  const bool all = wanted != NULL && strcmp(wanted, "all") == 0 && list.count > 0;
  if (wanted != NULL && !all) CSA_GO(add_named(b, &list, wanted));
  if (wanted == NULL) CSA_GO(add_device(b, &list, NULL));
  for (int i = 0; i < list.count && all; i++) b->devices[b->count++].info = list.devices[i];
done:
  csa_device_list_fini(&list);
  return status;
}

static csa_status open_data(csa_bench *b, const csa_bench_settings *s, csa_dataset **dataset) {
  const csa_dataset_limits limits = {.train = s->limit_train, .test = 1}; /* the test images are not looked at */
  char path[CSA_PATH];
  b->epoch_images = EPOCH_IMAGES;
  b->data = "as many as CIFAR-10 has";
  if (s->data == NULL) return CSA_OK;
  CSA_TRY(csa_take_existing("--data", s->data, path));
  CSA_TRY(csa_fetch_and_open(dataset, path, limits));
  if (s->target > 0.0) CSA_TRY(csa_target_check(*dataset));
  b->epoch_images = (*dataset)->train.count;
  b->data = s->data;
  return CSA_OK;
}

/* Whether a file can be written is known before an hour of measuring. */
static csa_status try_output(const char *option, const char *path) {
  csa_file_writer *writer;
  if (path == NULL) return CSA_OK;
  const csa_status status = csa_file_begin(&writer, path);
  if (status != CSA_OK) return csa_fail_in(status, "--%s", option);
  csa_file_drop(writer);
  return CSA_OK;
}

static bool is_text(const csa_bench_settings *s) { return !s->json && !s->csv && !s->markdown; }

/* One device after the other; of several, one that fails does not keep the others from being measured. Text is told as
 * soon as there is some. */
static csa_status measure_all(csa_bench *b, const csa_bench_settings *s, const csa_dataset *dataset, int *failed) {
  const volatile sig_atomic_t *stop = csa_stop_catch();
  *failed = 0;
  for (int i = 0; i < b->count; i++) {
    const csa_status status = csa_bench_measure(&b->devices[i], s, dataset, stop);
    if (status == CSA_INTERRUPTED || (status != CSA_OK && b->count == 1)) return status;
    if (status != CSA_OK) {
      fprintf(stderr, "%s: failed: %s\n", b->devices[i].info.name, b->devices[i].error);
      ++*failed;
    }
    if (is_text(s)) csa_bench_print(b, i, stdout);
    if (is_text(s)) CSA_TRY(csa_flush_output());
  }
  return CSA_OK;
}

static csa_status report(const csa_bench *b, const csa_bench_settings *s) {
  if (s->trace != NULL) CSA_TRY(csa_bench_write_trace(b, s->trace));
  if (s->html != NULL) CSA_TRY(csa_bench_write_html(b, s->html));
  if (s->json) return csa_print_json(csa_bench_json(b));
  if (s->csv) csa_bench_print_csv(b, stdout);
  if (s->markdown) csa_bench_print_markdown(b, stdout);
  if (is_text(s)) csa_bench_print_summary(b, stdout);
  return csa_flush_output();
}

/* Of several devices: what failed is in the report, and the work as a whole has failed. */
static csa_status verdict(const csa_bench *b, int failed) {
  const csa_bench_device *first = b->devices;
  while (failed > 0 && first->status == CSA_OK) first++;
  if (failed == 0) return CSA_OK;
  return csa_fail(CSA_FAILED, "bench: %d of %d devices failed: %s: %s", failed, b->count, first->info.name,
                  first->error);
}

static void release(csa_bench *b) {
  for (int i = 0; i < b->count; i++)
    for (int m = 0; m < b->devices[i].model_count; m++) csa_benchmark_fini(&b->devices[i].models[m].speed);
  free(b->devices);
}

static csa_status run(const csa_bench_settings *s) {
  csa_bench b = {.seed = s->seed};
  csa_dataset *dataset = NULL;
  csa_status status;
  int failed;
  csa_machine_read(&b.machine);
  CSA_GO(list_devices(&b, s->devices));
  CSA_GO(try_output("trace", s->trace));
  CSA_GO(try_output("html", s->html));
  CSA_GO(open_data(&b, s, &dataset));
  CSA_GO(measure_all(&b, s, dataset, &failed));
  bool any = false;
  for (int i = 0; i < b.count; i++) any |= csa_bench_has_figures(&b.devices[i]);
  if (!any) {
    status = csa_fail(b.devices[0].status, "%s", b.devices[0].error);
    goto done;
  }
  CSA_GO(report(&b, s));
  status = verdict(&b, failed);
done:
  csa_dataset_close(dataset);
  release(&b);
  return status;
}

/* --compile-only: what is measured of it in a process of its own by a whole benchmark. */
static csa_status compile_only(const csa_bench_settings *s) {
  const char *names[CSA_BENCH_MODELS];
  const int count = csa_bench_models(s, names);
  csa_device *device;
  json_t *models = json_object();
  csa_status status = csa_device_open(&device, s->devices);
  for (int i = 0; i < count && status == CSA_OK; i++) {
    csa_benchmark_config config;
    double seconds;
    CSA_GO(csa_bench_config(s, names[i], &config));
    CSA_GO(csa_benchmark_compile(&seconds, device, &config));
    json_object_set_new(models, names[i], json_pack("{s:i, s:f}", "batch", s->batch, "compile_s", seconds));
    if (!s->json) printf("%s, batch %d: kernels ready after %.2f s\n", names[i], s->batch, seconds);
  }
  if (status == CSA_OK && s->json)
    status = csa_print_json(json_pack("{s:{s:s, s:s}, s:O}", "device", "name", device->info.name, "device",
                                      device->info.device, "models", models));
  if (status == CSA_OK) status = csa_flush_output();
done:
  csa_device_close(device);
  json_decref(models);
  return status;
}

/* Beside --compare, and beside --compile-only, there is little to say. */
static csa_status check_alone(const csa_command_line *line, const char *option, const char *const *allowed) {
  for (int i = 0; i < line->count; i++) {
    bool fine = !line->options[i].given || strcmp(line->options[i].name, option) == 0;
    for (int a = 0; allowed[a] != NULL; a++) fine |= strcmp(line->options[i].name, allowed[a]) == 0;
    if (!fine) return csa_fail(CSA_USAGE, "--%s: not together with --%s", line->options[i].name, option);
  }
  return CSA_OK;
}

static csa_status check_model(const csa_bench_settings *s) {
  static const char *const models[] = {"all", "vit", "cnn", "gemm"};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
    if (strcmp(s->model, models[i]) == 0) return CSA_OK;
  return csa_fail(CSA_USAGE, "--model: %s: must be all, vit, cnn or gemm", s->model);
}

static csa_status check_target(csa_bench_settings *s, const csa_command_line *line) {
  const bool wanted = csa_option_given(line, "target-accuracy");
  if (wanted && !(s->target > 0.0 && s->target <= 1.0))
    return csa_fail(CSA_USAGE, "--target-accuracy: %g: must be a fraction above 0, up to 1", s->target);
  if (wanted && strcmp(s->model, "gemm") == 0)
    return csa_fail(CSA_USAGE, "--target-accuracy: not together with --model gemm, which trains nothing");
  if (!wanted && csa_option_given(line, "max-epochs"))
    return csa_fail(CSA_USAGE, "--max-epochs: only together with --target-accuracy");
  if (wanted && s->data == NULL) s->data = "cifar10";
  if (s->data == NULL && csa_option_given(line, "limit-train"))
    return csa_fail(CSA_USAGE, "--limit-train: only together with --data or --target-accuracy");
  return CSA_OK;
}

static csa_status check(csa_bench_settings *s, const csa_command_line *line, char **words) {
  static const char *const comparing[] = {"json", NULL};
  static const char *const compiling[] = {"device",  "model", "batch",     "seed", "gemm",
                                          "kernels", "conv",  "precision", "json", NULL};
  CSA_TRY(csa_options_words(line, words, s->compare ? 2 : 0, s->compare ? 2 : 0));
  if (s->compare) CSA_TRY(check_alone(line, "compare", comparing));
  if (s->compile_only) CSA_TRY(check_alone(line, "compile-only", compiling));
  CSA_TRY(check_model(s));
  if (s->compile_only && strcmp(s->model, "gemm") == 0)
    return csa_fail(CSA_USAGE, "--compile-only: takes a model, not gemm");
  if (s->json && s->csv) return csa_fail(CSA_USAGE, "--csv: not together with --json");
  if (s->markdown && (s->json || s->csv))
    return csa_fail(CSA_USAGE, "--markdown: not together with %s", s->json ? "--json" : "--csv");
  CSA_TRY(check_target(s, line));
  return csa_choices_take(&s->texts, &s->choices);
}

csa_status csa_command_bench(int argc, char **argv) {
  csa_bench_settings s = {.model = "all", .batch = 100, .max_epochs = 20};
  csa_option options[] = {
      {"device", "DEVICE[,...]|all", CSA_OPTION_TEXT, &s.devices,
       "measured one after the other (default: $CLSATTN_DEVICE, else the first GPU, else CPU)", false},
      {"model", "vit|cnn|gemm|all", CSA_OPTION_TEXT, &s.model, "gemm: matrix products alone (default all)", false},
      {"batch", "N", CSA_OPTION_INT, &s.batch, "images of a step (default 100)", false},
      {"seed", "N", CSA_OPTION_SEED, &s.seed, "of initial values and images, the same on all devices (default 0)",
       false},
      CSA_CHOICE_OPTIONS(s.texts),
      {"target-accuracy", "X", CSA_OPTION_REAL, &s.target,
       "also train until this accuracy on a tenth of the training images, held back for it", false},
      {"max-epochs", "N", CSA_OPTION_INT, &s.max_epochs, "or so long (default 20)", false},
      {"data", "PATH", CSA_OPTION_TEXT, &s.data, "what is trained on, and whose size an epoch has (default cifar10)",
       false},
      {"limit-train", "N", CSA_OPTION_COUNT, &s.limit_train, "only the first N training images (default: all)", false},
      {"json", NULL, CSA_OPTION_FLAG, &s.json,
       "print one JSON document; of several devices: {\"devices\": [a document each]}", false},
      {"csv", NULL, CSA_OPTION_FLAG, &s.csv, "print models and kernels as comma-separated values", false},
      {"markdown", NULL, CSA_OPTION_FLAG, &s.markdown, "print tables in Markdown", false},
      {"html", "FILE", CSA_OPTION_TEXT, &s.html, "also write a page with bars, which needs nothing beside it", false},
      {"trace", "FILE", CSA_OPTION_TEXT, &s.trace, "also write a step as a timeline for chrome://tracing or Perfetto",
       false},
      {"compile-only", NULL, CSA_OPTION_FLAG, &s.compile_only,
       "only how long kernels take to be ready, with the caches as they are", false},
      {"no-cold", NULL, CSA_OPTION_FLAG, &s.no_cold,
       "leave out compiling with empty caches, which takes longer than all else", false},
      {"compare", NULL, CSA_OPTION_FLAG, &s.compare,
       "measure nothing: compare two files that --json made, in Markdown or JSON", false}};
  const csa_command_line line = {
      "bench",
      "[--compare A.json B.json]",
      "Measures models, kernels and matrix products, beside the device's own measured peak: one\n"
      "device after the other, with the same model, seed and images. Of several one may fail: its\n"
      "error is in the report, the others are measured, and the exit code is 1.",
      "  clsattn bench --device cpu0 --model vit\n"
      "  clsattn bench --device all --html report.html --json > today.json\n"
      "  clsattn bench --device nv0,amd0 --model vit --target-accuracy 0.5 --markdown\n"
      "  clsattn bench --compare before.json today.json\n",
      options,
      sizeof options / sizeof options[0]};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 2, &words));
  if (words == NULL) return CSA_OK;
  CSA_TRY(check(&s, &line, words));
  if (s.compare) return csa_bench_compare(words[0], words[1], s.json);
  return s.compile_only ? compile_only(&s) : run(&s);
}
