/* Winograd's minimal filtering in the portable family: transforms of cl/winograd.cl, and between them 36 products, one
 * for each point, as one batch. Images go in chunks, so that their points stay small. */
#include "device/gemm.h"
#include "layers/conv2d.h"

#define CHANNELS_MIN 16                /* products with fewer are so narrow that the transforms are most of the work */
#define POINTS_MAX ((int64_t)32 << 20) /* bytes of a chunk's points of images, or of outputs */

static int tiles_of_image(const csa_conv_sizes *s) { return ((s->height + 3) / 4) * ((s->width + 3) / 4); }

/* Bytes of an image's points, of inputs or outputs, whichever are more. */
static int64_t points_of_image(const csa_conv_sizes *s) {
  return (int64_t)4 * 36 * tiles_of_image(s) * (s->inputs > s->outputs ? s->inputs : s->outputs);
}

bool csa_winograd_portable_fits(const csa_plan *p, const csa_conv_sizes *s) {
  return s->taps == 9 && s->inputs >= CHANNELS_MIN && s->outputs >= CHANNELS_MIN &&
         (uint64_t)points_of_image(s) <= p->device->info.max_alloc_bytes;
}

/* Images at a time. */
static int chunk_of(const csa_plan *p, const csa_conv_sizes *s) {
  const int64_t limit = (int64_t)p->device->info.max_alloc_bytes, most = limit < POINTS_MAX ? limit : POINTS_MAX;
  const int64_t images = most / points_of_image(s);
  return images < 1 ? 1 : images < s->images ? (int)images : s->images;
}

static csa_kernel kernel_of(const csa_plan *p, const csa_conv_sizes *s, const char *name, int channels,
                            const char *options) {
  return csa_kernel_portable(p, name, "-DHEIGHT=%d -DWIDTH=%d -DCHANNELS=%d%s", s->height, s->width, channels, options);
}

/* Points [36, tiles, channels] of tiles from `first` on: of images (winograd_image) or gradients (winograd_gradient).
 */
static csa_status points(csa_plan *p, const csa_conv_sizes *s, const char *name, const csa_tensor *x, int channels,
                         int first, int tiles, csa_tensor **v) {
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, tiles, channels), v));
  return csa_launch(p, kernel_of(p, s, name, channels, ""), csa_items((int64_t)tiles * channels),
                    CSA_ARGS(x, *v, first, tiles));
}

/* What follows the products; the tensors may be NULL. */
typedef struct {
  const csa_tensor *bias, *residual;
  bool relu;
} epilogue;

static csa_status convolve_chunk(csa_plan *p, const csa_conv_sizes *s, const csa_tensor *x, int from,
                                 const csa_tensor *u, int to, const epilogue *e, int first, int tiles, csa_tensor *y) {
  csa_tensor *v, *m;
  CSA_TRY(points(p, s, "winograd_image", x, from, first, tiles, &v));
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, tiles, to), &m));
  CSA_TRY(csa_gemm(p, &(csa_gemm_call){.m = tiles,
                                       .n = to,
                                       .k = from,
                                       .a = v,
                                       .b = u,
                                       .c = m,
                                       .batch = 36,
                                       .batch_a = (int64_t)tiles * from,
                                       .batch_b = (int64_t)from * to,
                                       .batch_c = (int64_t)tiles * to}));
  csa_plan_flops(p, s->flops * tiles / (s->images * tiles_of_image(s)));
  char options[48];
  snprintf(options, sizeof options, "%s%s%s", e->bias != NULL ? " -DBIAS" : "", e->relu ? " -DRELU" : "",
           e->residual != NULL ? " -DRESIDUAL" : "");
  const csa_tensor *bias = e->bias != NULL ? e->bias : m, *residual = e->residual != NULL ? e->residual : x;
  return csa_launch(p, kernel_of(p, s, "winograd_pixels", to, options), csa_items((int64_t)tiles * to),
                    CSA_ARGS((const csa_tensor *)m, bias, residual, y, first, tiles));
}

/* y = x * w of `from` to `to` channels; `turned`: of the convolution that gives the gradient of x. */
static csa_status convolve(csa_plan *p, const csa_layer *l, const csa_conv_sizes *s, const csa_tensor *x, bool turned,
                           const epilogue *e, csa_tensor *y) {
  const int from = turned ? s->outputs : s->inputs, to = turned ? s->inputs : s->outputs;
  const int per_image = tiles_of_image(s), chunk = chunk_of(p, s);
  const csa_tensor *weight = l->param[CSA_CONV_WEIGHT];
  csa_tensor *u;
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, from, to), &u));
  CSA_TRY(csa_launch(p, csa_kernel_portable(p, "winograd_filter", "%s", turned ? "-DTURNED" : ""),
                     csa_items((int64_t)from * to), CSA_ARGS(weight, u, s->inputs, s->outputs)));
  for (int first = 0; first < s->images; first += chunk) {
    const int images = s->images - first < chunk ? s->images - first : chunk;
    CSA_TRY(convolve_chunk(p, s, x, from, u, to, e, first * per_image, images * per_image, y));
  }
  return CSA_OK;
}

csa_status csa_winograd_portable_forward(csa_plan *p, csa_layer *l, const csa_conv_sizes *s) {
  const epilogue e = {l->param[CSA_CONV_BIAS], l->in[1], l->config.relu};
  return convolve(p, l, s, l->in[0], false, &e, l->out);
}

csa_status csa_winograd_portable_input(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, const csa_tensor *dz) {
  return convolve(p, l, s, dz, true, &(epilogue){0}, l->din);
}

/* du of the first chunk of images is written, and the others added to it in order. */
csa_status csa_winograd_portable_weights(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, const csa_tensor *dz) {
  const int per_image = tiles_of_image(s), chunk = chunk_of(p, s), n = s->inputs * s->outputs;
  csa_tensor *du, *v, *m;
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, s->inputs, s->outputs), &du));
  for (int first = 0; first < s->images; first += chunk) {
    const int images = s->images - first < chunk ? s->images - first : chunk, tiles = images * per_image;
    CSA_TRY(points(p, s, "winograd_image", l->in[0], s->inputs, first * per_image, tiles, &v));
    CSA_TRY(points(p, s, "winograd_gradient", dz, s->outputs, first * per_image, tiles, &m));
    CSA_TRY(csa_gemm(p, &(csa_gemm_call){.m = s->inputs,
                                         .n = s->outputs,
                                         .k = tiles,
                                         .trans_a = true,
                                         .a = v,
                                         .b = m,
                                         .c = du,
                                         .beta = first > 0 ? 1.0f : 0.0f,
                                         .batch = 36,
                                         .batch_a = (int64_t)tiles * s->inputs,
                                         .batch_b = (int64_t)tiles * s->outputs,
                                         .batch_c = n}));
    csa_plan_flops(p, s->flops * images / s->images);
  }
  return csa_launch(p, csa_kernel_portable(p, "winograd_weights", "%s", ""), csa_items(n),
                    CSA_ARGS((const csa_tensor *)du, l->dparam[CSA_CONV_WEIGHT], n, p->beta != 0.0f));
}
