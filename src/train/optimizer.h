/* Optimizers: Adam, AdamW, SGD with momentum, as PyTorch computes them. */
#ifndef CSA_TRAIN_OPTIMIZER_H
#define CSA_TRAIN_OPTIMIZER_H

#include "model/schedule.h"

typedef struct {
  csa_optimizer_kind kind;
  float lr;
  float weight_decay; /* L2 for adam and sgd, decoupled for adamw */
} csa_optimizer_config;

/* The state, laid out as the graph's flat parameter tensor; sgd has no second moment. */
typedef struct {
  csa_optimizer_config config;
  csa_tensor *first, *second;
} csa_optimizer;

/* "adam", "adamw" or "sgd"; anything else is CSA_USAGE. */
csa_status csa_optimizer_parse(const char *text, csa_optimizer_kind *kind);
const char *csa_optimizer_text(csa_optimizer_kind kind);

/* Records the update list on the graph's plan: one launch for all parameters. */
csa_status csa_optimizer_record(csa_optimizer *optimizer, csa_graph *graph, csa_optimizer_config config);

/* Fills in what training step number `step` (from 1) needs: learning rate, bias corrections, that it is one. */
void csa_optimizer_step(const csa_optimizer *optimizer, int64_t step, csa_step_state *state);

#endif
