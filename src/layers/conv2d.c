/* K x K convolution that keeps the image's size, K = 3 (padding 1) or 1, + bias, then ReLU or + in[1] where asked.
 * in [N, H, W, I], out and in[1] [N, H, W, O]; weights [K, K, I, O] on the device, [O, I, K, K] in files. On CPUs 3 x 3
 * goes by Winograd's filtering where the channels fill whole vectors; else as matrix products over chunks of images, so
 * that the rearranged input (im2col) stays small. With K = 1 the input is that already; images of few channels go
 * directly. */
#include "device/gemm.h"
#include "device/reduce.h"
#include "layers/layer.h"

#define COLUMNS_MAX ((int64_t)64 << 20) /* bytes of the rearranged input at a time */
#define WINOGRAD_CACHE (700 << 10)      /* bytes of a core's second-level cache that a block may fill */
#define WINOGRAD_CHUNK (16 << 20)       /* bytes of points that the weight gradient sums at a time */
#define FEW 4                           /* channels up to which the direct kernels serve */
#define FEW_CHUNKS 128                  /* parts of the direct weight gradient */

enum { WEIGHT, BIAS };
enum { WITH_BIAS = 1, WITH_RELU = 2, WITH_RESIDUAL = 4 }; /* flags of cl/cpu/winograd.cl */

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
  CSA_TRY(
      csa_layer_param(parameters, l, WEIGHT, csa_shape4(k, k, inputs, outputs), CSA_INIT_FAN_IN, fan_in, &weight, 1));
  return csa_layer_param(parameters, l, BIAS, bias, CSA_INIT_FAN_IN, fan_in, &(csa_part){"bias", bias, false}, 1);
}

/* The sizes that every function here needs. */
typedef struct {
  int images, height, width, inputs, outputs;
  int taps;  /* K^2 */
  int chunk; /* images whose rearranged form is made at a time */
} sizes;

static sizes sizes_of(const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  const int taps = l->config.kernel * l->config.kernel;
  sizes s = {(int)in.dim[0], (int)in.dim[1], (int)in.dim[2], (int)in.dim[3], l->config.out, taps, 1};
  const int64_t image = (int64_t)4 * taps * s.height * s.width * s.inputs;
  if (image < COLUMNS_MAX) s.chunk = (int)(COLUMNS_MAX / image);
  if (s.chunk > s.images || taps == 1) s.chunk = s.images;
  return s;
}

static bool is_direct(const sizes *s) { return s->taps > 1 && s->inputs <= FEW; }

static csa_kernel few_kernel(const csa_plan *p, const csa_layer *l, const char *name) {
  const sizes s = sizes_of(l);
  return csa_kernel_portable(p, name, "-DHEIGHT=%d -DWIDTH=%d -DCI=%d -DCO=%d%s%s", s.height, s.width, s.inputs,
                             s.outputs, l->config.relu ? " -DRELU" : "", l->in[1] != NULL ? " -DRESIDUAL" : "");
}

/* cols or dx of some images: `elements` of them; the CPU family takes rows of `row` elements. */
static csa_status rearrange(csa_plan *p, const sizes *s, const char *name, const csa_tensor *from, csa_tensor *to,
                            int64_t elements, int row) {
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
static csa_status columns_of(csa_plan *p, const csa_layer *l, const sizes *s, int first, int count, csa_tensor **cols) {
  const int64_t rows = (int64_t)count * s->height * s->width;
  csa_tensor *x;
  CSA_TRY(images_of(p, l->in[0], first, count, &x));
  *cols = x;
  if (s->taps == 1) return CSA_OK;
  CSA_TRY(csa_plan_scratch(p, csa_shape2(rows, 9 * s->inputs), cols));
  return rearrange(p, s, "conv2d_columns", x, *cols, rows * 9 * s->inputs, s->width * 9 * s->inputs);
}

static csa_status forward_chunk(csa_plan *p, csa_layer *l, const sizes *s, int first, int count) {
  csa_tensor *cols, *y, *residual = NULL;
  CSA_TRY(columns_of(p, l, s, first, count, &cols));
  if (l->in[1] != NULL) CSA_TRY(images_of(p, l->in[1], first, count, &residual));
  CSA_TRY(images_of(p, l->out, first, count, &y));
  return csa_gemm(p, &(csa_gemm_call){.m = count * s->height * s->width,
                                      .n = s->outputs,
                                      .k = s->taps * s->inputs,
                                      .a = cols,
                                      .b = l->param[WEIGHT],
                                      .c = y,
                                      .bias = l->param[BIAS],
                                      .relu = l->config.relu,
                                      .residual = residual});
}

static double all_flops(const sizes *s) {
  return 2.0 * s->images * s->height * s->width * s->taps * s->inputs * s->outputs;
}

/* cl/cpu/winograd.cl's tiles of 4 x 4 outputs, and its register tile: 24 of the 32 registers that devices with vectors
 * of 16 floats have, 12 of 16 elsewhere. */
typedef struct {
  int tiles, across; /* of all images; of a row */
  int vector, panel; /* floats */
  int rows;
  char options[64];
} winograd;

static int winograd_vector(const csa_plan *p) {
  const int native = p->device->info.float_width;
  return native >= 16 ? 16 : native >= 8 ? 8 : 4;
}

static bool winograd_fits(const csa_plan *p, const csa_layer *l) {
  const sizes s = sizes_of(l);
  const int vector = winograd_vector(p);
  return p->choices.conv == CSA_CONV_WINOGRAD && csa_kernel_is_cpu(p, "winograd_forward") && s.taps == 9 &&
         s.inputs % vector == 0 && s.outputs % vector == 0;
}

static winograd winograd_of(const csa_plan *p, const sizes *s, int outputs) {
  winograd w = {.vector = winograd_vector(p)};
  const int registers = w.vector == 16 ? 24 : 12;
  int vectors = w.vector == 16 ? 4 : 2;
  while (outputs / w.vector % vectors != 0) vectors--;
  w.panel = vectors * w.vector;
  w.rows = registers / vectors;
  w.across = (s->width + 3) / 4;
  w.tiles = s->images * ((s->height + 3) / 4) * w.across;
  snprintf(w.options, sizeof w.options, "-DVW=%d -DNV=%d -DMR=%d", w.vector, vectors, w.rows);
  return w;
}

/* The filters' points; `turned`: of the convolution that gives the gradient of x. */
static csa_status winograd_filters(csa_plan *p, const csa_layer *l, const winograd *w, bool turned, csa_tensor **u) {
  const sizes s = sizes_of(l);
  const int from = turned ? s.outputs : s.inputs, to = turned ? s.inputs : s.outputs;
  const csa_tensor *weight = l->param[WEIGHT];
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, from, to), u));
  return csa_launch(p, csa_kernel_named(p, "winograd_filter", "%s", w->options), csa_groups(from / w->vector),
                    CSA_ARGS(weight, *u, from, to, (int)turned));
}

/* As many tiles at a time as leave their points in the second-level cache, but enough turns for every core. */
static int winograd_block(const csa_plan *p, const winograd *w, int inputs) {
  const int tile = 36 * 4 * (inputs + 16 + w->panel + 16), turns = 4 * p->device->info.compute_units;
  int block = WINOGRAD_CACHE / tile;
  if (block > (w->tiles + turns - 1) / turns) block = (w->tiles + turns - 1) / turns;
  return block < w->rows ? w->rows : block / w->rows * w->rows;
}

/* y = x * w of `from` to `to` channels, + bias, ReLU or residual where `flags` say so. */
static csa_status winograd_convolve(csa_plan *p, const sizes *s, const winograd *w, int from, int to,
                                    const csa_tensor *x, const csa_tensor *u, const csa_tensor *bias,
                                    const csa_tensor *residual, int flags, csa_tensor *y) {
  const int block = winograd_block(p, w, from), blocks = (w->tiles + block - 1) / block;
  const int turns = 4 * p->device->info.compute_units, groups = blocks < turns ? blocks : turns;
  csa_tensor *scratch;
  CSA_TRY(csa_plan_scratch(p, csa_shape4(groups, 36, block, from + 16 + w->panel + 16), &scratch));
  CSA_TRY(
      csa_launch(p, csa_kernel_named(p, "winograd_forward", "%s -DFORWARD", w->options), csa_groups(groups),
                 CSA_ARGS(x, u, bias, residual, y, scratch, s->height, s->width, from, to, w->tiles, block, flags)));
  csa_plan_flops(p, all_flops(s));
  return CSA_OK;
}

static csa_status winograd_forward(csa_plan *p, csa_layer *l, const sizes *s) {
  const winograd w = winograd_of(p, s, s->outputs);
  const csa_tensor *x = l->in[0], *residual = l->in[1] != NULL ? l->in[1] : x;
  const int flags = WITH_BIAS | (l->config.relu ? WITH_RELU : 0) | (l->in[1] != NULL ? WITH_RESIDUAL : 0);
  csa_tensor *u;
  CSA_TRY(winograd_filters(p, l, &w, false, &u));
  return winograd_convolve(p, s, &w, s->inputs, s->outputs, x, u, l->param[BIAS], residual, flags, l->out);
}

static csa_status winograd_input(csa_plan *p, csa_layer *l, const sizes *s, const csa_tensor *dz) {
  const winograd w = winograd_of(p, s, s->inputs);
  csa_tensor *u;
  CSA_TRY(winograd_filters(p, l, &w, true, &u));
  return winograd_convolve(p, s, &w, s->outputs, s->inputs, dz, u, dz, dz, 0, l->din);
}

/* dW from chunks of tiles whose points stay in the last-level cache, added in order. */
static csa_status winograd_weights(csa_plan *p, csa_layer *l, const sizes *s, const csa_tensor *dz) {
  const winograd w = winograd_of(p, s, s->outputs);
  const int per_image = w.tiles / s->images, tile = 36 * 4 * (s->inputs + 16 + s->outputs);
  const int from = s->inputs, to = s->outputs;
  int chunk = WINOGRAD_CHUNK / tile / per_image * per_image;
  if (chunk < per_image) chunk = per_image;
  if (chunk > w.tiles) chunk = w.tiles;
  csa_tensor *du, *v, *m;
  const csa_tensor *x = l->in[0];
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, from, to), &du));
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, chunk, from + 16), &v));
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, chunk, to), &m));
  for (int first = 0; first < w.tiles; first += chunk) {
    const int tiles = w.tiles - first < chunk ? w.tiles - first : chunk, fresh = first == 0;
    CSA_TRY(csa_launch(p, csa_kernel_named(p, "winograd_points", "%s", w.options),
                       csa_groups((tiles + w.across - 1) / w.across),
                       CSA_ARGS(x, dz, v, m, s->height, s->width, from, to, first, tiles)));
    CSA_TRY(csa_launch(p, csa_kernel_named(p, "winograd_sum", "%s", w.options), csa_groups(36 * (to / w.panel)),
                       CSA_ARGS((const csa_tensor *)v, (const csa_tensor *)m, du, from, to, tiles, fresh)));
    csa_plan_flops(p, all_flops(s) * tiles / w.tiles);
  }
  return csa_launch(p, csa_kernel_named(p, "winograd_gradient", "%s", w.options), csa_groups(from),
                    CSA_ARGS((const csa_tensor *)du, l->dparam[WEIGHT], from, to, p->beta != 0.0f));
}

static csa_status direct_forward(csa_plan *p, csa_layer *l, const sizes *s) {
  const csa_tensor *x = l->in[0], *w = l->param[WEIGHT], *bias = l->param[BIAS];
  const csa_tensor *residual = l->in[1] != NULL ? l->in[1] : x; /* not read without -DRESIDUAL */
  const int n = (int)csa_elements(l->out->shape);
  CSA_TRY(
      csa_launch(p, few_kernel(p, l, "conv2d_few_forward"), csa_items(n), CSA_ARGS(x, w, bias, residual, l->out, n)));
  csa_plan_flops(p, all_flops(s));
  return CSA_OK;
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const sizes s = sizes_of(l);
  if (is_direct(&s)) return direct_forward(p, l, &s);
  if (winograd_fits(p, l)) return winograd_forward(p, l, &s);
  for (int first = 0; first < s.images; first += s.chunk)
    CSA_TRY(forward_chunk(p, l, &s, first, s.images - first < s.chunk ? s.images - first : s.chunk));
  return CSA_OK;
}

static csa_status few_weights(csa_plan *p, csa_layer *l, const sizes *s, const csa_tensor *dz) {
  const int pixels = s->images * s->height * s->width, weights = 9 * s->inputs * s->outputs;
  const int chunk_pixels = (pixels + FEW_CHUNKS - 1) / FEW_CHUNKS, chunks = (pixels + chunk_pixels - 1) / chunk_pixels;
  const csa_tensor *x = l->in[0];
  csa_tensor *parts;
  CSA_TRY(csa_plan_scratch(p, csa_shape2(chunks, weights), &parts));
  CSA_TRY(csa_launch(p, few_kernel(p, l, "conv2d_few_weights"), csa_items((int64_t)chunks * weights),
                     CSA_ARGS(x, dz, parts, pixels, chunk_pixels, chunks * weights)));
  csa_plan_flops(p, all_flops(s));
  return csa_sum_rows(p, parts, chunks, weights, weights, p->beta, l->dparam[WEIGHT]);
}

/* dW of the first chunk takes the plan's beta; the others add to it. */
static csa_status weights_chunk(csa_plan *p, csa_layer *l, const sizes *s, csa_tensor *dz, int first, int count) {
  csa_tensor *cols, *part;
  CSA_TRY(columns_of(p, l, s, first, count, &cols));
  CSA_TRY(images_of(p, dz, first, count, &part));
  return csa_gemm(p, &(csa_gemm_call){.m = s->taps * s->inputs,
                                      .n = s->outputs,
                                      .k = count * s->height * s->width,
                                      .trans_a = true,
                                      .a = cols,
                                      .b = part,
                                      .c = l->dparam[WEIGHT],
                                      .beta = first > 0 ? 1.0f : p->beta});
}

static csa_status input_chunk(csa_plan *p, csa_layer *l, const sizes *s, csa_tensor *dz, int first, int count) {
  const int rows = count * s->height * s->width;
  csa_tensor *dcols, *part, *dx;
  CSA_TRY(images_of(p, dz, first, count, &part));
  CSA_TRY(images_of(p, l->din, first, count, &dx));
  dcols = dx;
  if (s->taps > 1) CSA_TRY(csa_plan_scratch(p, csa_shape2(rows, 9 * s->inputs), &dcols));
  CSA_TRY(csa_gemm(p, &(csa_gemm_call){.m = rows,
                                       .n = s->taps * s->inputs,
                                       .k = s->outputs,
                                       .trans_b = true,
                                       .a = part,
                                       .b = l->param[WEIGHT],
                                       .c = dcols}));
  if (s->taps == 1) return CSA_OK;
  return rearrange(p, s, "conv2d_image", dcols, dx, (int64_t)rows * s->inputs, s->width * s->inputs);
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const sizes s = sizes_of(l);
  csa_tensor *dz = l->dout;
  if (l->config.relu) CSA_TRY(csa_layer_relu_backward(p, l, &dz));
  CSA_TRY(csa_sum_rows(p, dz, s.images * s.height * s.width, s.outputs, s.outputs, p->beta, l->dparam[BIAS]));
  if (winograd_fits(p, l)) {
    CSA_TRY(winograd_weights(p, l, &s, dz));
    return l->din != NULL ? winograd_input(p, l, &s, dz) : CSA_OK;
  }
  if (is_direct(&s)) CSA_TRY(few_weights(p, l, &s, dz));
  for (int first = 0; first < s.images; first += s.chunk) {
    const int count = s.images - first < s.chunk ? s.images - first : s.chunk;
    if (!is_direct(&s)) CSA_TRY(weights_chunk(p, l, &s, dz, first, count));
    if (l->din != NULL) CSA_TRY(input_chunk(p, l, &s, dz, first, count));
  }
  return CSA_OK;
}

const csa_layer_ops csa_layer_conv2d = {"conv2d", plan, forward, backward};
