/* Softmax cross-entropy over the active images of a batch, and how many of them are classified right. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "reference/reference.h"

static int64_t first_largest(const double *z, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++)
    if (z[i] > z[best]) best = i;
  return best;
}

/* log(sum(exp(z))), with the largest taken out so that nothing overflows. */
static double log_sum_exp(const double *z, int64_t count) {
  const double largest = z[first_largest(z, count)];
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += exp(z[i] - largest);
  return largest + log(sum);
}

static double wanted(const csa_ref_loss *s, int64_t class, int32_t label) {
  return (class == label ? 1 - s->smoothing : 0) + s->smoothing / (double)s->classes;
}

double csa_ref_loss_forward(const csa_ref_loss *s, const double *logits, const int32_t *labels, int64_t *correct) {
  assert(s->active > 0 && s->active <= s->images);
  double sum = 0;
  *correct = 0;
  for (int64_t n = 0; n < s->active; n++) {
    const double *const z = logits + n * s->classes;
    const double lse = log_sum_exp(z, s->classes);
    for (int64_t c = 0; c < s->classes; c++) sum += wanted(s, c, labels[n]) * (lse - z[c]);
    *correct += first_largest(z, s->classes) == labels[n];
  }
  return sum / (double)s->active;
}

void csa_ref_loss_backward(const csa_ref_loss *s, const double *logits, const int32_t *labels, double *dlogits) {
  assert(s->active > 0 && s->active <= s->images);
  memset(dlogits, 0, (size_t)(s->images * s->classes) * sizeof *dlogits);
  for (int64_t n = 0; n < s->active; n++) {
    const double *const z = logits + n * s->classes;
    const double shift = log_sum_exp(z, s->classes);
    for (int64_t c = 0; c < s->classes; c++) {
      dlogits[n * s->classes + c] = (exp(z[c] - shift) - wanted(s, c, labels[n])) / (double)s->active;
    }
  }
}
