/* K x K convolution that keeps the image's size, K = 3 (padding 1) or 1, then + bias, ReLU or + in[1] where asked.
 * in [N, H, W, I], out and in[1] [N, H, W, O]; weights [K, K, I, O] on the device, [O, I, K, K] in files. How it is
 * computed, the forms in conv2d.h say. */
#include "layers/conv2d.h"
#include "device/reduce.h"

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  const int inputs = (int)csa_cols(in), outputs = l->config.out, k = l->config.kernel, fan_in = k * k * inputs;
  if (in.rank != 4) return csa_layer_bad(l, "the input is not [images, height, width, channels]");
  if (outputs < 1) return csa_layer_bad(l, "no outputs");
  if (k != 1 && k != 3) return csa_layer_bad(l, "the kernel is neither 3 x 3 nor 1 x 1");
  if (l->in[1] != NULL && l->config.relu) return csa_layer_bad(l, "ReLU and a residual exclude each other");
  const csa_shape out = csa_shape4(in.dim[0], in.dim[1], in.dim[2], outputs), bias = csa_shape1(outputs);
  if (l->in[1] != NULL && !csa_shape_equal(out, l->in[1]->shape))
    return csa_layer_bad(l, "the residual is not of the output's shape");
  const csa_part weight = {"weight", csa_shape4(outputs, inputs, k, k), .convolution = true};
  CSA_TRY(csa_layer_output(parameters, l, out));
  CSA_TRY(csa_layer_param(parameters, l, CSA_CONV_WEIGHT, csa_shape4(k, k, inputs, outputs), CSA_INIT_FAN_IN, fan_in,
                          &weight, 1));
  if (l->config.no_bias) return CSA_OK;
  return csa_layer_param(parameters, l, CSA_CONV_BIAS, bias, CSA_INIT_FAN_IN, fan_in, &(csa_part){"bias", bias, false},
                         1);
}

static csa_conv_sizes sizes_of(const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  csa_conv_sizes s = {.images = (int)in.dim[0],
                      .height = (int)in.dim[1],
                      .width = (int)in.dim[2],
                      .inputs = (int)in.dim[3],
                      .outputs = l->config.out,
                      .taps = l->config.kernel * l->config.kernel};
  s.flops = 2.0 * s.images * s.height * s.width * s.taps * s.inputs * s.outputs;
  return s;
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_conv_sizes s = sizes_of(l);
  if (csa_few_fits(&s)) return csa_few_forward(p, l, &s);
  if (csa_winograd_fits(p, &s)) return csa_winograd_forward(p, l, &s);
  return csa_columns_forward(p, l, &s);
}

static csa_status weights(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, csa_tensor *dz) {
  if (csa_winograd_fits(p, s)) return csa_winograd_weights(p, l, s, dz);
  if (csa_few_fits(s)) return csa_few_weights(p, l, s, dz);
  return csa_columns_weights(p, l, s, dz);
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const csa_conv_sizes s = sizes_of(l);
  csa_tensor *dz = l->dout, *dbias = l->dparam[CSA_CONV_BIAS];
  if (l->config.relu) CSA_TRY(csa_layer_relu_backward(p, l, &dz));
  if (dbias != NULL) CSA_TRY(csa_sum_rows(p, dz, s.images * s.height * s.width, s.outputs, s.outputs, p->beta, dbias));
  CSA_TRY(weights(p, l, &s, dz));
  if (l->din == NULL) return CSA_OK;
  return csa_winograd_fits(p, &s) ? csa_winograd_input(p, l, &s, dz) : csa_columns_input(p, l, &s, dz);
}

const csa_layer_ops csa_layer_conv2d = {"conv2d", plan, forward, backward, false, false};
