/* The learning rate of each step: what it is at first, warm-up, and how it falls. */
#ifndef CSA_MODEL_LR_H
#define CSA_MODEL_LR_H

#include <stdint.h>

/* constant; cosine: half a wave from the base to 0 (Loshchilov and Hutter 2017, without restarts); step: times a factor
 * every so many steps. As PyTorch's CosineAnnealingLR and StepLR, step by step in place of epoch by epoch. */
typedef enum { CSA_LR_CONSTANT, CSA_LR_COSINE, CSA_LR_STEP } csa_lr_kind;

typedef struct {
  csa_lr_kind kind;
  double base;
  int64_t warmup;   /* steps in which it rises from 0, linearly, before the rest begins */
  int64_t total;    /* steps of the training, warm-up included */
  int64_t interval; /* steps between falls, for CSA_LR_STEP; from 1 */
  double factor;    /* of a fall */
} csa_lr;

/* For step `step`, from 0. */
double csa_lr_at(const csa_lr *lr, int64_t step);

#endif
