/* Max-pooling over squares of 2 x 2, and the mean over all pixels. */
#include <string.h>

#include "reference/reference.h"

/* The first element, in row-major order, that is largest in the square that element (n, y, x, c) of the result is of.
 */
static int64_t largest(const csa_ref_pool *s, const double *x, int64_t n, int64_t py, int64_t px, int64_t c) {
  int64_t best = -1;
  for (int64_t j = 0; j < 4; j++) {
    const int64_t at = ((n * s->height + 2 * py + j / 2) * s->width + 2 * px + j % 2) * s->channels + c;
    if (best < 0 || x[at] > x[best]) best = at;
  }
  return best;
}

/* Both directions visit the same pairs: y takes from x, dx takes from dy. */
static void visit(const csa_ref_pool *s, const double *x, const double *dy, double *y, double *dx) {
  int64_t i = 0;
  for (int64_t n = 0; n < s->images; n++)
    for (int64_t py = 0; py < s->height / 2; py++)
      for (int64_t px = 0; px < s->width / 2; px++)
        for (int64_t c = 0; c < s->channels; c++, i++) {
          const int64_t at = largest(s, x, n, py, px, c);
          if (y != NULL) y[i] = x[at];
          if (dx != NULL) dx[at] = dy[i];
        }
}

void csa_ref_pool_forward(const csa_ref_pool *s, const double *x, double *y) { visit(s, x, NULL, y, NULL); }

void csa_ref_pool_backward(const csa_ref_pool *s, const double *x, const double *dy, double *dx) {
  memset(dx, 0, (size_t)(s->images * s->height * s->width * s->channels) * sizeof *dx);
  visit(s, x, dy, NULL, dx);
}

void csa_ref_average_forward(const csa_ref_pool *s, const double *x, double *y) {
  const int64_t pixels = s->height * s->width;
  memset(y, 0, (size_t)(s->images * s->channels) * sizeof *y);
  for (int64_t i = 0; i < s->images * pixels * s->channels; i++)
    y[i / (pixels * s->channels) * s->channels + i % s->channels] += x[i] / (double)pixels;
}

void csa_ref_average_backward(const csa_ref_pool *s, const double *dy, double *dx) {
  const int64_t pixels = s->height * s->width;
  for (int64_t i = 0; i < s->images * pixels * s->channels; i++)
    dx[i] = dy[i / (pixels * s->channels) * s->channels + i % s->channels] / (double)pixels;
}
