/* Dropout. It is linear, with numbers that do not depend on x, so that the gradient goes the way x went. */
#include "reference/reference.h"

void csa_ref_dropout(const csa_ref_dropout_size *s, const double *x, double *y) {
  for (int64_t i = 0; i < s->count; i++) {
    const bool kept = (double)csa_rng_u32(&s->rng, (uint64_t)i) >= s->rate * 0x1p32;
    y[i] = kept ? x[i] / (1 - s->rate) : 0;
  }
}
