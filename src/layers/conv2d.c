/* K x K convolution that keeps the image's size, K = 3 (padding 1) or 1, then + bias, ReLU or + in[1] where asked.
 * in [N, H, W, I], out and in[1] [N, H, W, O]; weights [K, K, I, O] on the device, [O, I, K, K] in files. 3 x 3 goes
 * directly for images of few channels, by Winograd's filtering where that fits; else as matrix products over chunks of
 * images, so that the rearranged input (im2col) stays small. With K = 1 the input is that already. */
#include "layers/conv2d.h"
#include "device/gemm.h"
#include "device/reduce.h"

#define COLUMNS_MAX ((int64_t)64 << 20) /* bytes of the rearranged input at a time */

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

/* Images whose rearranged form is made at a time. */
static int chunk_of(const csa_conv_sizes *s) {
  const int64_t image = (int64_t)4 * s->taps * s->height * s->width * s->inputs;
  const int64_t most = s->taps == 1 ? s->images : image < COLUMNS_MAX ? COLUMNS_MAX / image : 1;
  return most < s->images ? (int)most : s->images;
}

/* cols or dx of some images: `elements` of them; the CPU family takes rows of `row` elements. */
static csa_status rearrange(csa_plan *p, const csa_conv_sizes *s, const char *name, const csa_tensor *from,
                            csa_tensor *to, int64_t elements, int row) {
  const csa_kernel kernel = csa_kernel_named(p, name, "-DHEIGHT=%d -DWIDTH=%d -DCI=%d", s->height, s->width, s->inputs);
  const csa_work work = csa_kernel_is_cpu(p, name) ? csa_groups(elements / row) : csa_items(elements);
  return csa_launch(p, kernel, work, CSA_ARGS(from, to, (int)elements));
}

/* Images [first, first + count) of a tensor [N, H, W, C]. */
static csa_status images_of(csa_plan *p, csa_tensor *t, int first, int count, csa_tensor **view) {
  const int64_t image = csa_elements(t->shape) / t->shape.dim[0];
  return csa_plan_view(p, t, first * image, csa_shape2(count, image), view);
}

/* The rearranged form of `count` images from `first` on: [count * H * W, K^2 I]. */
static csa_status columns_of(csa_plan *p, const csa_layer *l, const csa_conv_sizes *s, int first, int count,
                             csa_tensor **cols) {
  const int64_t rows = (int64_t)count * s->height * s->width;
  csa_tensor *x;
  CSA_TRY(images_of(p, l->in[0], first, count, &x));
  *cols = x;
  if (s->taps == 1) return CSA_OK;
  CSA_TRY(csa_plan_activation(p, csa_shape2(rows, 9 * s->inputs), cols));
  return rearrange(p, s, "conv2d_columns", x, *cols, rows * 9 * s->inputs, s->width * 9 * s->inputs);
}

static csa_status forward_chunk(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, int first, int count) {
  csa_tensor *cols, *y, *residual = NULL;
  CSA_TRY(columns_of(p, l, s, first, count, &cols));
  if (l->in[1] != NULL) CSA_TRY(images_of(p, l->in[1], first, count, &residual));
  CSA_TRY(images_of(p, l->out, first, count, &y));
  return csa_gemm(p, &(csa_gemm_call){.m = count * s->height * s->width,
                                      .n = s->outputs,
                                      .k = s->taps * s->inputs,
                                      .a = cols,
                                      .b = l->param[CSA_CONV_WEIGHT],
                                      .c = y,
                                      .bias = l->param[CSA_CONV_BIAS],
                                      .relu = l->config.relu,
                                      .residual = residual});
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_conv_sizes s = sizes_of(l);
  if (csa_few_fits(&s)) return csa_few_forward(p, l, &s);
  if (csa_winograd_fits(p, &s)) return csa_winograd_forward(p, l, &s);
  const int chunk = chunk_of(&s);
  for (int first = 0; first < s.images; first += chunk)
    CSA_TRY(forward_chunk(p, l, &s, first, s.images - first < chunk ? s.images - first : chunk));
  return CSA_OK;
}

/* dW of the first chunk takes the plan's beta; the others add to it. */
static csa_status weights_chunk(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, csa_tensor *dz, int first,
                                int count) {
  csa_tensor *cols, *part;
  CSA_TRY(columns_of(p, l, s, first, count, &cols));
  CSA_TRY(images_of(p, dz, first, count, &part));
  return csa_gemm(p, &(csa_gemm_call){.m = s->taps * s->inputs,
                                      .n = s->outputs,
                                      .k = count * s->height * s->width,
                                      .trans_a = true,
                                      .a = cols,
                                      .b = part,
                                      .c = l->dparam[CSA_CONV_WEIGHT],
                                      .beta = first > 0 ? 1.0f : p->beta});
}

static csa_status input_chunk(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, csa_tensor *dz, int first,
                              int count) {
  const int rows = count * s->height * s->width;
  csa_tensor *dcols, *part, *dx;
  CSA_TRY(images_of(p, dz, first, count, &part));
  CSA_TRY(images_of(p, l->din, first, count, &dx));
  dcols = dx;
  if (s->taps > 1) CSA_TRY(csa_plan_activation(p, csa_shape2(rows, 9 * s->inputs), &dcols));
  CSA_TRY(csa_gemm(p, &(csa_gemm_call){.m = rows,
                                       .n = s->taps * s->inputs,
                                       .k = s->outputs,
                                       .trans_b = true,
                                       .a = part,
                                       .b = l->param[CSA_CONV_WEIGHT],
                                       .c = dcols}));
  if (s->taps == 1) return CSA_OK;
  return rearrange(p, s, "conv2d_image", dcols, dx, (int64_t)rows * s->inputs, s->width * s->inputs);
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const csa_conv_sizes s = sizes_of(l);
  csa_tensor *dz = l->dout;
  if (l->config.relu) CSA_TRY(csa_layer_relu_backward(p, l, &dz));
  csa_tensor *dbias = l->dparam[CSA_CONV_BIAS];
  if (dbias != NULL) CSA_TRY(csa_sum_rows(p, dz, s.images * s.height * s.width, s.outputs, s.outputs, p->beta, dbias));
  if (csa_winograd_fits(p, &s)) {
    CSA_TRY(csa_winograd_weights(p, l, &s, dz));
    return l->din != NULL ? csa_winograd_input(p, l, &s, dz) : CSA_OK;
  }
  const bool few = csa_few_fits(&s);
  if (few) CSA_TRY(csa_few_weights(p, l, &s, dz));
  const int chunk = chunk_of(&s);
  for (int first = 0; first < s.images; first += chunk) {
    const int count = s.images - first < chunk ? s.images - first : chunk;
    if (!few) CSA_TRY(weights_chunk(p, l, &s, dz, first, count));
    if (l->din != NULL) CSA_TRY(input_chunk(p, l, &s, dz, first, count));
  }
  return CSA_OK;
}

const csa_layer_ops csa_layer_conv2d = {"conv2d", plan, forward, backward, false, false};
