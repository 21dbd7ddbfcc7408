#include "model/lr.h"

#include <math.h>

#define PI 3.14159265358979323846

double csa_lr_at(const csa_lr *lr, int64_t step) {
  if (step < lr->warmup) return lr->base * (double)(step + 1) / (double)lr->warmup;
  const int64_t done = step - lr->warmup, rest = lr->total - lr->warmup, falls = done / lr->interval;
  switch (lr->kind) {
    case CSA_LR_COSINE: return done < rest ? 0.5 * lr->base * (1.0 + cos(PI * (double)done / (double)rest)) : 0.0;
    case CSA_LR_STEP: return lr->base * pow(lr->factor, (double)falls);
    case CSA_LR_CONSTANT: break;
  }
  return lr->base;
}
