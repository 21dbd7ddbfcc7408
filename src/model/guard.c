#include "model/guard.h"

#include <string.h>

#define GROUPS 64 /* that look at the gradients */

csa_status csa_guard_record(csa_graph *g, bool stop) {
  csa_plan *p = g->plan;
  const csa_tensor *gradients = g->parameters.gradients;
  csa_tensor *bad;
  snprintf(p->label, sizeof p->label, "guard");
  CSA_TRY(csa_plan_tensor(p, CSA_OPTIMIZER, CSA_I32, csa_shape1(sizeof(csa_guard_state) / sizeof(cl_int)), &g->guard,
                          "guard"));
  CSA_TRY(csa_plan_tensor(p, CSA_TRANSIENT, CSA_I32, csa_shape1(GROUPS), &bad, "gradients not finite"));
  CSA_TRY(csa_launch(p, csa_kernel_portable(p, "guard_check", "%s", csa_plan_group_sums(p)), csa_groups(GROUPS),
                     CSA_ARGS(gradients, bad, (int)csa_elements(gradients->shape), GROUPS)));
  const csa_tensor *history = g->history != NULL ? g->history : gradients; /* not read without -DLOSS */
  return csa_launch(
      p, csa_kernel_portable(p, "guard_end", "%s%s", g->history != NULL ? " -DLOSS" : "", stop ? " -DSTOP" : ""),
      csa_items(1), CSA_ARGS((const csa_tensor *)bad, GROUPS, history, g->guard, p->step));
}

csa_status csa_guard_reset(csa_graph *g) {
  return g->guard != NULL ? csa_tensor_upload(g->device, g->guard, &(csa_guard_state){0}) : CSA_OK;
}

csa_status csa_guard_get(const csa_graph *g, csa_guard_state *state) {
  memset(state, 0, sizeof *state);
  return g->guard != NULL ? csa_tensor_download(g->device, g->guard, state) : CSA_OK;
}
