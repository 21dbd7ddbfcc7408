#include "device/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "device/program.h"
#include "device/tune.h"

#define STREAM_ABOVE ((int64_t)4 << 20) /* elements */
#define PORTABLE_GROUP 64               /* work-items of a group that works together */
#define STEP_STATE 32                   /* ints: 128 bytes, the most that one fill can write */
#define ELEMENT_GROUP 256               /* of a group that only shares a launch */

csa_choices csa_choices_resolve(csa_choices choices, const csa_device_info *info) {
  const bool cpu = info->type == CSA_CPU;
  if (choices.kernels == CSA_KERNELS_AUTO) choices.kernels = cpu ? CSA_KERNELS_CPU : CSA_KERNELS_PORTABLE;
  if (choices.gemm == CSA_GEMM_AUTO) choices.gemm = cpu ? CSA_GEMM_NATIVE : CSA_GEMM_CLBLAST;
  if (choices.conv == CSA_CONV_AUTO) choices.conv = CSA_CONV_WINOGRAD;
  return choices;
}

/* The one that was measured to be faster with these kernels, if it was. */
static void choose_provider(csa_plan *plan) {
  const char *family = plan->choices.kernels == CSA_KERNELS_CPU ? "cpu" : "portable";
  const csa_tuning_entry *entry = csa_tuned(plan, "gemm", family);
  if (entry != NULL && entry->count > 0)
    plan->choices.gemm = csa_tuned_value(entry, "CLBLAST", 0) != 0 ? CSA_GEMM_CLBLAST : CSA_GEMM_NATIVE;
}

csa_status csa_plan_create(csa_plan **out, csa_device *device, csa_choices choices) {
  csa_plan *plan = NULL;
  csa_status status;
  *out = NULL;
  if (choices.kernels == CSA_KERNELS_CPU && device->info.type != CSA_CPU)
    return csa_fail(CSA_USAGE, "kernels: cpu on %s: these kernels are for CPUs only\n  use --kernels auto or portable",
                    device->info.name);
  const csa_gemm_provider asked = choices.gemm;
  choices = csa_choices_resolve(choices, &device->info);
  CSA_TRY(csa_new(&plan, 1, sizeof *plan));
  plan->device = device;
  plan->choices = choices;
  snprintf(plan->label, sizeof plan->label, "plan"); /* until something is said */
  CSA_GO(csa_tuning_create(&plan->tuning, choices.tuning != NULL ? choices.tuning : device->tuning));
  plan->choices.tuning = plan->tuning;
  if (asked == CSA_GEMM_AUTO) choose_provider(plan);
  CSA_GO(csa_plan_tensor(plan, CSA_DATA, CSA_I32, csa_shape1(STEP_STATE), &plan->step, "step state"));
  *out = plan;
  plan = NULL;
done:
  csa_plan_destroy(plan);
  return status;
}

void csa_plan_destroy(csa_plan *plan) {
  if (plan == NULL) return;
  if (plan->device->queue != NULL) clFinish(plan->device->queue);
  for (size_t i = 0; i < plan->node_count; i++) csa_plan_node_release(&plan->nodes[i]);
  for (size_t i = 0; i < plan->tensor_count; i++) free(plan->tensors[i]);
  for (int role = 0; role < CSA_ROLES; role++) {
    csa_arena *arena = &plan->arenas[role];
    for (int i = 0; i < arena->count; i++)
      if (arena->memory != NULL && arena->memory[i] != NULL) clReleaseMemObject(arena->memory[i]);
    free(arena->memory);
    free(arena->bytes);
  }
  csa_tuning_destroy(plan->tuning);
  free(plan->nodes);
  free(plan->tensors);
  free(plan);
}

static csa_status add_tensor(csa_plan *plan, const char *name, csa_tensor **out) {
  csa_tensor *tensor = NULL;
  CSA_TRY(csa_grow(&plan->tensors, plan->tensor_count, &plan->tensor_capacity, sizeof *plan->tensors));
  CSA_TRY(csa_new(&tensor, 1, sizeof *tensor));
  plan->tensors[plan->tensor_count++] = tensor;
  snprintf(tensor->name, sizeof tensor->name, "%s", name);
  tensor->first = INT32_MAX;
  tensor->last = -1;
  *out = tensor;
  return CSA_OK;
}

csa_status csa_plan_tensor(csa_plan *plan, csa_role role, csa_dtype dtype, csa_shape shape, csa_tensor **out,
                           const char *name_format, ...) {
  char name[CSA_TENSOR_NAME], text[64];
  va_list args;
  va_start(args, name_format);
  vsnprintf(name, sizeof name, name_format, args);
  va_end(args);
  int64_t elements = 1;
  for (int i = 0; i < shape.rank; i++) {
    const bool fits = shape.dim[i] >= 0 && shape.dim[i] <= CSA_ELEMENTS_MAX;
    elements = fits ? elements * shape.dim[i] : INT64_MAX;
    if (elements > CSA_ELEMENTS_MAX)
      return csa_fail(CSA_MEMORY, "plan: %s %s: more than %d elements; a smaller batch helps", name,
                      csa_shape_text(shape, text), CSA_ELEMENTS_MAX);
  }
  CSA_TRY(add_tensor(plan, name, out));
  (*out)->role = role;
  (*out)->dtype = dtype;
  (*out)->shape = shape;
  return CSA_OK;
}

csa_status csa_plan_scratch(csa_plan *plan, csa_shape shape, csa_tensor **tensor) {
  return csa_plan_tensor(plan, CSA_TRANSIENT, CSA_F32, shape, tensor, "%.80s scratch", plan->label);
}

csa_status csa_plan_activation(csa_plan *plan, csa_shape shape, csa_tensor **tensor) {
  return csa_plan_tensor(plan, CSA_TRANSIENT, csa_plan_storage(plan), shape, tensor, "%.80s scratch", plan->label);
}

csa_dtype csa_plan_storage(const csa_plan *plan) {
  return plan->choices.precision == CSA_PRECISION_F16 ? CSA_F16 : CSA_F32;
}

csa_status csa_plan_view(csa_plan *plan, csa_tensor *base, int64_t start, csa_shape shape, csa_tensor **view) {
  assert(start >= 0 && start + csa_elements(shape) <= csa_elements(base->shape));
  CSA_TRY(add_tensor(plan, base->name, view));
  (*view)->role = base->role;
  (*view)->dtype = base->dtype;
  (*view)->shape = shape;
  (*view)->base = base->base != NULL ? base->base : base;
  (*view)->start = start + base->start;
  return CSA_OK;
}

csa_status csa_plan_workspace(csa_plan *plan, uint64_t bytes) {
  if (bytes == 0) return CSA_OK;
  if (plan->workspace == NULL)
    CSA_TRY(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape1(0), &plan->workspace, "workspace"));
  const int64_t elements = (int64_t)((bytes + 3) / 4);
  if (elements > plan->workspace->shape.dim[0]) plan->workspace->shape.dim[0] = elements;
  return CSA_OK;
}

void csa_plan_record(csa_plan *plan, csa_list list) {
  assert(list >= plan->recording);
  plan->recording = list;
}

bool csa_kernel_is_cpu(const csa_plan *plan, const char *name) {
  char file[48];
  snprintf(file, sizeof file, "cpu/%.*s", (int)strcspn(name, "_"), name);
  return plan->choices.kernels == CSA_KERNELS_CPU && csa_program_exists(file);
}

/* The largest power of two up to `wanted` that the device can run as one group. */
static int group_size(const csa_plan *plan, int wanted) {
  while (wanted > 1 && (size_t)wanted > plan->device->info.max_work_group) wanted /= 2;
  return wanted;
}

int64_t csa_plan_strips(const csa_plan *plan, int64_t rows, int cols) {
  int width = group_size(plan, PORTABLE_GROUP);
  while (width / 2 >= cols) width /= 2;
  return rows * ((cols + width - 1) / width);
}

static csa_kernel kernel_of(const csa_plan *plan, const char *name, bool cpu, const char *options_format,
                            va_list args) {
  const int wanted = csa_tuned_value(cpu ? NULL : csa_tuned(plan, name, ""), "WG", PORTABLE_GROUP);
  csa_kernel kernel = {.local = cpu ? 1 : group_size(plan, wanted), .storage = csa_plan_storage(plan)};
  snprintf(kernel.name, sizeof kernel.name, "%s", name);
  snprintf(kernel.file, sizeof kernel.file, "%s%.*s", cpu ? "cpu/" : "", (int)strcspn(name, "_"), name);
  size_t used = cpu ? 0 : (size_t)snprintf(kernel.options, sizeof kernel.options, "-DWG=%d ", kernel.local);
  if (kernel.storage == CSA_F16)
    used += (size_t)snprintf(kernel.options + used, sizeof kernel.options - used, "-DSTORAGE=half ");
  used += (size_t)vsnprintf(kernel.options + used, sizeof kernel.options - used, options_format, args);
  assert(used < sizeof kernel.options);
  return kernel;
}

csa_kernel csa_kernel_named(const csa_plan *plan, const char *name, const char *options_format, ...) {
  va_list args;
  va_start(args, options_format);
  const csa_kernel kernel = kernel_of(plan, name, csa_kernel_is_cpu(plan, name), options_format, args);
  va_end(args);
  return kernel;
}

csa_kernel csa_kernel_portable(const csa_plan *plan, const char *name, const char *options_format, ...) {
  va_list args;
  va_start(args, options_format);
  const csa_kernel kernel = kernel_of(plan, name, false, options_format, args);
  va_end(args);
  return kernel;
}

const char *csa_plan_group_sums(const csa_plan *plan) {
  static const char *const options[] = {[2] = " -cl-std=CL2.0 -DSUBGROUPS", [3] = " -cl-std=CL3.0 -DSUBGROUPS"};
  return plan->device->info.subgroups ? options[plan->device->info.subgroups_c] : "";
}

bool csa_plan_streams(const csa_plan *plan, const csa_tensor *t, int64_t elements, int64_t stride, int vector) {
  const bool aligned = t->dtype == CSA_F32 && (stride | t->start) % vector == 0 &&
                       plan->device->info.alignment % ((size_t)vector * sizeof(float)) == 0;
  return aligned && elements > STREAM_ABOVE;
}

int csa_plan_row_items(int64_t cols, int group) {
  int items = 1;
  while (items < group && 4 * items < cols) items *= 2;
  return items;
}

int csa_plan_chunks(const csa_plan *plan, int64_t count) {
  const int64_t most = 8 * (int64_t)(plan->device->info.compute_units > 0 ? plan->device->info.compute_units : 1);
  const int64_t chunks = (count + 15) / 16;
  return (int)(chunks < 1 ? 1 : chunks < most ? chunks : most);
}

/* The tensor whose life an argument prolongs. */
static csa_tensor *owner(csa_tensor *tensor) { return tensor->base != NULL ? tensor->base : tensor; }

static csa_status add_node(csa_plan *plan, const csa_arg *args, int count, csa_plan_node **out) {
  assert(count <= CSA_ARGS_MAX);
  CSA_TRY(csa_grow(&plan->nodes, plan->node_count, &plan->node_capacity, sizeof *plan->nodes));
  csa_plan_node *node = &plan->nodes[plan->node_count];
  memset(node, 0, sizeof *node);
  snprintf(node->label, sizeof node->label, "%s", plan->label);
  memcpy(node->args, args, (size_t)count * sizeof *args);
  node->arg_count = count;
  const int now = (int)plan->node_count++;
  for (int list = plan->recording; list < CSA_LISTS; list++) plan->list_end[list] = plan->node_count;
  for (int i = 0; i < count; i++) {
    if (args[i].kind < CSA_ARG_IN) continue;
    csa_tensor *tensor = owner(args[i].value.out);
    assert(tensor->role != CSA_TRANSIENT || tensor->first <= now || args[i].kind == CSA_ARG_OUT);
    if (now < tensor->first) tensor->first = now;
    tensor->last = now;
  }
  *out = node;
  return CSA_OK;
}

csa_status csa_launch(csa_plan *plan, csa_kernel kernel, csa_work work, const csa_arg *args, int count) {
  csa_plan_node *node;
  CSA_TRY(add_node(plan, args, count, &node));
  if (!work.by_group) kernel.local = group_size(plan, ELEMENT_GROUP);
  node->kernel = kernel;
  node->work = work;
  return CSA_OK;
}

csa_status csa_record_call(csa_plan *plan, const char *name,
                           csa_status (*call)(csa_device *, const csa_plan_node *, cl_event *), void *data,
                           const csa_arg *args, int count) {
  csa_plan_node *node;
  const csa_status status = add_node(plan, args, count, &node);
  if (status != CSA_OK) {
    free(data);
    return status;
  }
  snprintf(node->kernel.name, sizeof node->kernel.name, "%s", name);
  node->call = call;
  node->call_data = data;
  return CSA_OK;
}

void csa_plan_flops(csa_plan *plan, double flops) { plan->nodes[plan->node_count - 1].flops = flops; }
