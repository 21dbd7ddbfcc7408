/* CLBlast's parameters, and whether it or the project's own kernels make the products. */
#ifndef CSA_MEASURE_TUNER_RACE_H
#define CSA_MEASURE_TUNER_RACE_H

#include "measure/tuner.h"

/* A product of a model, as a tuning names it, and how often a step has it. */
typedef struct {
  char shape[CSA_TUNING_TEXT];
  int uses;
} csa_product_use;

/* Tries CLBlast's parameters on the products [count], and compares its best with the project's own kernels at theirs.
 * Each trial is a process of its own, as CLBlast keeps one set of parameters for all of a process. */
csa_status csa_tune_clblast(csa_device *device, const csa_tuner *tuner, const csa_product_use *products, int count,
                            double deadline);

/* What such a process does: reads what is wanted, prints what came out. */
csa_status csa_race_serve(const char *device);

#endif
