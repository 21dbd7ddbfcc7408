/* Optimizers: Adam, AdamW, SGD with momentum, as PyTorch computes them; with it what else an update does: clipping, and
 * a moving average of the parameters. */
#ifndef CSA_MODEL_OPTIMIZER_H
#define CSA_MODEL_OPTIMIZER_H

#include "model/schedule.h"

/* Which parameters decay: all, or only weights, matrices and filters, so not biases, norms, tokens and positions. */
typedef enum { CSA_DECAY_ALL, CSA_DECAY_WEIGHTS } csa_decay;

typedef struct {
  csa_optimizer_kind kind;
  float lr;
  float weight_decay; /* L2 for adam and sgd, decoupled for adamw */
  csa_decay decay;
  float clip_norm; /* the norm of all gradients together, at most; 0: any */
  float ema;       /* decay of the moving average; 0: none is kept */
  bool stop;       /* nothing is updated any more after a step whose numbers were not finite (model/guard.h) */
} csa_optimizer_config;

/* The state, laid out as the graph's flat parameter tensor; sgd has no second moment. */
typedef struct {
  csa_optimizer_config config;
  csa_tensor *first, *second;
  csa_tensor *mean; /* moving average of the parameters, or NULL */
} csa_optimizer;

/* "adam", "adamw", "sgd", by kind; NULL behind the last. */
extern const char *const csa_optimizer_names[];

/* Records the update list on the graph's plan: a launch for each run of parameters that are updated alike, which is one
 * where all are. Fixed parameters (csa_parameter) stay as they are. */
csa_status csa_optimizer_record(csa_optimizer *optimizer, csa_graph *graph, csa_optimizer_config config);

/* Fills in what training step number `step` (from 1) needs: learning rate, bias corrections, that it is one. */
void csa_optimizer_step(const csa_optimizer *optimizer, int64_t step, csa_step_state *state);

/* Records the exchange of the parameters and their moving average in a plan of its own. */
csa_status csa_optimizer_record_swap(csa_plan *plan, const csa_optimizer *optimizer, csa_graph *graph);

#endif
