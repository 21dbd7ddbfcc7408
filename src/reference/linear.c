/* The fully connected layer with what may follow it at once: ReLU or the addition of a residual. */
#include <assert.h>
#include <string.h>

#include "reference/reference.h"

void csa_ref_linear_forward(const csa_ref_linear *s, const double *x, const double *w, const double *b,
                            const double *residual, double *y) {
  assert(!(s->relu && residual != NULL));
  csa_ref_gemm(false, true, s->rows, s->out, s->in, x, s->in, w, s->in, 0, y, s->out);
  for (int64_t i = 0; i < s->rows * s->out; i++) {
    y[i] += b[i % s->out];
    if (s->relu && y[i] < 0) y[i] = 0;
    if (residual != NULL) y[i] += residual[i];
  }
}

void csa_ref_linear_backward(const csa_ref_linear *s, const double *x, const double *w, const double *y,
                             const double *dy, double *dx, double *dw, double *db) {
  memset(dx, 0, (size_t)(s->rows * s->in) * sizeof *dx);
  memset(dw, 0, (size_t)(s->out * s->in) * sizeof *dw);
  memset(db, 0, (size_t)s->out * sizeof *db);
  for (int64_t r = 0; r < s->rows; r++)
    for (int64_t o = 0; o < s->out; o++) {
      const int64_t at = r * s->out + o;
      if (s->relu && y[at] <= 0) continue;
      for (int64_t i = 0; i < s->in; i++) {
        dx[r * s->in + i] += dy[at] * w[o * s->in + i];
        dw[o * s->in + i] += dy[at] * x[r * s->in + i];
      }
      db[o] += dy[at];
    }
}
