/* One step of Adam (Kingma and Ba, 2015), AdamW (Loshchilov and Hutter, 2019) or SGD with momentum, in the form
 * PyTorch gives them. */
#include <math.h>

#include "reference/reference.h"

static void sgd_step(const csa_ref_optimizer *o, int64_t count, const double *gradient, double *parameter,
                     double *velocity) {
  for (int64_t i = 0; i < count; i++) {
    const double g = gradient[i] + o->weight_decay * parameter[i];
    velocity[i] = o->momentum * velocity[i] + g;
    parameter[i] -= o->lr * velocity[i];
  }
}

static void adam_step(const csa_ref_optimizer *o, int64_t step, int64_t count, const double *gradient,
                      double *parameter, double *first, double *second) {
  const double correction1 = 1 - pow(o->beta1, (double)step), correction2 = 1 - pow(o->beta2, (double)step);
  const bool decoupled = o->kind == CSA_REF_ADAMW;
  for (int64_t i = 0; i < count; i++) {
    const double g = gradient[i] + (decoupled ? 0 : o->weight_decay * parameter[i]);
    if (decoupled) parameter[i] -= o->lr * o->weight_decay * parameter[i];
    first[i] = o->beta1 * first[i] + (1 - o->beta1) * g;
    second[i] = o->beta2 * second[i] + (1 - o->beta2) * g * g;
    parameter[i] -= o->lr * (first[i] / correction1) / (sqrt(second[i] / correction2) + o->epsilon);
  }
}

void csa_ref_optimizer_step(const csa_ref_optimizer *o, int64_t step, int64_t count, const double *gradient,
                            double *parameter, double *first, double *second) {
  if (o->kind == CSA_REF_SGD) {
    sgd_step(o, count, gradient, parameter, first);
    return;
  }
  adam_step(o, step, count, gradient, parameter, first, second);
}

void csa_ref_clip(double most, int64_t count, double *gradient) {
  double squares = 0;
  for (int64_t i = 0; i < count; i++) squares += gradient[i] * gradient[i];
  const double factor = fmin(1, most / (sqrt(squares) + 1e-6));
  for (int64_t i = 0; i < count; i++) gradient[i] *= factor;
}

void csa_ref_ema(double decay, int64_t step, int64_t count, const double *parameter, double *mean) {
  const double t = (double)step - 1, d = fmin(decay, t / (10 + t));
  for (int64_t i = 0; i < count; i++) mean[i] += (1 - d) * (parameter[i] - mean[i]);
}
