/* What layers use to declare what they need. */
#include "layers/layer.h"

#include <fnmatch.h>
#include <string.h>

#include "device/gemm.h"

#define ALIGNMENT 32 /* elements: a parameter starts on a cache line, whatever stands before it */

csa_status csa_layer_bad(const csa_layer *layer, const char *why) {
  return csa_fail(CSA_USAGE, "%s '%s': %s", layer->ops->name, layer->name, why);
}

csa_status csa_layer_output(csa_parameters *parameters, csa_layer *layer, csa_shape shape) {
  return csa_plan_tensor(parameters->plan, CSA_TRANSIENT, csa_plan_storage(parameters->plan), shape, &layer->out,
                         "%s %s", layer->name, layer->ops->name);
}

csa_status csa_layer_saved(csa_parameters *parameters, csa_layer *layer, int slot, csa_shape shape, const char *name) {
  return csa_plan_tensor(parameters->plan, CSA_TRANSIENT, csa_plan_storage(parameters->plan), shape,
                         &layer->saved[slot], "%s %s", layer->name, name);
}

csa_status csa_layer_statistics(csa_parameters *parameters, csa_layer *layer, int slot, csa_shape shape,
                                const char *name) {
  return csa_plan_tensor(parameters->plan, CSA_TRANSIENT, CSA_F32, shape, &layer->saved[slot], "%s %s", layer->name,
                         name);
}

bool csa_name_listed(const char *list, const char *name) {
  while (list != NULL && *list != '\0') {
    char pattern[CSA_TENSOR_NAME];
    const size_t length = strcspn(list, ",");
    snprintf(pattern, sizeof pattern, "%.*s", (int)length, list);
    if (fnmatch(pattern, name, 0) == 0) return true;
    list += length + (list[length] == ',');
  }
  return false;
}

/* Lengthens the flat tensor by `elements`, aligned; *start is where they begin. */
static csa_status extend(csa_tensor *flat, int64_t elements, int64_t *start) {
  *start = flat->shape.dim[0];
  if (elements > CSA_ELEMENTS_MAX - ALIGNMENT - *start)
    return csa_fail(CSA_MEMORY, "%s: more than %d elements: the model is too large", flat->name, CSA_ELEMENTS_MAX);
  flat->shape.dim[0] += (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return CSA_OK;
}

static csa_status add_part(csa_parameters *all, const csa_layer *layer, csa_parameter parameter, int64_t start,
                           const csa_part *part) {
  CSA_TRY(csa_grow(&all->list, all->count, &all->capacity, sizeof *all->list));
  snprintf(parameter.name, sizeof parameter.name, "%.60s%s%.32s", layer->name, layer->name[0] != '\0' ? "." : "",
           part->name);
  parameter.fixed = parameter.fixed || csa_name_listed(all->freeze, parameter.name);
  CSA_TRY(csa_plan_view(all->plan, all->values, start, part->shape, &parameter.value));
  if (all->gradients != NULL)
    CSA_TRY(csa_plan_view(all->plan, all->gradients, start, part->shape, &parameter.gradient));
  all->list[all->count++] = parameter;
  return CSA_OK;
}

csa_status csa_layer_param(csa_parameters *all, csa_layer *layer, int slot, csa_shape shape, csa_init init, int fan_in,
                           const csa_part *parts, int count) {
  int64_t start;
  CSA_TRY(extend(all->values, csa_elements(shape), &start));
  CSA_TRY(csa_plan_view(all->plan, all->values, start, shape, &layer->param[slot]));
  if (all->gradients != NULL) {
    CSA_TRY(extend(all->gradients, csa_elements(shape), &start));
    CSA_TRY(csa_plan_view(all->plan, all->gradients, start, shape, &layer->dparam[slot]));
  }
  for (int i = 0; i < count; i++) {
    CSA_TRY(add_part(all, layer, (csa_parameter){.convolution = parts[i].convolution, .init = init, .fan_in = fan_in},
                     start, &parts[i]));
    start += csa_elements(parts[i].shape);
  }
  return CSA_OK;
}

csa_status csa_layer_buffer(csa_parameters *all, csa_layer *layer, int slot, csa_shape shape, csa_init init,
                            const char *name) {
  CSA_TRY(csa_layer_param(all, layer, slot, shape, init, 0, &(csa_part){name, shape, false}, 1));
  csa_parameter *added = &all->list[all->count - 1];
  added->buffer = added->fixed = true;
  return CSA_OK;
}

csa_status csa_layer_weights_backward(csa_plan *p, const csa_tensor *dy, int rows, int outputs, const csa_tensor *x,
                                      int stride, int inputs, csa_tensor *dweight, csa_tensor *dbias) {
  return csa_gemm(p, &(csa_gemm_call){.m = outputs,
                                      .n = inputs,
                                      .k = rows,
                                      .trans_a = true,
                                      .a = dy,
                                      .b = x,
                                      .ldb = stride,
                                      .c = dweight,
                                      .beta = p->beta,
                                      .sums = dbias});
}

int csa_layer_run(const csa_plan *plan, int64_t cols) {
  if (plan->choices.kernels != CSA_KERNELS_CPU) return 1;
  return cols % 16 == 0 ? 16 : cols % 4 == 0 ? 4 : 1;
}

csa_status csa_layer_relu_backward(csa_plan *p, const csa_layer *l, csa_tensor **dz) {
  const csa_tensor *dy = l->dout, *y = l->out;
  const int n = (int)csa_elements(y->shape);
  CSA_TRY(csa_plan_activation(p, y->shape, dz));
  return csa_launch(p, csa_kernel_portable(p, "linear_relu_backward", "%s", ""), csa_items(n), CSA_ARGS(dy, y, *dz, n));
}
