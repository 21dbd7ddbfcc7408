/* Multi-head attention: projections, softmax(q k^T / sqrt(d)) v for each head, output projection, + in[1] where given.
 * in [N, T, C], out [N, Tq, C] with Tq = T, or 1 with class_only, when only the first token queries (the rest of the
 * output would not be used); in[1] has the output's shape. */
#include "device/gemm.h"
#include "layers/layer.h"

/* The rows of query, key and value follow each other. What is saved as CSA_QUERY and CSA_KEY_VALUE is one tensor
 * [N, T, 3 C], unless class_only. */
enum { IN_WEIGHT, IN_BIAS, OUT_WEIGHT, OUT_BIAS };

static csa_status declare_parameters(csa_parameters *all, csa_layer *l, int c) {
  const csa_shape weight = csa_shape2(c, c), bias = csa_shape1(c);
  const csa_part weights[] = {
      {"query.weight", weight, false}, {"key.weight", weight, false}, {"value.weight", weight, false}};
  const csa_part biases[] = {{"query.bias", bias, false}, {"key.bias", bias, false}, {"value.bias", bias, false}};
  const csa_part out[] = {{"fc_out.weight", weight, false}, {"fc_out.bias", bias, false}};
  CSA_TRY(csa_layer_param(all, l, IN_WEIGHT, csa_shape2(3 * c, c), CSA_INIT_FAN_IN, c, weights, 3));
  CSA_TRY(csa_layer_param(all, l, IN_BIAS, csa_shape1(3 * c), CSA_INIT_FAN_IN, c, biases, 3));
  CSA_TRY(csa_layer_param(all, l, OUT_WEIGHT, weight, CSA_INIT_FAN_IN, c, &out[0], 1));
  return csa_layer_param(all, l, OUT_BIAS, bias, CSA_INIT_FAN_IN, c, &out[1], 1);
}

/* Of rows [3 C], from the first key on. */
static csa_status after_queries(csa_plan *p, csa_tensor *joint, csa_tensor **view) {
  const int64_t c = csa_cols(joint->shape) / 3;
  return csa_plan_view(p, joint, c, csa_shape1(csa_elements(joint->shape) - c), view);
}

static csa_attention_core core_of(const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  const int columns = (int)in.dim[2];
  return (csa_attention_core){.images = (int)in.dim[0],
                              .heads = l->config.heads,
                              .head = columns / l->config.heads,
                              .queries = l->config.class_only ? 1 : (int)in.dim[1],
                              .tokens = (int)in.dim[1],
                              .query_stride = l->config.class_only ? columns : 3 * columns,
                              .key_stride = l->config.class_only ? 2 * columns : 3 * columns,
                              .scaled = true};
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
  l->core = core_of(l);
  CSA_TRY(declare_parameters(parameters, l, (int)c));
  CSA_TRY(csa_layer_output(parameters, l, out));
  if (l->config.class_only) {
    CSA_TRY(csa_layer_saved(parameters, l, CSA_QUERY, out, "queries"));
    CSA_TRY(csa_layer_saved(parameters, l, CSA_KEY_VALUE, csa_shape3(images, tokens, 2 * c), "keys and values"));
  } else {
    CSA_TRY(csa_layer_saved(parameters, l, CSA_QUERY, csa_shape3(images, tokens, 3 * c), "queries, keys and values"));
    CSA_TRY(after_queries(parameters->plan, l->saved[CSA_QUERY], &l->saved[CSA_KEY_VALUE]));
  }
  CSA_TRY(csa_layer_saved(parameters, l, CSA_CONTEXT, out, "context"));
  return csa_layer_statistics(parameters, l, CSA_LSE, csa_shape3(images, l->config.heads, queries), "log-sum-exp");
}

/* One product with a run of the joint parameters' rows: y [rows, outputs] from rows of the input, `stride` apart. */
typedef struct {
  int rows, stride, first, outputs;
} projection;

static projection of_class(const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  return (projection){(int)in.dim[0], (int)(in.dim[1] * in.dim[2]), 0, (int)in.dim[2]};
}

static projection of_tokens(const csa_layer *l) {
  const int rows = (int)csa_rows(l->in[0]->shape), c = (int)csa_cols(l->in[0]->shape);
  return l->config.class_only ? (projection){rows, c, c, 2 * c} : (projection){rows, c, 0, 3 * c};
}

static csa_status rows_of(csa_plan *p, csa_tensor *weight, csa_tensor *bias, const projection *s, csa_tensor **w,
                          csa_tensor **b) {
  const int64_t inputs = csa_cols(weight->shape);
  CSA_TRY(csa_plan_view(p, weight, s->first * inputs, csa_shape2(s->outputs, inputs), w));
  return csa_plan_view(p, bias, s->first, csa_shape1(s->outputs), b);
}

static csa_status project(csa_plan *p, const csa_layer *l, projection s, csa_tensor *y) {
  csa_tensor *weight, *bias;
  CSA_TRY(rows_of(p, l->param[IN_WEIGHT], l->param[IN_BIAS], &s, &weight, &bias));
  return csa_gemm(p, &(csa_gemm_call){.m = s.rows,
                                      .n = s.outputs,
                                      .k = (int)csa_cols(l->in[0]->shape),
                                      .trans_b = true,
                                      .a = l->in[0],
                                      .lda = s.stride,
                                      .b = weight,
                                      .c = y,
                                      .bias = bias});
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *q = l->saved[CSA_QUERY], *kv = l->saved[CSA_KEY_VALUE];
  const int c = (int)csa_cols(l->in[0]->shape);
  if (l->config.class_only) CSA_TRY(project(p, l, of_class(l), l->saved[CSA_QUERY]));
  CSA_TRY(project(p, l, of_tokens(l), l->saved[l->config.class_only ? CSA_KEY_VALUE : CSA_QUERY]));
  CSA_TRY(csa_layer_attention_forward(p, &l->core, q, kv, l->saved[CSA_CONTEXT], l->saved[CSA_LSE]));
  return csa_gemm(p, &(csa_gemm_call){.m = (int)csa_rows(l->out->shape),
                                      .n = c,
                                      .k = c,
                                      .trans_b = true,
                                      .a = l->saved[CSA_CONTEXT],
                                      .b = l->param[OUT_WEIGHT],
                                      .c = l->out,
                                      .bias = l->param[OUT_BIAS],
                                      .residual = l->in[1]});
}

/* From dy; the input's gradient is written with `beta`. */
static csa_status project_backward(csa_plan *p, const csa_layer *l, projection s, const csa_tensor *dy, float beta) {
  csa_tensor *weight, *bias, *dweight, *dbias;
  const int c = (int)csa_cols(l->in[0]->shape);
  CSA_TRY(rows_of(p, l->param[IN_WEIGHT], l->param[IN_BIAS], &s, &weight, &bias));
  CSA_TRY(rows_of(p, l->dparam[IN_WEIGHT], l->dparam[IN_BIAS], &s, &dweight, &dbias));
  CSA_TRY(csa_layer_weights_backward(p, dy, s.rows, s.outputs, l->in[0], s.stride, c, dweight, dbias));
  if (l->din == NULL) return CSA_OK;
  return csa_gemm(
      p, &(csa_gemm_call){
             .m = s.rows, .n = c, .k = s.outputs, .a = dy, .b = weight, .c = l->din, .ldc = s.stride, .beta = beta});
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const int queries = (int)csa_rows(l->out->shape), c = (int)csa_cols(l->in[0]->shape);
  csa_tensor *dcontext, *dq, *dkv;
  CSA_TRY(csa_plan_activation(p, l->out->shape, &dcontext));
  CSA_TRY(csa_plan_activation(p, l->saved[CSA_QUERY]->shape, &dq));
  if (l->config.class_only)
    CSA_TRY(csa_plan_activation(p, l->saved[CSA_KEY_VALUE]->shape, &dkv));
  else
    CSA_TRY(after_queries(p, dq, &dkv));
  CSA_TRY(csa_layer_weights_backward(p, l->dout, queries, c, l->saved[CSA_CONTEXT], c, c, l->dparam[OUT_WEIGHT],
                                     l->dparam[OUT_BIAS]));
  CSA_TRY(csa_gemm(
      p, &(csa_gemm_call){.m = queries, .n = c, .k = c, .a = l->dout, .b = l->param[OUT_WEIGHT], .c = dcontext}));
  CSA_TRY(csa_layer_attention_backward(p, &l->core, l->saved[CSA_QUERY], l->saved[CSA_KEY_VALUE], l->saved[CSA_CONTEXT],
                                       l->saved[CSA_LSE], dcontext, dq, dkv));
  CSA_TRY(project_backward(p, l, of_tokens(l), l->config.class_only ? dkv : dq, 0.0f));
  return l->config.class_only ? project_backward(p, l, of_class(l), dq, 1.0f) : CSA_OK;
}

const csa_layer_ops csa_layer_attention = {"attention", plan, forward, backward, false, false};
