/* Non-local attention (Wang et al. 2018, with keys and values pooled): every pixel queries the 2 x 2 maxima of all
 * pixels, softmax(theta(x) . phi(x)) g(x) without a scale, and o of that is added to x. in, out [N, H, W, C]; theta,
 * phi, g are 1 x 1 convolutions to C / reduction channels, o one back to C. */
#include "device/gemm.h"
#include "layers/layer.h"

enum { IN_WEIGHT, IN_BIAS, OUT_WEIGHT, OUT_BIAS }; /* theta, phi and g are one product, saved as CSA_QUERY */

/* The sizes that every function here needs. */
typedef struct {
  int images, height, width, channels, inner, pixels, keys, rows;
} sizes;

static sizes sizes_of(const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  sizes s = {.images = (int)in.dim[0], .height = (int)in.dim[1], .width = (int)in.dim[2], .channels = (int)in.dim[3]};
  s.inner = s.channels / l->config.reduction;
  s.pixels = s.height * s.width;
  s.keys = (s.height / 2) * (s.width / 2);
  s.rows = s.images * s.pixels;
  return s;
}

static csa_status declare_parameters(csa_parameters *all, csa_layer *l, int c, int d) {
  const csa_shape in = csa_shape4(d, c, 1, 1), out = csa_shape4(c, d, 1, 1), bias = csa_shape1(d);
  const csa_part weights[] = {{"theta.weight", in, false}, {"phi.weight", in, false}, {"g.weight", in, false}};
  const csa_part biases[] = {{"theta.bias", bias, false}, {"phi.bias", bias, false}, {"g.bias", bias, false}};
  const csa_part o[] = {{"o.weight", out, false}, {"o.bias", csa_shape1(c), false}};
  CSA_TRY(csa_layer_param(all, l, IN_WEIGHT, csa_shape2(3 * d, c), CSA_INIT_FAN_IN, c, weights, 3));
  CSA_TRY(csa_layer_param(all, l, IN_BIAS, csa_shape1(3 * d), CSA_INIT_FAN_IN, c, biases, 3));
  CSA_TRY(csa_layer_param(all, l, OUT_WEIGHT, csa_shape2(c, d), CSA_INIT_FAN_IN, d, &o[0], 1));
  return csa_layer_param(all, l, OUT_BIAS, csa_shape1(c), CSA_INIT_FAN_IN, d, &o[1], 1);
}

/* The core of multi-head attention, with one head and no scale. */
static csa_attention_core core_of(const sizes *s) {
  return (csa_attention_core){.images = s->images,
                              .heads = 1,
                              .head = s->inner,
                              .queries = s->pixels,
                              .tokens = s->keys,
                              .query_stride = 3 * s->inner,
                              .key_stride = 2 * s->inner};
}

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 4 || in.dim[1] < 2 || in.dim[2] < 2) return csa_layer_bad(l, "the input has no squares of 2 x 2");
  if (l->config.reduction < 1 || in.dim[3] % l->config.reduction != 0)
    return csa_layer_bad(l, "the reduction does not divide the channels");
  if (in.dim[3] / l->config.reduction > CSA_HEAD_MAX) return csa_layer_bad(l, "more than 1024 inner channels");
  const sizes s = sizes_of(l);
  l->core = core_of(&s);
  CSA_TRY(declare_parameters(parameters, l, s.channels, s.inner));
  CSA_TRY(csa_layer_output(parameters, l, in));
  CSA_TRY(csa_layer_saved(parameters, l, CSA_QUERY, csa_shape2(s.rows, 3 * s.inner), "theta, phi and g"));
  CSA_TRY(csa_layer_saved(parameters, l, CSA_KEY_VALUE, csa_shape2((int64_t)s.images * s.keys, 2 * s.inner),
                          "keys and values"));
  CSA_TRY(csa_layer_saved(parameters, l, CSA_CONTEXT, csa_shape2(s.rows, s.inner), "context"));
  return csa_layer_statistics(parameters, l, CSA_LSE, csa_shape1(s.rows), "log-sum-exp");
}

/* Keys and values from phi and g. */
static csa_pooling pooling(const sizes *s) {
  return (csa_pooling){s->images, s->height, s->width, 2 * s->inner, s->inner, 3 * s->inner};
}

static csa_status project(csa_plan *p, const csa_tensor *x, int rows, int inputs, int outputs, const csa_tensor *weight,
                          const csa_tensor *bias, const csa_tensor *residual, csa_tensor *y) {
  return csa_gemm(p, &(csa_gemm_call){.m = rows,
                                      .n = outputs,
                                      .k = inputs,
                                      .trans_b = true,
                                      .a = x,
                                      .b = weight,
                                      .c = y,
                                      .bias = bias,
                                      .residual = residual});
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const sizes s = sizes_of(l);
  const csa_pooling pool = pooling(&s);
  const csa_tensor *x = l->in[0], *theta_phi_g = l->saved[CSA_QUERY], *kv = l->saved[CSA_KEY_VALUE];
  CSA_TRY(project(p, x, s.rows, s.channels, 3 * s.inner, l->param[IN_WEIGHT], l->param[IN_BIAS], NULL,
                  l->saved[CSA_QUERY]));
  CSA_TRY(csa_layer_pool_forward(p, &pool, theta_phi_g, l->saved[CSA_KEY_VALUE]));
  CSA_TRY(csa_layer_attention_forward(p, &l->core, theta_phi_g, kv, l->saved[CSA_CONTEXT], l->saved[CSA_LSE]));
  return project(p, l->saved[CSA_CONTEXT], s.rows, s.inner, s.channels, l->param[OUT_WEIGHT], l->param[OUT_BIAS], x,
                 l->out);
}

/* From the gradient of the context to that of theta, phi and g. */
static csa_status core_backward(csa_plan *p, csa_layer *l, const sizes *s, const csa_tensor *dcontext,
                                csa_tensor *dtheta_phi_g) {
  const csa_pooling pool = pooling(s);
  const csa_tensor *theta_phi_g = l->saved[CSA_QUERY], *kv = l->saved[CSA_KEY_VALUE];
  const csa_tensor *context = l->saved[CSA_CONTEXT], *lse = l->saved[CSA_LSE];
  csa_tensor *dkv;
  CSA_TRY(csa_plan_activation(p, kv->shape, &dkv));
  CSA_TRY(csa_layer_attention_backward(p, &l->core, theta_phi_g, kv, context, lse, dcontext, dtheta_phi_g, dkv));
  return csa_layer_pool_backward(p, &pool, theta_phi_g, dkv, dtheta_phi_g);
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const sizes s = sizes_of(l);
  const csa_tensor *x = l->in[0], *dy = l->dout;
  const int c = s.channels, d = s.inner;
  csa_tensor *dcontext, *dtheta_phi_g;
  CSA_TRY(csa_plan_activation(p, l->saved[CSA_CONTEXT]->shape, &dcontext));
  CSA_TRY(csa_plan_activation(p, l->saved[CSA_QUERY]->shape, &dtheta_phi_g));
  CSA_TRY(csa_layer_weights_backward(p, dy, s.rows, c, l->saved[CSA_CONTEXT], d, d, l->dparam[OUT_WEIGHT],
                                     l->dparam[OUT_BIAS]));
  CSA_TRY(
      csa_gemm(p, &(csa_gemm_call){.m = s.rows, .n = d, .k = c, .a = dy, .b = l->param[OUT_WEIGHT], .c = dcontext}));
  CSA_TRY(core_backward(p, l, &s, dcontext, dtheta_phi_g));
  CSA_TRY(
      csa_layer_weights_backward(p, dtheta_phi_g, s.rows, 3 * d, x, c, c, l->dparam[IN_WEIGHT], l->dparam[IN_BIAS]));
  if (l->din == NULL) return CSA_OK;
  return csa_gemm(
      p,
      &(csa_gemm_call){
          .m = s.rows, .n = c, .k = 3 * d, .a = dtheta_phi_g, .b = l->param[IN_WEIGHT], .c = l->din, .residual = dy});
}

const csa_layer_ops csa_layer_nonlocal = {"nonlocal", plan, forward, backward, false, false};
