/* Dynamic loss scaling, for graphs whose activations are halves: what cl/scale.cl does in every step, without the host
 * waiting for it. A graph of floats has no scaler, and these functions leave it alone. */
#ifndef CSA_MODEL_SCALER_H
#define CSA_MODEL_SCALER_H

#include "model/graph.h"

/* The same struct as in cl/scale.cl; part of a training's state. */
typedef struct {
  cl_float scale;       /* of the loss */
  cl_int good;          /* steps since it changed */
  cl_float correction1; /* 1 - beta1^t after t updates */
  cl_float correction2; /* 1 - beta2^t */
} csa_scaler_state;

/* Records the start of a micro-step. */
csa_status csa_scaler_begin(csa_graph *graph);

/* Records, behind the guard, the corrections of the optimizer's update, and the next scale; rest is 1 - beta. */
csa_status csa_scaler_end(csa_graph *graph, float rest1, float rest2);

/* The state before the first step, and any other; the graph is bound. `get` of a graph without a scaler is zeros. */
csa_status csa_scaler_reset(csa_graph *graph);
csa_status csa_scaler_set(csa_graph *graph, const csa_scaler_state *state);
csa_status csa_scaler_get(const csa_graph *graph, csa_scaler_state *state);

#endif
