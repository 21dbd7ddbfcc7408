#include "model/scaler.h"

#include <string.h>

#define INITIAL_SCALE 65536.0f

csa_status csa_scaler_begin(csa_graph *g) {
  csa_plan *p = g->plan;
  if (csa_plan_storage(p) != CSA_F16) return CSA_OK;
  const int64_t ints = sizeof(csa_scaler_state) / sizeof(cl_int);
  CSA_TRY(csa_plan_tensor(p, CSA_OPTIMIZER, CSA_I32, csa_shape1(ints), &g->scaler, "loss scale"));
  snprintf(p->label, sizeof p->label, "loss scale");
  return csa_launch(p, csa_kernel_portable(p, "scale_begin", "%s", ""), csa_items(1),
                    CSA_ARGS((const csa_tensor *)g->scaler, p->step));
}

csa_status csa_scaler_end(csa_graph *g, float rest1, float rest2) {
  csa_plan *p = g->plan;
  if (g->scaler == NULL) return CSA_OK;
  return csa_launch(p, csa_kernel_portable(p, "scale_end", "%s", ""), csa_items(1),
                    CSA_ARGS(rest1, rest2, g->scaler, p->step));
}

csa_status csa_scaler_reset(csa_graph *g) { return csa_scaler_set(g, &(csa_scaler_state){.scale = INITIAL_SCALE}); }

csa_status csa_scaler_set(csa_graph *g, const csa_scaler_state *state) {
  return g->scaler != NULL ? csa_tensor_upload(g->device, g->scaler, state) : CSA_OK;
}

csa_status csa_scaler_get(const csa_graph *g, csa_scaler_state *state) {
  memset(state, 0, sizeof *state);
  return g->scaler != NULL ? csa_tensor_download(g->device, g->scaler, state) : CSA_OK;
}
