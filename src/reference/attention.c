/* Multi-head attention: the core, softmax(q k^T / sqrt(d)) v for each head, and the layer around it with its four
 * projections and the residual.
 *
 * Backward, for one query with weights p over the tokens t: dp[t] = dy . v[t], ds[t] = p[t] (dp[t] - sum p dp), then
 *   dq = sum of ds[t] k[t] / sqrt(d),  dk[t] += ds[t] q / sqrt(d),  dv[t] += p[t] dy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/reference.h"

/* Where one head of one image begins: keys at kv, values `channels` further, rows 2 channels apart. */
static int64_t kv_offset(const csa_ref_attention *s, int64_t image, int64_t head) {
  return image * s->tokens * 2 * s->channels + head * (s->channels / s->heads);
}

static int64_t q_offset(const csa_ref_attention *s, int64_t image, int64_t query, int64_t head) {
  return (image * s->queries + query) * s->channels + head * (s->channels / s->heads);
}

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

static void add_scaled(double *y, double factor, const double *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] += factor * x[i];
}

static double score_scale(const csa_ref_attention *s) {
  const int64_t head = s->channels / s->heads; /* whole, by the contract */
  return 1 / sqrt((double)head);
}

/* p [tokens]: the softmax of one query's scaled products with the keys of its head. */
static void attention_weights(const csa_ref_attention *s, const double *q, const double *keys, double *p) {
  double largest = -HUGE_VAL, sum = 0;
  for (int64_t t = 0; t < s->tokens; t++) {
    p[t] = score_scale(s) * dot(q, keys + t * 2 * s->channels, s->channels / s->heads);
    largest = fmax(largest, p[t]);
  }
  for (int64_t t = 0; t < s->tokens; t++) sum += p[t] = exp(p[t] - largest);
  for (int64_t t = 0; t < s->tokens; t++) p[t] /= sum;
}

csa_status csa_ref_attention_forward(const csa_ref_attention *s, const double *q, const double *kv, double *y) {
  const int64_t width = s->channels / s->heads, stride = 2 * s->channels;
  double *p = NULL;
  CSA_TRY(csa_new(&p, (size_t)s->tokens, sizeof *p));
  memset(y, 0, (size_t)(s->images * s->queries * s->channels) * sizeof *y);
  for (int64_t n = 0; n < s->images; n++)
    for (int64_t h = 0; h < s->heads; h++)
      for (int64_t i = 0; i < s->queries; i++) {
        const double *const keys = kv + kv_offset(s, n, h), *const values = keys + s->channels;
        const int64_t at = q_offset(s, n, i, h);
        attention_weights(s, q + at, keys, p);
        for (int64_t t = 0; t < s->tokens; t++) add_scaled(y + at, p[t], values + t * stride, width);
      }
  free(p);
  return CSA_OK;
}

/* One query of one head: dq [width] is written, dkv is added to. */
static void query_backward(const csa_ref_attention *s, const double *q, const double *kv, const double *dy,
                           const double *p, double *dq, double *dkv) {
  const int64_t width = s->channels / s->heads, stride = 2 * s->channels;
  double mean_dp = 0;
  for (int64_t t = 0; t < s->tokens; t++) mean_dp += p[t] * dot(dy, kv + t * stride + s->channels, width);
  memset(dq, 0, (size_t)width * sizeof *dq);
  for (int64_t t = 0; t < s->tokens; t++) {
    const double *const key = kv + t * stride, *const value = key + s->channels;
    double *const dkey = dkv + t * stride, *const dvalue = dkey + s->channels;
    const double ds = p[t] * (dot(dy, value, width) - mean_dp);
    add_scaled(dq, score_scale(s) * ds, key, width);
    add_scaled(dkey, score_scale(s) * ds, q, width);
    add_scaled(dvalue, p[t], dy, width);
  }
}

csa_status csa_ref_attention_backward(const csa_ref_attention *s, const double *q, const double *kv, const double *dy,
                                      double *dq, double *dkv) {
  double *p = NULL;
  CSA_TRY(csa_new(&p, (size_t)s->tokens, sizeof *p));
  memset(dkv, 0, (size_t)(s->images * s->tokens * 2 * s->channels) * sizeof *dkv);
  for (int64_t n = 0; n < s->images; n++)
    for (int64_t h = 0; h < s->heads; h++)
      for (int64_t i = 0; i < s->queries; i++) {
        const int64_t at = q_offset(s, n, i, h), from = kv_offset(s, n, h);
        attention_weights(s, q + at, kv + from, p);
        query_backward(s, q + at, kv + from, dy + at, p, dq + at, dkv + from);
      }
  free(p);
  return CSA_OK;
}

/* What the layer computes on its way, and the gradients of these. asking, q, y [images, queries, channels],
 * kv [images, tokens, 2 channels]. */
typedef struct {
  double *asking, *q, *kv, *y;
  double *d_asking, *dq, *dkv, *dy;
} inner;

static csa_status inner_new(const csa_ref_attention *s, inner *in) {
  const size_t small = (size_t)(s->images * s->queries * s->channels);
  const size_t large = (size_t)(s->images * s->tokens * 2 * s->channels);
  double *at = NULL;
  CSA_TRY(csa_new(&at, 6 * small + 2 * large, sizeof *at));
  in->asking = at;
  in->q = in->asking + small;
  in->y = in->q + small;
  in->d_asking = in->y + small;
  in->dq = in->d_asking + small;
  in->dy = in->dq + small;
  in->kv = in->dy + small;
  in->dkv = in->kv + large;
  return CSA_OK;
}

static void inner_free(inner *in) { free(in->asking); }

static csa_ref_linear query_rows(const csa_ref_attention *s) {
  return (csa_ref_linear){s->images * s->queries, s->channels, s->channels, false};
}

static csa_ref_linear token_rows(const csa_ref_attention *s) {
  return (csa_ref_linear){s->images * s->tokens, s->channels, 2 * s->channels, false};
}

/* Everything up to the output projection. */
static csa_status inner_forward(const csa_ref_attention *s, const csa_ref_mha_params *params, const double *x,
                                inner *in) {
  const csa_ref_linear queries = query_rows(s), tokens = token_rows(s);
  const int64_t taken = s->queries * s->channels, given = s->tokens * s->channels;
  for (int64_t n = 0; n < s->images; n++) memcpy(in->asking + n * taken, x + n * given, (size_t)taken * sizeof *x);
  csa_ref_linear_forward(&queries, in->asking, params->wq, params->bq, NULL, in->q);
  csa_ref_linear_forward(&tokens, x, params->wkv, params->bkv, NULL, in->kv);
  return csa_ref_attention_forward(s, in->q, in->kv, in->y);
}

csa_status csa_ref_mha_forward(const csa_ref_attention *s, const csa_ref_mha_params *params, const double *x,
                               const double *residual, double *y) {
  const csa_ref_linear queries = query_rows(s);
  csa_status status = CSA_OK;
  inner in = {0};
  CSA_GO(inner_new(s, &in));
  CSA_GO(inner_forward(s, params, x, &in));
  csa_ref_linear_forward(&queries, in.y, params->wo, params->bo, residual, y);
done:
  inner_free(&in);
  return status;
}

csa_status csa_ref_mha_backward(const csa_ref_attention *s, const csa_ref_mha_params *params, const double *x,
                                const double *dy, double *dx, const csa_ref_mha_grads *grads) {
  const csa_ref_linear queries = query_rows(s), tokens = token_rows(s);
  const int64_t taken = s->queries * s->channels, given = s->tokens * s->channels;
  csa_status status = CSA_OK;
  inner in = {0};
  CSA_GO(inner_new(s, &in));
  CSA_GO(inner_forward(s, params, x, &in));
  csa_ref_linear_backward(&queries, in.y, params->wo, NULL, dy, in.dy, grads->wo, grads->bo);
  CSA_GO(csa_ref_attention_backward(s, in.q, in.kv, in.dy, in.dq, in.dkv));
  csa_ref_linear_backward(&queries, in.asking, params->wq, NULL, in.dq, in.d_asking, grads->wq, grads->bq);
  csa_ref_linear_backward(&tokens, x, params->wkv, NULL, in.dkv, dx, grads->wkv, grads->bkv);
  for (int64_t n = 0; n < s->images; n++) add_scaled(dx + n * given, 1, in.d_asking + n * taken, taken);
done:
  inner_free(&in);
  return status;
}
