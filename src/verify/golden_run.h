/* A golden file's steps, run by what trains (train/team.h, train/step.h): on one device or several, in parts or not. */
#ifndef CSA_VERIFY_GOLDEN_RUN_H
#define CSA_VERIFY_GOLDEN_RUN_H

#include "train/trainer.h"
#include "verify/golden.h"

typedef struct {
  const csa_golden *golden;
  csa_trainer *trainer;
  float *logits, *final_logits; /* [batch, classes]: of the first step, and of the evaluation */
} csa_golden_run;

/* Prepares it on `devices` [count], with the file's parameters. Sizes that cannot be are CSA_INPUT; to share a batch of
 * a model that has batch norm is CSA_USAGE. Released by csa_golden_run_fini, even after a failure; file and devices
 * must last as long. */
csa_status csa_golden_run_create(csa_golden_run *run, const csa_golden *golden, csa_device *const *devices, int count,
                                 const csa_golden_way *way);
void csa_golden_run_fini(csa_golden_run *run);

/* The next step; *loss is that before its update. */
csa_status csa_golden_run_step(csa_golden_run *run, float *loss);

/* The first step's images, by the parameters as they are. */
csa_status csa_golden_run_evaluate(csa_golden_run *run);

#endif
