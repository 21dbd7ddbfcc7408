/* A layer on trial: on a device with drawn values, and in plain C (src/reference) with the same ones. Tests and the
 * self-test compare the two. */
#ifndef CSA_SELFTEST_TRIAL_H
#define CSA_SELFTEST_TRIAL_H

#include "model/schedule.h"

typedef struct {
  const csa_layer_ops *ops;
  csa_layer_config config;
  csa_shape in, residual; /* residual: rank 0 without one */
  bool accumulate;        /* gradients of parameters are added to ones, which are then taken off again */
  bool joins;             /* so is the input's, as if another reader of it had gone backward before */
  bool input_gradient;
  bool evaluates; /* it is no step of training: forward of an evaluation, and its gradients */
  int active;     /* images that count; 0: all */
} csa_trial_case;

/* One line for people: "64 -> 256, residual". */
#define CSA_TRIAL_TEXT 96
const char *csa_trial_text(const csa_trial_case *c, char text[CSA_TRIAL_TEXT]);

/* What went in and what came out; NULL where there is none. */
typedef struct {
  csa_graph *graph;
  csa_layer *layer;
  double *in, *residual, *dout;
  double *out, *din; /* the gradient of a residual is dout by construction */
  double *param[CSA_LAYER_SLOTS], *dparam[CSA_LAYER_SLOTS];
  const csa_tensor *gradient; /* of the input; NULL if it is not wanted */
  const csa_tensor *other;    /* its part from another reader: ones; NULL without one */
  csa_step_state state;       /* of the step */
} csa_trial;

/* Runs the layer forward and backward, and downloads all that it computed. `trial` is to be released by csa_trial_fini
 * even after a failure. */
csa_status csa_trial_run(csa_trial *trial, csa_device *device, csa_choices choices, const csa_trial_case *c);
void csa_trial_fini(csa_trial *trial);

/* The parameter of a slot of the layer that has one, or the first part of it. */
const csa_parameter *csa_trial_parameter(const csa_trial *trial, int slot);

/* Activations in halves have 11 bits, and are rounded at every layer's inner steps. */
#define CSA_TRIAL_HALF_TOLERANCE 1e-2

/* What should have come out, and by how much each may be off: of the largest magnitude, or of 1 if that is larger. */
typedef struct {
  double *out, *din, *dparam[CSA_LAYER_SLOTS];
  struct {
    double out, din, dparam;
  } tolerance;
} csa_expectation;

/* The reference's results. A ReLU's gradient passes where the device's own output does: rounding may put a number near
 * 0 on either side. Released by csa_expectation_fini even after a failure; the loss has a form of its own and none here
 * (CSA_USAGE). */
csa_status csa_trial_expect(const csa_trial *trial, csa_expectation *expectation);
void csa_expectation_fini(csa_expectation *expectation);

/* The largest |got - want|, over the largest |want| or 1; NaN if any element is. *where, if not NULL, is its index. */
double csa_difference(const double *got, const double *want, int64_t count, int64_t *where);

#endif
