/* The class token alone leaves the encoder; the other tokens get no gradient. */
#include <string.h>

#include "reference/reference.h"

void csa_ref_select_forward(int64_t images, int64_t tokens, int64_t channels, const double *x, double *y) {
  for (int64_t n = 0; n < images; n++)
    memcpy(y + n * channels, x + n * tokens * channels, (size_t)channels * sizeof *y);
}

void csa_ref_select_backward(int64_t images, int64_t tokens, int64_t channels, const double *dy, double *dx) {
  memset(dx, 0, (size_t)(images * tokens * channels) * sizeof *dx);
  for (int64_t n = 0; n < images; n++)
    memcpy(dx + n * tokens * channels, dy + n * channels, (size_t)channels * sizeof *dx);
}
