/* variants FOLDER: every program of the portable family that may be asked of a GPU's driver: what compilers are tried
 * with where no such GPU is. They come from recorded plans, not from a list of their own, so that none is forgotten.
 *
 * Records the models with every choice, for several classes of GPUs, and writes each different program into FOLDER
 * (made if need be) as one source file, and manifest.jsonl, a line for each:
 * {"variant": "gemm-3", "source": "gemm-3.cl", "file": "gemm", "macros": "-DSIDE=8", "options": "", "kernels":
 * {"gemm_tile": 64}} The source defines the macros itself; options are what else a compiler has to be given; a kernel's
 * number is its largest group. OpenCL is not called. */
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "device/peak.h"
#include "device/program.h"
#include "model/architecture.h"
#include "model/feed.h"
#include "model/optimizer.h"

#define PATH 1024

/* Where a new choice would be forgotten here: it needs a loop in add_choices. The tuning, last of all, has none: these
 * are the variants of untuned devices, and `tune` checks all others on the device that they are for. */
_Static_assert(offsetof(csa_choices, tuning) == 4 * sizeof(int) &&
                   sizeof(csa_choices) == 4 * sizeof(int) + sizeof(struct csa_tuning *),
               "csa_choices has fields that add_choices does not vary");

/* One program, and its kernels that plans launch, each with its largest group. */
typedef struct {
  csa_kernel first; /* its file and options are the program's */
  json_t *kernels;
} variant;

typedef struct {
  variant *list;
  size_t count, capacity;
} variants;

static void variants_fini(variants *all) {
  for (size_t i = 0; i < all->count; i++) json_decref(all->list[i].kernels);
  free(all->list);
}

static csa_status add_kernel(variants *all, const csa_kernel *kernel) {
  variant *found = NULL;
  for (size_t i = 0; i < all->count && found == NULL; i++)
    if (strcmp(all->list[i].first.file, kernel->file) == 0 && strcmp(all->list[i].first.options, kernel->options) == 0)
      found = &all->list[i];
  if (found == NULL) {
    CSA_TRY(csa_grow(&all->list, all->count, &all->capacity, sizeof *all->list));
    found = &all->list[all->count++];
    *found = (variant){.first = *kernel, .kernels = json_object()};
  }
  if (json_integer_value(json_object_get(found->kernels, kernel->name)) >= kernel->local) return CSA_OK;
  if (json_object_set_new(found->kernels, kernel->name, json_integer(kernel->local)) == 0) return CSA_OK;
  return csa_fail(CSA_MEMORY, "variants: the host has no more memory");
}

static csa_status add_plan(variants *all, const csa_plan *plan) {
  for (size_t i = 0; i < plan->node_count; i++)
    if (plan->nodes[i].call == NULL) CSA_TRY(add_kernel(all, &plan->nodes[i].kernel));
  return CSA_OK;
}

static csa_status add_feed(variants *all, const csa_graph *graph, const csa_architecture *a) {
  const csa_dataset data = {.channels = a->channels, .height = a->image, .width = a->image, .classes = a->classes};
  const csa_augment augment = {.flip = true, .crop = 4, .cutout = 8};
  csa_feed_tensors tensors;
  csa_plan *plan;
  CSA_TRY(csa_plan_create(&plan, graph->device, graph->plan->choices));
  csa_status status = csa_feed_record(plan, graph, &data, graph->config.batch, NULL, &tensors);
  if (status == CSA_OK && graph->config.training)
    status = csa_feed_record(plan, graph, &data, graph->config.batch, &augment, &tensors);
  if (status == CSA_OK) status = add_plan(all, plan);
  csa_plan_destroy(plan);
  return status;
}

/* One model, in one form, with one optimizer. A combination that plans refuse (CSA_USAGE) is not launched either. */
static csa_status add_model(variants *all, csa_device *device, const csa_architecture *a, csa_graph_config config,
                            csa_optimizer_kind optimizer) {
  csa_optimizer state;
  csa_plan *swap = NULL;
  csa_graph *graph;
  csa_status status = csa_graph_create(&graph, device, config);
  if (status != CSA_OK) return status == CSA_USAGE ? CSA_OK : status;
  CSA_GO(csa_architecture_build(a, graph));
  CSA_GO(add_feed(all, graph, a));
  if (config.training)
    CSA_GO(csa_optimizer_record(
        &state, graph,
        (csa_optimizer_config){.kind = optimizer, .clip_norm = 1, .ema = 0.5f, .stop = !config.accumulate}));
  CSA_GO(add_plan(all, graph->plan));
  if (!config.training) goto done;
  CSA_GO(csa_plan_create(&swap, device, config.choices));
  CSA_GO(csa_optimizer_record_swap(swap, &state, graph));
  status = add_plan(all, swap);
done:
  csa_plan_destroy(swap);
  csa_graph_destroy(graph);
  return status;
}

/* What models of one's own (clsattn.h) may have and the program's models lack. */
static const struct {
  const csa_layer_ops *ops;
  csa_layer_config config;
  bool residual;
} singles[] = {
    {&csa_layer_conv2d, {.out = 16, .kernel = 1, .relu = true}, false},
    {&csa_layer_conv2d, {.out = 16, .kernel = 1}, true},
    {&csa_layer_conv2d, {.out = 16, .kernel = 3}, true},
    {&csa_layer_conv2d, {.out = 7, .kernel = 3, .relu = true}, false},
    {&csa_layer_conv2d, {.out = 16, .kernel = 3, .no_bias = true}, false},
    {&csa_layer_linear, {.out = 16, .relu = true}, false},
    {&csa_layer_linear, {.out = 16}, true},
    {&csa_layer_layernorm, {.relu = false}, false},
    {&csa_layer_layernorm, {.relu = true}, false},
    {&csa_layer_batchnorm, {.relu = false}, false},
    {&csa_layer_batchnorm, {.relu = true}, true},
    {&csa_layer_dropout, {.rate = 0.5f}, false},
    {&csa_layer_dropout, {.rate = 0.5f}, true},
    {&csa_layer_pool, {0}, false},
    {&csa_layer_average, {0}, false},
    {&csa_layer_nonlocal, {.reduction = 1}, false},
};

/* One layer between two readers of its input, at a size of which no part is a power of two. */
static csa_status add_single(variants *all, csa_device *device, csa_graph_config config, size_t index, int channels) {
  csa_optimizer state;
  csa_graph *graph;
  csa_status status = csa_graph_create(&graph, device, config);
  if (status != CSA_OK) return status == CSA_USAGE ? CSA_OK : status;
  csa_tensor *x = csa_graph_input(graph, csa_shape4(config.batch, 9, 7, channels)), *residual = NULL;
  const int out = singles[index].config.out > 0 ? singles[index].config.out : channels;
  if (singles[index].residual)
    residual = csa_graph_add(graph, &csa_layer_linear, (csa_layer_config){.out = out}, x, NULL, "residual");
  csa_graph_add(graph, singles[index].ops, singles[index].config, x, residual, "single");
  CSA_GO(csa_graph_record(graph));
  if (config.training && graph->parameters.count > 0) /* running statistics have a launch of their own */
    CSA_GO(csa_optimizer_record(&state, graph, (csa_optimizer_config){.kind = CSA_ADAM}));
  CSA_GO(add_plan(all, graph->plan));
done:
  csa_graph_destroy(graph);
  return status;
}

/* Training, with gradients that are written or added to, and evaluation. */
static csa_status add_forms(variants *all, csa_device *device, const csa_architecture *models, int count,
                            csa_choices choices) {
  for (int form = 0; form < 3; form++) {
    const csa_graph_config config = {.choices = choices,
                                     .batch = 100,
                                     .training = form > 0,
                                     .accumulate = form > 1,
                                     .input_gradient = form > 1,
                                     .smoothing = form > 1 ? 0.1f : 0.0f};
    for (int i = 0; i < count; i++)
      for (int optimizer = CSA_ADAM; optimizer <= CSA_SGD; optimizer++)
        CSA_TRY(add_model(all, device, &models[i], config, (csa_optimizer_kind)optimizer));
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
      CSA_TRY(add_single(all, device, config, i, 3));
      CSA_TRY(add_single(all, device, config, i, 16));
    }
  }
  return CSA_OK;
}

static csa_status add_choices(variants *all, csa_device *device, const csa_architecture *models, int count) {
  for (int gemm = CSA_GEMM_AUTO; gemm <= CSA_GEMM_NATIVE; gemm++)
    for (int conv = CSA_CONV_AUTO; conv <= CSA_CONV_WINOGRAD; conv++)
      for (int precision = CSA_PRECISION_F32; precision <= CSA_PRECISION_F16; precision++)
        CSA_TRY(add_forms(all, device, models, count,
                          (csa_choices){.kernels = CSA_KERNELS_PORTABLE,
                                        .gemm = (csa_gemm_provider)gemm,
                                        .conv = (csa_conv)conv,
                                        .precision = (csa_precision)precision}));
  return CSA_OK;
}

static csa_status add_peak(variants *all, csa_device *device) {
  csa_peak peak;
  CSA_TRY(csa_peak_record(&peak, device));
  csa_status status = add_plan(all, peak.multiply_add);
  if (status == CSA_OK) status = add_plan(all, peak.copy);
  csa_peak_destroy(&peak);
  return status;
}

/* Each model at its own sizes and at small odd ones, the vit with both kinds of patches. */
#define MODELS_MAX 16
static csa_status list_models(csa_architecture models[MODELS_MAX], int *count) {
  static const int stages[] = {12, 7};
  *count = 0;
  for (int i = 0; csa_architecture_known(i) != NULL; i++)
    for (int form = 0; form < 4 && *count < MODELS_MAX; form++) {
      csa_architecture *a = &models[*count];
      CSA_TRY(csa_architecture_default(a, csa_architecture_known(i)));
      const bool vit = csa_architecture_is_vit(a);
      if (form % 2 == 1 && !vit) continue;
      a->grid = form % 2 == 1;
      if (form >= 2) {
        a->image = vit ? 12 : 9; /* pooling leaves a row and a column out */
        a->embed = a->heads * 3;
        a->hidden = 20;
        a->stages = vit ? 0 : 2;
        a->reduction = 1;
        memcpy(a->widths, stages, sizeof stages);
      }
      (*count)++;
    }
  return CSA_OK;
}

/* What GPUs differ in that plans look at: the largest group, local memory, sub-groups. */
static csa_status add_devices(variants *all) {
  static const size_t groups[] = {64, 256, 1024};
  static const int narrowest[] = {0, 0, 8, 16};
  csa_architecture models[MODELS_MAX];
  int count;
  CSA_TRY(list_models(models, &count));
  for (int g = 0; g < 3; g++)
    for (int i = 0; i < 4; i++) {
      csa_device device = {.info = {.name = "gpu0",
                                    .type = CSA_GPU,
                                    .compute_units = 32,
                                    .global_bytes = (uint64_t)8 << 30,
                                    .max_alloc_bytes = (uint64_t)2 << 30,
                                    .local_bytes = (uint64_t)(i % 2 == 0 ? 32 : 64) << 10,
                                    .max_work_group = groups[g],
                                    .alignment = 128,
                                    .float_width = 1,
                                    .subgroups = i >= 2,
                                    .subgroups_c = i >= 2 ? i : 0}};
      CSA_TRY(add_choices(all, &device, models, count));
      device.info.narrowest_subgroup = narrowest[i];
      CSA_TRY(add_choices(all, &device, models, count));
      CSA_TRY(add_peak(all, &device));
    }
  return CSA_OK;
}

/* -DNAME and -DNAME=VALUE as lines that define macros; `rest` gets the other options. */
static void print_macros(FILE *out, const char *options, char *rest, size_t size) {
  char copy[sizeof((csa_kernel *)0)->options], *next = NULL;
  snprintf(copy, sizeof copy, "%s", options);
  rest[0] = '\0';
  for (char *word = strtok_r(copy, " ", &next); word != NULL; word = strtok_r(NULL, " ", &next)) {
    const size_t name = strcspn(word, "=");
    const size_t used = strlen(rest);
    if (strncmp(word, "-D", 2) == 0)
      fprintf(out, "#define %.*s %s\n", (int)name - 2, word + 2, word[name] == '=' ? word + name + 1 : "1");
    else
      snprintf(rest + used, size - used, "%s%s", used > 0 ? " " : "", word);
  }
}

static csa_status write_source(const variant *v, const char *path, char *options, size_t size) {
  csa_file_writer *writer = NULL;
  char *text;
  csa_status status;
  CSA_GO(csa_program_source(v->first.file, &text));
  CSA_GO(csa_file_begin(&writer, path));
  print_macros(csa_file_stream(writer), v->first.options, options, size);
  fputs(text, csa_file_stream(writer));
  status = csa_file_end(writer);
  writer = NULL;
done:
  csa_file_drop(writer);
  free(text);
  return status;
}

static csa_status write_variant(FILE *manifest, const char *folder, const variant *v, int number) {
  char path[PATH], source[80], options[sizeof v->first.options];
  const int named = snprintf(source, sizeof source, "%s-%d.cl", v->first.file, number);
  snprintf(path, sizeof path, "%s/%s", folder, source);
  CSA_TRY(write_source(v, path, options, sizeof options));
  json_t *line =
      json_pack("{s:s%, s:s, s:s, s:s, s:s, s:O}", "variant", source, (size_t)named - 3, "source", source, "file",
                v->first.file, "options", options, "macros", v->first.options, "kernels", v->kernels);
  const int failed = line == NULL || json_dumpf(line, manifest, 0) != 0 || fputc('\n', manifest) == EOF;
  json_decref(line);
  return failed ? csa_fail(CSA_OUTPUT, "%s: the manifest could not be written", folder) : CSA_OK;
}

/* Numbers count within a file. */
static int number_of(const variants *all, size_t index) {
  int number = 0;
  for (size_t i = 0; i < index; i++) number += strcmp(all->list[i].first.file, all->list[index].first.file) == 0;
  return number;
}

static csa_status write_all(const char *folder) {
  variants all = {0};
  csa_file_writer *writer = NULL;
  char path[PATH];
  csa_status status;
  if (strlen(folder) + 100 > sizeof path) return csa_fail(CSA_USAGE, "%s: the path is too long", folder);
  CSA_GO(csa_folder_make(folder, 0755));
  CSA_GO(add_devices(&all));
  snprintf(path, sizeof path, "%s/manifest.jsonl", folder);
  CSA_GO(csa_file_begin(&writer, path));
  for (size_t i = 0; i < all.count; i++)
    CSA_GO(write_variant(csa_file_stream(writer), folder, &all.list[i], number_of(&all, i)));
  status = csa_file_end(writer);
  writer = NULL;
done:
  csa_file_drop(writer);
  variants_fini(&all);
  return status;
}

int main(int argc, char **argv) {
  if (argc == 2 && write_all(argv[1]) == CSA_OK) return 0;
  fprintf(stderr, "variants: %s\n", argc == 2 ? csa_last_error() : "FOLDER is missing");
  return 1;
}
