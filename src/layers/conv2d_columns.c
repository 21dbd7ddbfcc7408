/* Convolution as matrix products over the rearranged image (im2col), of so many images at a time that it stays small:
 * what cl/conv2d.cl is asked for. With K = 1 the image is that already. */
#include "device/gemm.h"
#include "layers/conv2d.h"

#define COLUMNS_MAX ((int64_t)64 << 20) /* bytes of the rearranged input at a time */

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

csa_status csa_columns_forward(csa_plan *p, csa_layer *l, const csa_conv_sizes *s) {
  const int chunk = chunk_of(s);
  for (int first = 0; first < s->images; first += chunk)
    CSA_TRY(forward_chunk(p, l, s, first, s->images - first < chunk ? s->images - first : chunk));
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

csa_status csa_columns_weights(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, csa_tensor *dz) {
  const int chunk = chunk_of(s);
  for (int first = 0; first < s->images; first += chunk)
    CSA_TRY(weights_chunk(p, l, s, dz, first, s->images - first < chunk ? s->images - first : chunk));
  return CSA_OK;
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

csa_status csa_columns_input(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, csa_tensor *dz) {
  const int chunk = chunk_of(s);
  for (int first = 0; first < s->images; first += chunk)
    CSA_TRY(input_chunk(p, l, s, dz, first, s->images - first < chunk ? s->images - first : chunk));
  return CSA_OK;
}
