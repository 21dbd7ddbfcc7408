/* Linear layer over the last dimension: out = in W^T + b, then ReLU or + in[1] where asked.
 * in [..., I], W [O, I], b [O], out [..., O]. */
#include "device/gemm.h"
#include "layers/layer.h"

enum { WEIGHT, BIAS };

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const int inputs = (int)csa_cols(l->in[0]->shape), outputs = l->config.out;
  csa_shape shape = l->in[0]->shape;
  if (outputs < 1) return csa_layer_bad(l, "no outputs");
  shape.dim[shape.rank - 1] = outputs;
  if (l->in[1] != NULL && l->config.relu) return csa_layer_bad(l, "ReLU and a residual exclude each other");
  if (l->in[1] != NULL && !csa_shape_equal(shape, l->in[1]->shape))
    return csa_layer_bad(l, "the residual is not of the output's shape");
  const csa_shape weight = csa_shape2(outputs, inputs), bias = csa_shape1(outputs);
  CSA_TRY(csa_layer_output(parameters, l, shape));
  CSA_TRY(
      csa_layer_param(parameters, l, WEIGHT, weight, CSA_INIT_FAN_IN, inputs, &(csa_part){"weight", weight, false}, 1));
  return csa_layer_param(parameters, l, BIAS, bias, CSA_INIT_FAN_IN, inputs, &(csa_part){"bias", bias, false}, 1);
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  return csa_gemm(p, &(csa_gemm_call){.m = (int)csa_rows(l->out->shape),
                                      .n = l->config.out,
                                      .k = (int)csa_cols(l->in[0]->shape),
                                      .trans_b = true,
                                      .a = l->in[0],
                                      .b = l->param[WEIGHT],
                                      .c = l->out,
                                      .bias = l->param[BIAS],
                                      .relu = l->config.relu,
                                      .residual = l->in[1]});
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const int rows = (int)csa_rows(l->out->shape), inputs = (int)csa_cols(l->in[0]->shape), outputs = l->config.out;
  csa_tensor *dz = l->dout;
  if (l->config.relu) CSA_TRY(csa_layer_relu_backward(p, l, &dz));
  CSA_TRY(
      csa_layer_weights_backward(p, dz, rows, outputs, l->in[0], inputs, inputs, l->dparam[WEIGHT], l->dparam[BIAS]));
  if (l->din == NULL) return CSA_OK;
  return csa_gemm(p,
                  &(csa_gemm_call){.m = rows, .n = inputs, .k = outputs, .a = dz, .b = l->param[WEIGHT], .c = l->din});
}

const csa_layer_ops csa_layer_linear = {"linear", plan, forward, backward, false, false};
