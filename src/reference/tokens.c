/* The sequence a transformer starts from: a class token before the patches, and a learned position added to each. */
#include <string.h>

#include "reference/reference.h"

void csa_ref_tokens_forward(const csa_ref_tokens *s, const double *x, const double *class_token, const double *position,
                            double *y) {
  const int64_t channels = s->channels;
  for (int64_t n = 0; n < s->images; n++)
    for (int64_t t = 0; t <= s->tokens; t++) {
      const double *const from = t == 0 ? class_token : x + (n * s->tokens + t - 1) * channels;
      double *const to = y + (n * (s->tokens + 1) + t) * channels;
      for (int64_t c = 0; c < channels; c++) to[c] = from[c] + position[t * channels + c];
    }
}

void csa_ref_tokens_backward(const csa_ref_tokens *s, const double *dy, double *dx, double *dclass_token,
                             double *dposition) {
  const int64_t given = s->tokens * s->channels, made = given + s->channels;
  memset(dposition, 0, (size_t)made * sizeof *dposition);
  for (int64_t n = 0; n < s->images; n++) {
    for (int64_t i = 0; i < made; i++) dposition[i] += dy[n * made + i];
    memcpy(dx + n * given, dy + n * made + s->channels, (size_t)given * sizeof *dx);
  }
  memcpy(dclass_token, dposition, (size_t)s->channels * sizeof *dclass_token);
}
