/* Batch normalization of every channel over images and pixels, with the ReLU that may follow it.
 *
 * With z = (x - mean) rstd, y = weight z + bias and g = weight dy, means over the rows that count:
 *   dx = rstd (g - mean(g) - z mean(g z)),  dweight = sum of dy z,  dbias = sum of dy;
 * in evaluation mean and rstd are constants, and dx = rstd g. */
#include <math.h>

#include "reference/reference.h"

typedef struct {
  double mean, variance; /* of channel c: the batch's in training, else the running ones */
} statistics;

static statistics of_batch(const csa_ref_batchnorm *s, const double *x, int64_t c) {
  statistics of = {0, 0};
  for (int64_t r = 0; r < s->active; r++) of.mean += x[r * s->cols + c] / (double)s->active;
  for (int64_t r = 0; r < s->active; r++) of.variance += pow(x[r * s->cols + c] - of.mean, 2) / (double)s->active;
  return of;
}

static double rstd_of(double variance) { return 1 / sqrt(variance + CSA_REF_BATCHNORM_EPSILON); }

void csa_ref_batchnorm_forward(const csa_ref_batchnorm *s, const double *x, const double *weight, const double *bias,
                               const double *running_mean, const double *running_var, double *seen_mean,
                               double *seen_var, double *y) {
  for (int64_t c = 0; c < s->cols; c++) {
    const statistics of = s->training ? of_batch(s, x, c) : (statistics){running_mean[c], running_var[c]};
    for (int64_t at = c; at < s->rows * s->cols; at += s->cols) {
      y[at] = weight[c] * (x[at] - of.mean) * rstd_of(of.variance) + bias[c];
      if (s->relu && y[at] < 0) y[at] = 0;
    }
    if (!s->training) continue;
    seen_mean[c] = of.mean;
    seen_var[c] = of.variance * (double)s->active / fmax((double)s->active - 1, 1);
  }
}

void csa_ref_batchnorm_backward(const csa_ref_batchnorm *s, const double *x, const double *weight,
                                const double *running_mean, const double *running_var, const double *y,
                                const double *dy, double *dx, double *dweight, double *dbias) {
  for (int64_t c = 0; c < s->cols; c++) {
    const statistics of = s->training ? of_batch(s, x, c) : (statistics){running_mean[c], running_var[c]};
    const double rstd = rstd_of(of.variance), share = s->training ? 1 / (double)s->active : 0;
    dweight[c] = dbias[c] = 0;
    for (int64_t r = 0, at = c; r < s->active; r++, at += s->cols) {
      const double d = s->relu && y[at] <= 0 ? 0 : dy[at];
      dweight[c] += d * (x[at] - of.mean) * rstd;
      dbias[c] += d;
    }
    for (int64_t r = 0, at = c; r < s->rows; r++, at += s->cols) {
      const double d = s->relu && y[at] <= 0 ? 0 : dy[at], z = (x[at] - of.mean) * rstd;
      dx[at] = r < s->active ? weight[c] * rstd * (d - share * dbias[c] - share * z * dweight[c]) : 0;
    }
  }
}
