/* Dropout. It is linear, with numbers that do not depend on x, so that the gradient goes the way x went. */
#include "reference/reference.h"

/* Where the number of an image's element is in the stream: of 64 elements the first 16 take the first of every four,
 * the next 16 the second, and so on. An image has 2^32 blocks of four. */
static uint64_t place(int64_t image, int64_t i) {
  return (uint64_t)image << 34 | (uint64_t)(i / 64 * 64 + i % 16 * 4 + i / 16 % 4);
}

void csa_ref_dropout(const csa_ref_dropout_size *s, const double *x, double *y) {
  for (int64_t i = 0; i < s->count; i++) {
    const bool kept = (double)csa_rng_u32(&s->rng, place(s->first + i / s->cols, i % s->cols)) >= s->rate * 0x1p32;
    y[i] = kept ? x[i] / (1 - s->rate) : 0;
  }
}
