/* Every layer in plain C and double precision: slow, short and meant to be read. Kernels are compared with these.
 *
 * Arrays are dense and row-major; shapes stand in the comments, outermost extent first. Forward reads x and writes y;
 * backward reads dy, the gradient of the loss by y, and overwrites the gradient of every input and parameter. Inputs
 * and outputs never overlap. Sizes are taken as right: callers check them. What a layer adds to its result as
 * `residual` has dy itself as its gradient, so no function writes that one. */
#ifndef CSA_REFERENCE_REFERENCE_H
#define CSA_REFERENCE_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rng.h"
#include "core/status.h"

/* C = op(A) op(B) + beta C with op(A) [m, k], op(B) [k, n], C [m, n]; rows lie lda, ldb and ldc elements apart as
 * stored, and op transposes where trans_ says so. With beta 0, C is not read. */
void csa_ref_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                  const double *b, int64_t ldb, double beta, double *c, int64_t ldc);

typedef struct {
  int64_t rows, in, out;
  bool relu; /* max(0, .) of the result; not together with a residual */
} csa_ref_linear;

/* y = x w^T + b, then ReLU or + residual. x [rows, in], w [out, in], b [out], residual [rows, out] or NULL,
 * y [rows, out]. */
void csa_ref_linear_forward(const csa_ref_linear *s, const double *x, const double *w, const double *b,
                            const double *residual, double *y);

/* `y` is forward's result, read with ReLU only (else NULL will do): where it is 0, no gradient passes. */
void csa_ref_linear_backward(const csa_ref_linear *s, const double *x, const double *w, const double *y,
                             const double *dy, double *dx, double *dw, double *db);

#define CSA_REF_LAYERNORM_EPSILON 1e-5

typedef struct {
  int64_t rows, cols;
  bool relu;
} csa_ref_layernorm;

/* y = weight (x - mean) / sqrt(variance + epsilon) + bias for each row, with the biased variance, then ReLU (Ba et al.,
 * "Layer Normalization", 2016). x, y [rows, cols], weight, bias [cols]. */
void csa_ref_layernorm_forward(const csa_ref_layernorm *s, const double *x, const double *weight, const double *bias,
                               double *y);

/* `y` as in csa_ref_linear_backward. */
void csa_ref_layernorm_backward(const csa_ref_layernorm *s, const double *x, const double *weight, const double *y,
                                const double *dy, double *dx, double *dweight, double *dbias);

#define CSA_REF_BATCHNORM_EPSILON 1e-5

typedef struct {
  int64_t rows, active, cols; /* only the first `active` rows count, though all are normalized */
  bool relu, training;
} csa_ref_batchnorm;

/* y = weight (x - mean) / sqrt(variance + epsilon) + bias for each column, then ReLU (Ioffe and Szegedy, "Batch
 * Normalization", 2015). In training mean and biased variance are those of the rows that count, and seen_mean and
 * seen_var, towards which the running ones are to move, are the mean and the unbiased variance; in evaluation the
 * running ones are taken, and nothing is seen. x, y [rows, cols], the others [cols]. */
void csa_ref_batchnorm_forward(const csa_ref_batchnorm *s, const double *x, const double *weight, const double *bias,
                               const double *running_mean, const double *running_var, double *seen_mean,
                               double *seen_var, double *y);

/* `y` as in csa_ref_linear_backward; the running statistics are read in evaluation. */
void csa_ref_batchnorm_backward(const csa_ref_batchnorm *s, const double *x, const double *weight,
                                const double *running_mean, const double *running_var, const double *y,
                                const double *dy, double *dx, double *dweight, double *dbias);

typedef struct {
  int64_t count, cols; /* elements of all images, and of one */
  int64_t first;       /* number of the first image in its step */
  double rate;         /* share of the elements that are dropped */
  csa_rng rng;         /* the numbers that say which */
} csa_ref_dropout_size;

/* y = x / (1 - rate), or 0 where the element's number, of 2^32, is below the rate (Srivastava et al., "Dropout", 2014).
 * The gradient takes the same way: dx from dy. */
void csa_ref_dropout(const csa_ref_dropout_size *s, const double *x, double *y);

/* Sizes of multi-head attention; a head has channels / heads columns, and the heads lie side by side. */
typedef struct {
  int64_t images, queries, tokens, channels, heads;
} csa_ref_attention;

/* y = softmax(q k^T / sqrt(channels / heads)) v for each head (Vaswani et al., "Attention Is All You Need", 2017,
 * equation 1). q, y [images, queries, channels], kv [images, tokens, 2 channels]: keys, then values. CSA_MEMORY. */
csa_status csa_ref_attention_forward(const csa_ref_attention *s, const double *q, const double *kv, double *y);

csa_status csa_ref_attention_backward(const csa_ref_attention *s, const double *q, const double *kv, const double *dy,
                                      double *dq, double *dkv);

/* Projections of the whole layer: wq, wo [channels, channels], wkv [2 channels, channels] with the keys' rows first;
 * bq, bo [channels], bkv [2 channels]. */
typedef struct {
  const double *wq, *bq, *wkv, *bkv, *wo, *bo;
} csa_ref_mha_params;

typedef struct {
  double *wq, *bq, *wkv, *bkv, *wo, *bo;
} csa_ref_mha_grads;

/* y = attention(x wq^T + bq, x wkv^T + bkv) wo^T + bo + residual. x [images, tokens, channels]; the first `queries`
 * tokens ask (all, or 1: the class token alone); residual [images, queries, channels] or NULL; y likewise.
 * CSA_MEMORY. */
csa_status csa_ref_mha_forward(const csa_ref_attention *s, const csa_ref_mha_params *params, const double *x,
                               const double *residual, double *y);

csa_status csa_ref_mha_backward(const csa_ref_attention *s, const csa_ref_mha_params *params, const double *x,
                                const double *dy, double *dx, const csa_ref_mha_grads *grads);

typedef struct {
  int64_t images, tokens, channels; /* `tokens` without the class token */
} csa_ref_tokens;

/* y[n, 0] = class_token + position[0], y[n, t+1] = x[n, t] + position[t+1]. x [images, tokens, channels],
 * class_token [channels], position [tokens + 1, channels], y [images, tokens + 1, channels]. */
void csa_ref_tokens_forward(const csa_ref_tokens *s, const double *x, const double *class_token, const double *position,
                            double *y);

void csa_ref_tokens_backward(const csa_ref_tokens *s, const double *dy, double *dx, double *dclass_token,
                             double *dposition);

/* y = x[:, 0]: the class token. x [images, tokens, channels], y [images, 1, channels]. */
void csa_ref_select_forward(int64_t images, int64_t tokens, int64_t channels, const double *x, double *y);

void csa_ref_select_backward(int64_t images, int64_t tokens, int64_t channels, const double *dy, double *dx);

/* Images cut into patches of channels * patch^2 values. grid: squares of patch x patch pixels, row by row, values in
 * the order (channel, y, x). Else rows: runs of consecutive values of the image laid out as
 * [channels, height, width]. */
typedef struct {
  int64_t images, height, width, channels, patch;
  bool grid;
} csa_ref_patches;

/* x [images, height, width, channels], y [images, height * width / patch^2, channels * patch^2]. */
void csa_ref_patches_forward(const csa_ref_patches *s, const double *x, double *y);

void csa_ref_patches_backward(const csa_ref_patches *s, const double *dy, double *dx);

typedef struct {
  int64_t images, height, width, in, out, kernel;
  bool relu;
} csa_ref_conv2d;

/* K = kernel, odd; padding K / 2. x [images, height, width, in], w [K, K, in, out], b [out] or NULL, y [images,
 * height, width, out]. */
void csa_ref_conv2d_forward(const csa_ref_conv2d *s, const double *x, const double *w, const double *b, double *y);

/* `y` as in csa_ref_linear_backward; db may be NULL. */
void csa_ref_conv2d_backward(const csa_ref_conv2d *s, const double *x, const double *w, const double *y,
                             const double *dy, double *dx, double *dw, double *db);

typedef struct {
  int64_t images, height, width, channels;
} csa_ref_pool;

/* The largest of each square of 2 x 2; of equal ones the first in row-major order gets the gradient; a last odd row or
 * column is left out. x [images, height, width, channels], y [images, height / 2, width / 2, channels]. */
void csa_ref_pool_forward(const csa_ref_pool *s, const double *x, double *y);

void csa_ref_pool_backward(const csa_ref_pool *s, const double *x, const double *dy, double *dx);

/* The mean over all pixels: y [images, channels]. */
void csa_ref_average_forward(const csa_ref_pool *s, const double *x, double *y);

void csa_ref_average_backward(const csa_ref_pool *s, const double *dy, double *dx);

/* d = channels / reduction inner channels. */
typedef struct {
  int64_t images, height, width, channels, reduction;
} csa_ref_nonlocal;

/* theta [d, channels], phi_g [2 d, channels] with phi's rows first, o [channels, d]; biases likewise. */
typedef struct {
  const double *theta, *theta_bias, *phi_g, *phi_g_bias, *o, *o_bias;
} csa_ref_nonlocal_params;

typedef struct {
  double *theta, *theta_bias, *phi_g, *phi_g_bias, *o, *o_bias;
} csa_ref_nonlocal_grads;

/* y = x + o(softmax(theta(x) pool(phi(x))^T) pool(g(x))). x, y [images, height, width, channels]. CSA_MEMORY. */
csa_status csa_ref_nonlocal_forward(const csa_ref_nonlocal *s, const csa_ref_nonlocal_params *p, const double *x,
                                    double *y);

csa_status csa_ref_nonlocal_backward(const csa_ref_nonlocal *s, const csa_ref_nonlocal_params *p, const double *x,
                                     const double *dy, double *dx, const csa_ref_nonlocal_grads *g);

/* A batch whose first `active` (at least 1) images count. The wanted distribution of an image is (1 - smoothing)
 * onehot(label) + smoothing / classes (Szegedy et al. 2016). */
typedef struct {
  int64_t images, classes, active;
  double smoothing;
} csa_ref_loss;

/* The mean cross-entropy, - sum wanted log softmax(logits), of the active images; *correct counts those whose label has
 * the largest logit (of equals, the first is taken). logits [images, classes], labels [images]. */
double csa_ref_loss_forward(const csa_ref_loss *s, const double *logits, const int32_t *labels, int64_t *correct);

/* dlogits [images, classes], 0 in the rows of inactive images. */
void csa_ref_loss_backward(const csa_ref_loss *s, const double *logits, const int32_t *labels, double *dlogits);

typedef enum { CSA_REF_ADAM, CSA_REF_ADAMW, CSA_REF_SGD } csa_ref_optimizer_kind;

/* As in PyTorch. Weight decay is added to the gradient (L2) in adam and sgd; adamw shrinks the parameter itself. */
typedef struct {
  csa_ref_optimizer_kind kind;
  double lr, weight_decay;
  double beta1, beta2, epsilon; /* adam, adamw */
  double momentum;              /* sgd */
} csa_ref_optimizer;

/* Step number `step`, from 1, on [count] parameters, in place. `first` and `second` [count] hold the moments and start
 * as zeros; sgd keeps its velocity in `first` and leaves `second` (may be NULL) alone. */
void csa_ref_optimizer_step(const csa_ref_optimizer *o, int64_t step, int64_t count, const double *gradient,
                            double *parameter, double *first, double *second);

/* Multiplies gradient [count] by min(1, most / (norm + 1e-6)), as PyTorch's clip_grad_norm_ does. */
void csa_ref_clip(double most, int64_t count, double *gradient);

/* mean += (1 - d) (parameter - mean) with d = min(decay, t / (10 + t)) in step t = step - 1; both [count]. */
void csa_ref_ema(double decay, int64_t step, int64_t count, const double *parameter, double *mean);

#endif
