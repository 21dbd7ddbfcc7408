/* What layers use to declare what they need. */
#include "layers/layer.h"

#define ALIGNMENT 32 /* elements: a parameter starts on a cache line, whatever stands before it */

csa_status csa_layer_bad(const csa_layer *layer, const char *why) {
  return csa_fail(CSA_USAGE, "%s '%s': %s", layer->ops->name, layer->name, why);
}

csa_status csa_layer_output(csa_parameters *parameters, csa_layer *layer, csa_shape shape) {
  return csa_plan_tensor(parameters->plan, CSA_TRANSIENT, CSA_F32, shape, &layer->out, "%s %s", layer->name,
                         layer->ops->name);
}

csa_status csa_layer_saved(csa_parameters *parameters, csa_layer *layer, int slot, csa_shape shape, const char *name) {
  return csa_plan_tensor(parameters->plan, CSA_TRANSIENT, CSA_F32, shape, &layer->saved[slot], "%s %s", layer->name,
                         name);
}

/* Lengthens the flat tensor by `elements`, aligned; *start is where they begin. */
static void extend(csa_tensor *flat, int64_t elements, int64_t *start) {
  *start = flat->shape.dim[0];
  flat->shape.dim[0] += (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static csa_status add_part(csa_parameters *all, const csa_layer *layer, csa_parameter parameter, int64_t start,
                           const csa_part *part) {
  CSA_TRY(csa_grow(&all->list, all->count, &all->capacity, sizeof *all->list));
  snprintf(parameter.name, sizeof parameter.name, "%.60s%s%.32s", layer->name, layer->name[0] != '\0' ? "." : "",
           part->name);
  CSA_TRY(csa_plan_view(all->plan, all->values, start, part->shape, &parameter.value));
  if (all->gradients != NULL)
    CSA_TRY(csa_plan_view(all->plan, all->gradients, start, part->shape, &parameter.gradient));
  all->list[all->count++] = parameter;
  return CSA_OK;
}

csa_status csa_layer_param(csa_parameters *all, csa_layer *layer, int slot, csa_shape shape, csa_init init, int fan_in,
                           const csa_part *parts, int count) {
  int64_t start;
  extend(all->values, csa_elements(shape), &start);
  CSA_TRY(csa_plan_view(all->plan, all->values, start, shape, &layer->param[slot]));
  if (all->gradients != NULL) {
    extend(all->gradients, csa_elements(shape), &start);
    CSA_TRY(csa_plan_view(all->plan, all->gradients, start, shape, &layer->dparam[slot]));
  }
  for (int i = 0; i < count; i++) {
    CSA_TRY(add_part(all, layer, (csa_parameter){.init = init, .fan_in = fan_in}, start, &parts[i]));
    start += csa_elements(parts[i].shape);
  }
  return CSA_OK;
}
