/* Layer normalization over the last extent, with the ReLU that may follow it.
 *
 * With z = (x - mean) rstd, y = weight z + bias and g = weight dy, both means over the row:
 *   dx = rstd (g - mean(g) - z mean(g z)),  dweight = sum over rows of dy z,  dbias = sum over rows of dy. */
#include <math.h>
#include <string.h>

#include "reference/reference.h"

typedef struct {
  double mean, rstd;
} statistics;

static statistics row_statistics(const double *x, int64_t cols) {
  double mean = 0, variance = 0;
  for (int64_t i = 0; i < cols; i++) mean += x[i] / (double)cols;
  for (int64_t i = 0; i < cols; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)cols;
  return (statistics){mean, 1 / sqrt(variance + CSA_REF_LAYERNORM_EPSILON)};
}

void csa_ref_layernorm_forward(const csa_ref_layernorm *s, const double *x, const double *weight, const double *bias,
                               double *y) {
  for (int64_t r = 0; r < s->rows; r++, x += s->cols, y += s->cols) {
    const statistics row = row_statistics(x, s->cols);
    for (int64_t i = 0; i < s->cols; i++) {
      y[i] = weight[i] * (x[i] - row.mean) * row.rstd + bias[i];
      if (s->relu && y[i] < 0) y[i] = 0;
    }
  }
}

static double passed(const csa_ref_layernorm *s, double y, double dy) { return s->relu && y <= 0 ? 0 : dy; }

void csa_ref_layernorm_backward(const csa_ref_layernorm *s, const double *x, const double *weight, const double *y,
                                const double *dy, double *dx, double *dweight, double *dbias) {
  const double cols = (double)s->cols;
  memset(dweight, 0, (size_t)s->cols * sizeof *dweight);
  memset(dbias, 0, (size_t)s->cols * sizeof *dbias);
  for (int64_t r = 0; r < s->rows; r++, x += s->cols, y += s->cols, dy += s->cols, dx += s->cols) {
    const statistics row = row_statistics(x, s->cols);
    double mean_g = 0, mean_gz = 0;
    for (int64_t i = 0; i < s->cols; i++) {
      const double z = (x[i] - row.mean) * row.rstd;
      const double d = passed(s, y[i], dy[i]);
      dweight[i] += d * z;
      dbias[i] += d;
      mean_g += weight[i] * d / cols;
      mean_gz += weight[i] * d * z / cols;
    }
    for (int64_t i = 0; i < s->cols; i++) {
      const double z = (x[i] - row.mean) * row.rstd;
      dx[i] = row.rstd * (weight[i] * passed(s, y[i], dy[i]) - mean_g - z * mean_gz);
    }
  }
}
