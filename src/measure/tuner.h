/* Finds the parameters that serve a device best for the kernels and shapes of a model, and stores them. */
#ifndef CSA_MEASURE_TUNER_H
#define CSA_MEASURE_TUNER_H

#include "measure/tuner_trial.h"
#include "model/architecture.h"

/* What came out for one kernel and shape. */
typedef struct {
  csa_tuning_entry entry;
  double default_s, best_s; /* seconds of a run, medians; equal where the defaults are best */
  double flops;             /* of a run; 0 where that is no product */
  int tried, wrong;         /* contenders, and those that did not count */
  bool known;               /* from an earlier time: nothing was measured now */
} csa_tuned_result;

/* Hears of it as it goes; every function may be NULL. */
typedef struct {
  void *user;
  void (*on_begin)(void *user, const char *kernel, const char *shape, int number, int of);
  void (*on_note)(void *user, const char *note);
  void (*on_result)(void *user, const csa_tuned_result *result);
} csa_tuner_observer;

typedef struct {
  csa_choices choices;
  csa_architecture models[2];
  int model_count, batch;
  double seconds; /* after so many no trial begins or goes on */
  bool again;     /* also what was measured before */
  const volatile sig_atomic_t *stop;
  csa_tuner_observer observer;
} csa_tuner;

/* Tunes what the models launch, products first and of those what takes longest first (with the choice of CLBlast, its
 * parameters in their place; on GPUs both, and then who makes them is chosen), into the device's tuning, and writes its
 * file after each kernel and shape. *left says how many of them remain. CSA_INTERRUPTED after a signal or when the time
 * is up; what was found is kept. Last of all it measures how fast the device trains each model, for shares.h: kernel
 * "train", shape MODEL, value IMAGES_PER_S. */
csa_status csa_tune(csa_device *device, const csa_tuner *tuner, int *left);

#endif
