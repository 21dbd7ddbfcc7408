/* Non-local attention (Wang et al. 2018, with keys and values pooled): every pixel queries the 2 x 2 maxima of all
 * pixels, softmax(theta(x) . phi(x)) g(x) without a scale, and o of that is added to x. in, out [N, H, W, C]; theta,
 * phi, g are 1 x 1 convolutions to C / reduction channels, o one back to C. */
#include "device/gemm.h"
#include "layers/layer.h"

enum { THETA_WEIGHT, THETA_BIAS, PHI_G_WEIGHT, PHI_G_BIAS, O_WEIGHT, O_BIAS };
enum { QUERY, PHI_G, KEY_VALUE, CONTEXT, LSE };

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
  const csa_part theta[] = {{"theta.weight", in, false}, {"theta.bias", bias, false}};
  const csa_part phi_g[] = {
      {"phi.weight", in, false}, {"g.weight", in, false}, {"phi.bias", bias, false}, {"g.bias", bias, false}};
  const csa_part o[] = {{"o.weight", out, false}, {"o.bias", csa_shape1(c), false}};
  CSA_TRY(csa_layer_param(all, l, THETA_WEIGHT, csa_shape2(d, c), CSA_INIT_FAN_IN, c, &theta[0], 1));
  CSA_TRY(csa_layer_param(all, l, THETA_BIAS, bias, CSA_INIT_FAN_IN, c, &theta[1], 1));
  CSA_TRY(csa_layer_param(all, l, PHI_G_WEIGHT, csa_shape2(2 * d, c), CSA_INIT_FAN_IN, c, &phi_g[0], 2));
  CSA_TRY(csa_layer_param(all, l, PHI_G_BIAS, csa_shape1(2 * d), CSA_INIT_FAN_IN, c, &phi_g[2], 2));
  CSA_TRY(csa_layer_param(all, l, O_WEIGHT, csa_shape2(c, d), CSA_INIT_FAN_IN, d, &o[0], 1));
  return csa_layer_param(all, l, O_BIAS, csa_shape1(c), CSA_INIT_FAN_IN, d, &o[1], 1);
}

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 4 || in.dim[1] < 2 || in.dim[2] < 2) return csa_layer_bad(l, "the input has no squares of 2 x 2");
  if (l->config.reduction < 1 || in.dim[3] % l->config.reduction != 0)
    return csa_layer_bad(l, "the reduction does not divide the channels");
  if (in.dim[3] / l->config.reduction > CSA_HEAD_MAX) return csa_layer_bad(l, "more than 1024 inner channels");
  const sizes s = sizes_of(l);
  CSA_TRY(declare_parameters(parameters, l, s.channels, s.inner));
  CSA_TRY(csa_layer_output(parameters, l, in));
  CSA_TRY(csa_layer_saved(parameters, l, QUERY, csa_shape2(s.rows, s.inner), "queries"));
  CSA_TRY(csa_layer_saved(parameters, l, PHI_G, csa_shape2(s.rows, 2 * s.inner), "phi and g"));
  CSA_TRY(csa_layer_saved(parameters, l, KEY_VALUE, csa_shape2((int64_t)s.images * s.keys, 2 * s.inner),
                          "keys and values"));
  CSA_TRY(csa_layer_saved(parameters, l, CONTEXT, csa_shape2(s.rows, s.inner), "context"));
  return csa_layer_saved(parameters, l, LSE, csa_shape1(s.rows), "log-sum-exp");
}

static csa_kernel pooling(const csa_plan *p, const sizes *s, const char *name) {
  return csa_kernel_named(p, name, "-DHEIGHT=%d -DWIDTH=%d -DCOLS=%d", s->height, s->width, 2 * s->inner);
}

/* The core of multi-head attention, with one head and no scale. */
static csa_kernel core(const csa_plan *p, const sizes *s, const char *name) {
  return csa_layer_attention_kernel(p, name, 1, s->inner, s->pixels, s->keys, " -DSCALE=1.0f");
}

/* As in attention.c. */
static double core_flops(const sizes *s) { return 4.0 * s->rows * s->keys * s->inner; }

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
  const csa_tensor *x = l->in[0], *q = l->saved[QUERY], *phi_g = l->saved[PHI_G], *kv = l->saved[KEY_VALUE];
  const int pooled = s.images * s.keys * 2 * s.inner;
  CSA_TRY(
      project(p, x, s.rows, s.channels, s.inner, l->param[THETA_WEIGHT], l->param[THETA_BIAS], NULL, l->saved[QUERY]));
  CSA_TRY(project(p, x, s.rows, s.channels, 2 * s.inner, l->param[PHI_G_WEIGHT], l->param[PHI_G_BIAS], NULL,
                  l->saved[PHI_G]));
  CSA_TRY(
      csa_launch(p, pooling(p, &s, "pool_forward"), csa_items(pooled), CSA_ARGS(phi_g, l->saved[KEY_VALUE], pooled)));
  CSA_TRY(csa_launch(p, core(p, &s, "attention_forward"), csa_groups(s.images),
                     CSA_ARGS(q, kv, l->saved[CONTEXT], l->saved[LSE], s.images)));
  csa_plan_flops(p, core_flops(&s));
  return project(p, l->saved[CONTEXT], s.rows, s.inner, s.channels, l->param[O_WEIGHT], l->param[O_BIAS], x, l->out);
}

/* From the gradient of the context to those of queries and of phi and g. */
static csa_status core_backward(csa_plan *p, csa_layer *l, const sizes *s, const csa_tensor *dcontext, csa_tensor *dq,
                                csa_tensor *dphi_g) {
  const csa_tensor *q = l->saved[QUERY], *phi_g = l->saved[PHI_G], *kv = l->saved[KEY_VALUE];
  const csa_tensor *context = l->saved[CONTEXT], *lse = l->saved[LSE];
  const int n = s->rows * 2 * s->inner;
  csa_tensor *dkv, *delta;
  CSA_TRY(csa_plan_scratch(p, kv->shape, &dkv));
  CSA_TRY(csa_plan_scratch(p, lse->shape, &delta));
  CSA_TRY(csa_launch(p, core(p, s, "attention_backward"), csa_groups(s->images),
                     CSA_ARGS(q, kv, context, lse, dcontext, dq, dkv, delta, s->images)));
  csa_plan_flops(p, 2.0 * core_flops(s));
  return csa_launch(p, pooling(p, s, "pool_backward"), csa_items(n),
                    CSA_ARGS(phi_g, (const csa_tensor *)dkv, dphi_g, n));
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const sizes s = sizes_of(l);
  const csa_tensor *x = l->in[0], *dy = l->dout;
  const int c = s.channels, d = s.inner;
  csa_tensor *dcontext, *dq, *dphi_g;
  CSA_TRY(csa_plan_scratch(p, l->saved[CONTEXT]->shape, &dcontext));
  CSA_TRY(csa_plan_scratch(p, l->saved[QUERY]->shape, &dq));
  CSA_TRY(csa_plan_scratch(p, l->saved[PHI_G]->shape, &dphi_g));
  CSA_TRY(
      csa_layer_weights_backward(p, dy, s.rows, c, l->saved[CONTEXT], d, d, l->dparam[O_WEIGHT], l->dparam[O_BIAS]));
  CSA_TRY(csa_gemm(p, &(csa_gemm_call){.m = s.rows, .n = d, .k = c, .a = dy, .b = l->param[O_WEIGHT], .c = dcontext}));
  CSA_TRY(core_backward(p, l, &s, dcontext, dq, dphi_g));
  CSA_TRY(csa_layer_weights_backward(p, dq, s.rows, d, x, c, c, l->dparam[THETA_WEIGHT], l->dparam[THETA_BIAS]));
  CSA_TRY(
      csa_layer_weights_backward(p, dphi_g, s.rows, 2 * d, x, c, c, l->dparam[PHI_G_WEIGHT], l->dparam[PHI_G_BIAS]));
  if (l->din == NULL) return CSA_OK;
  CSA_TRY(
      csa_gemm(p, &(csa_gemm_call){
                      .m = s.rows, .n = c, .k = d, .a = dq, .b = l->param[THETA_WEIGHT], .c = l->din, .residual = dy}));
  return csa_gemm(
      p, &(csa_gemm_call){
             .m = s.rows, .n = c, .k = 2 * d, .a = dphi_g, .b = l->param[PHI_G_WEIGHT], .c = l->din, .beta = 1.0f});
}

const csa_layer_ops csa_layer_nonlocal = {"nonlocal", plan, forward, backward};
