/* The guard of the parameters: a step whose loss or gradients are not finite makes no update (cl/guard.cl). */
#ifndef CSA_MODEL_GUARD_H
#define CSA_MODEL_GUARD_H

#include "model/graph.h"

/* The same struct as in cl/guard.cl. */
typedef struct {
  cl_int wrong; /* steps whose numbers were not finite; one that overflowed by the loss's scale is none */
  cl_int first; /* the first of them, counted from 1; 0: there was none */
} csa_guard_state;

/* Records the guard in the update list, before anything that updates. `stop`: nothing is updated from the first wrong
 * step on. */
csa_status csa_guard_record(csa_graph *graph, bool stop);

/* The state as before the first step; the graph is bound. `get` waits; of a graph without a guard it is zeros. */
csa_status csa_guard_reset(csa_graph *graph);
csa_status csa_guard_get(const csa_graph *graph, csa_guard_state *state);

#endif
