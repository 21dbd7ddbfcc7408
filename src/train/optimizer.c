#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "model/scaler.h"

#define BETA1 0.9 /* in double, as PyTorch has them: 1 - BETA2 would lose digits in float */
#define BETA2 0.999
#define EPSILON 1e-8f
#define MOMENTUM 0.9f

static const char *const names[] = {[CSA_ADAM] = "adam", [CSA_ADAMW] = "adamw", [CSA_SGD] = "sgd"};

csa_status csa_optimizer_parse(const char *text, csa_optimizer_kind *kind) {
  for (int i = CSA_ADAM; i <= CSA_SGD; i++)
    if (strcmp(text, names[i]) == 0) {
      *kind = (csa_optimizer_kind)i;
      return CSA_OK;
    }
  return csa_fail(CSA_USAGE, "optimizer: %s: must be adam, adamw or sgd", text);
}

const char *csa_optimizer_text(csa_optimizer_kind kind) { return names[kind]; }

csa_status csa_optimizer_record(csa_optimizer *o, csa_graph *graph, csa_optimizer_config config) {
  csa_plan *p = graph->plan;
  csa_tensor *values = graph->parameters.values;
  const csa_tensor *gradients = graph->parameters.gradients, *step = p->step;
  const int n = (int)csa_elements(values->shape);
  *o = (csa_optimizer){.config = config};
  csa_plan_record(p, CSA_UPDATE);
  CSA_TRY(csa_scaler_end(graph, (float)(1.0 - BETA1), (float)(1.0 - BETA2)));
  snprintf(p->label, sizeof p->label, "%s", names[config.kind]);
  CSA_TRY(csa_plan_tensor(p, CSA_OPTIMIZER, CSA_F32, values->shape, &o->first, "first moment"));
  if (config.kind == CSA_SGD)
    return csa_launch(p, csa_kernel_named(p, "optimizer_sgd", "%s", ""), csa_items(n),
                      CSA_ARGS(values, gradients, o->first, step, n, MOMENTUM, config.weight_decay));
  CSA_TRY(csa_plan_tensor(p, CSA_OPTIMIZER, CSA_F32, values->shape, &o->second, "second moment"));
  return csa_launch(p, csa_kernel_named(p, "optimizer_adam", "%s", config.kind == CSA_ADAMW ? "-DDECOUPLED" : ""),
                    csa_items(n),
                    CSA_ARGS(values, gradients, o->first, o->second, step, n, (float)BETA1, (float)(1.0 - BETA1),
                             (float)BETA2, (float)(1.0 - BETA2), EPSILON, config.weight_decay));
}

void csa_optimizer_step(const csa_optimizer *o, int64_t step, csa_step_state *state) {
  state->lr = o->config.lr;
  state->correction1 = (float)(1.0 - pow(BETA1, (double)step));
  state->correction2 = (float)sqrt(1.0 - pow(BETA2, (double)step));
  state->training = 1;
  state->step = (cl_uint)(step - 1);
}
