/* Multi-head attention: projections, softmax(q k^T / sqrt(d)) v for each head, output projection, + in[1] where given.
 * in [N, T, C], out [N, Tq, C] with Tq = T, or 1 with class_only, when only the first token queries (the rest of the
 * output would not be used); in[1] has the output's shape. */
#include "device/gemm.h"
#include "layers/layer.h"

enum { QUERY_WEIGHT, QUERY_BIAS, KEY_VALUE_WEIGHT, KEY_VALUE_BIAS, OUT_WEIGHT, OUT_BIAS };
enum { QUERY, KEY_VALUE, CONTEXT, LSE };

static csa_status declare_parameters(csa_parameters *all, csa_layer *l, int c) {
  const csa_shape weight = csa_shape2(c, c), bias = csa_shape1(c);
  const csa_part query[] = {{"query.weight", weight, false}, {"query.bias", bias, false}};
  const csa_part key[] = {{"key.weight", weight, false},
                          {"value.weight", weight, false},
                          {"key.bias", bias, false},
                          {"value.bias", bias, false}};
  const csa_part out[] = {{"fc_out.weight", weight, false}, {"fc_out.bias", bias, false}};
  CSA_TRY(csa_layer_param(all, l, QUERY_WEIGHT, weight, CSA_INIT_FAN_IN, c, &query[0], 1));
  CSA_TRY(csa_layer_param(all, l, QUERY_BIAS, bias, CSA_INIT_FAN_IN, c, &query[1], 1));
  CSA_TRY(csa_layer_param(all, l, KEY_VALUE_WEIGHT, csa_shape2(2 * c, c), CSA_INIT_FAN_IN, c, &key[0], 2));
  CSA_TRY(csa_layer_param(all, l, KEY_VALUE_BIAS, csa_shape1(2 * c), CSA_INIT_FAN_IN, c, &key[2], 2));
  CSA_TRY(csa_layer_param(all, l, OUT_WEIGHT, weight, CSA_INIT_FAN_IN, c, &out[0], 1));
  return csa_layer_param(all, l, OUT_BIAS, bias, CSA_INIT_FAN_IN, c, &out[1], 1);
}

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 3) return csa_layer_bad(l, "the input is not [images, tokens, columns]");
  if (l->config.heads < 1 || in.dim[2] % l->config.heads != 0)
    return csa_layer_bad(l, "the number of heads does not divide the columns");
  if (in.dim[2] / l->config.heads > CSA_HEAD_MAX) return csa_layer_bad(l, "a head has more than 1024 columns");
  const int64_t images = in.dim[0], tokens = in.dim[1], c = in.dim[2], queries = l->config.class_only ? 1 : tokens;
  const csa_shape out = csa_shape3(images, queries, c);
  if (l->in[1] != NULL && !csa_shape_equal(out, l->in[1]->shape))
    return csa_layer_bad(l, "the residual is not of the output's shape");
  CSA_TRY(declare_parameters(parameters, l, (int)c));
  CSA_TRY(csa_layer_output(parameters, l, out));
  CSA_TRY(csa_layer_saved(parameters, l, QUERY, out, "queries"));
  CSA_TRY(csa_layer_saved(parameters, l, KEY_VALUE, csa_shape3(images, tokens, 2 * c), "keys and values"));
  CSA_TRY(csa_layer_saved(parameters, l, CONTEXT, out, "context"));
  return csa_layer_saved(parameters, l, LSE, csa_shape3(images, l->config.heads, queries), "log-sum-exp");
}

/* The rows of the input that query: all, or the first of every image. */
static int query_rows(const csa_layer *l) { return (int)csa_rows(l->out->shape); }
static int query_stride(const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  return (int)(l->config.class_only ? in.dim[1] * in.dim[2] : in.dim[2]);
}

static csa_kernel core(const csa_plan *p, const csa_layer *l, const char *name) {
  const int columns = (int)l->in[0]->shape.dim[2];
  const csa_attention_core c = {.heads = l->config.heads,
                                .head = columns / l->config.heads,
                                .queries = (int)l->out->shape.dim[1],
                                .tokens = (int)l->in[0]->shape.dim[1],
                                .query_stride = columns,
                                .key_stride = 2 * columns,
                                .scaled = true};
  return csa_layer_attention_kernel(p, name, &c);
}

static double core_flops(const csa_layer *l) {
  return 4.0 * (double)csa_elements(l->out->shape) * (double)l->in[0]->shape.dim[1];
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0], *q = l->saved[QUERY], *kv = l->saved[KEY_VALUE];
  const int rows = (int)csa_rows(x->shape), c = (int)csa_cols(x->shape), images = (int)x->shape.dim[0];
  CSA_TRY(csa_gemm(p, &(csa_gemm_call){.m = query_rows(l),
                                       .n = c,
                                       .k = c,
                                       .trans_b = true,
                                       .a = x,
                                       .lda = query_stride(l),
                                       .b = l->param[QUERY_WEIGHT],
                                       .c = l->saved[QUERY],
                                       .bias = l->param[QUERY_BIAS]}));
  CSA_TRY(csa_gemm(p, &(csa_gemm_call){.m = rows,
                                       .n = 2 * c,
                                       .k = c,
                                       .trans_b = true,
                                       .a = x,
                                       .b = l->param[KEY_VALUE_WEIGHT],
                                       .c = l->saved[KEY_VALUE],
                                       .bias = l->param[KEY_VALUE_BIAS]}));
  CSA_TRY(csa_launch(p, core(p, l, "attention_forward"), csa_groups((int64_t)images * l->config.heads),
                     CSA_ARGS(q, kv, l->saved[CONTEXT], l->saved[LSE], images)));
  csa_plan_flops(p, core_flops(l));
  return csa_gemm(p, &(csa_gemm_call){.m = query_rows(l),
                                      .n = c,
                                      .k = c,
                                      .trans_b = true,
                                      .a = l->saved[CONTEXT],
                                      .b = l->param[OUT_WEIGHT],
                                      .c = l->out,
                                      .bias = l->param[OUT_BIAS],
                                      .residual = l->in[1]});
}

static csa_status core_backward(csa_plan *p, csa_layer *l, const csa_tensor *dcontext, csa_tensor *dq,
                                csa_tensor *dkv) {
  const csa_tensor *q = l->saved[QUERY], *kv = l->saved[KEY_VALUE], *context = l->saved[CONTEXT], *lse = l->saved[LSE];
  const int images = (int)l->in[0]->shape.dim[0];
  csa_tensor *delta;
  CSA_TRY(csa_plan_scratch(p, lse->shape, &delta));
  CSA_TRY(csa_launch(p, core(p, l, "attention_backward"), csa_groups((int64_t)images * l->config.heads),
                     CSA_ARGS(q, kv, context, lse, dcontext, dq, dkv, delta, images)));
  csa_plan_flops(p, 2.0 * core_flops(l));
  return CSA_OK;
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0];
  const int rows = (int)csa_rows(x->shape), queries = query_rows(l), stride = query_stride(l),
            c = (int)csa_cols(x->shape);
  csa_tensor *dcontext, *dq, *dkv;
  CSA_TRY(csa_plan_scratch(p, l->out->shape, &dcontext));
  CSA_TRY(csa_plan_scratch(p, l->out->shape, &dq));
  CSA_TRY(csa_plan_scratch(p, l->saved[KEY_VALUE]->shape, &dkv));
  CSA_TRY(csa_layer_weights_backward(p, l->dout, queries, c, l->saved[CONTEXT], c, c, l->dparam[OUT_WEIGHT],
                                     l->dparam[OUT_BIAS]));
  CSA_TRY(csa_gemm(
      p, &(csa_gemm_call){.m = queries, .n = c, .k = c, .a = l->dout, .b = l->param[OUT_WEIGHT], .c = dcontext}));
  CSA_TRY(core_backward(p, l, dcontext, dq, dkv));
  CSA_TRY(csa_layer_weights_backward(p, dq, queries, c, x, stride, c, l->dparam[QUERY_WEIGHT], l->dparam[QUERY_BIAS]));
  CSA_TRY(
      csa_layer_weights_backward(p, dkv, rows, 2 * c, x, c, c, l->dparam[KEY_VALUE_WEIGHT], l->dparam[KEY_VALUE_BIAS]));
  if (l->din == NULL) return CSA_OK;
  CSA_TRY(csa_gemm(
      p, &(csa_gemm_call){.m = rows, .n = c, .k = 2 * c, .a = dkv, .b = l->param[KEY_VALUE_WEIGHT], .c = l->din}));
  return csa_gemm(p, &(csa_gemm_call){.m = queries,
                                      .n = c,
                                      .k = c,
                                      .a = dq,
                                      .b = l->param[QUERY_WEIGHT],
                                      .c = l->din,
                                      .ldc = stride,
                                      .beta = 1.0f});
}

const csa_layer_ops csa_layer_attention = {"attention", plan, forward, backward};
