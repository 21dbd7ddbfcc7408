/* Winograd's minimal filtering: what cl/cpu/winograd.cl is asked for, where the plan's family is the CPU one. */
#include "device/tune.h"
#include "layers/conv2d.h"

#define CACHE (700 << 10) /* bytes of a core's second-level cache that a block may fill */
#define CHUNK (8 << 20)   /* bytes of points that the weight gradient sums at a time */

enum { WITH_BIAS = 1, WITH_RELU = 2, WITH_RESIDUAL = 4, STREAM_Y = 8 }; /* flags of cl/cpu/winograd.cl */

/* cl/cpu/winograd.cl's tiles of 4 x 4 outputs, and its register tile: 24 of the 32 registers that devices with vectors
 * of 16 floats have, 12 of 16 elsewhere. */
typedef struct {
  int tiles, across; /* of all images; of a row */
  int vector, panel; /* floats */
  int rows;
  char options[64];
} tiling;

static bool is_cpu(const csa_plan *p) { return csa_kernel_is_cpu(p, "winograd_forward"); }

bool csa_winograd_fits(const csa_plan *p, const csa_conv_sizes *s) {
  const int vector = csa_device_vector(&p->device->info);
  if (p->choices.conv != CSA_CONV_WINOGRAD) return false;
  if (!is_cpu(p)) return csa_winograd_portable_fits(p, s);
  return s->taps == 9 && s->inputs % vector == 0 && s->outputs % vector == 0;
}

static tiling tiling_of(const csa_plan *p, const csa_conv_sizes *s, int outputs) {
  tiling w = {.vector = csa_device_vector(&p->device->info)};
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
static csa_status filters(csa_plan *p, const csa_layer *l, const csa_conv_sizes *s, const tiling *w, bool turned,
                          csa_tensor **u) {
  const int from = turned ? s->outputs : s->inputs, to = turned ? s->inputs : s->outputs;
  const csa_tensor *weight = l->param[CSA_CONV_WEIGHT];
  CSA_TRY(csa_plan_scratch(p, csa_shape3(36, from, to), u));
  return csa_launch(p, csa_kernel_named(p, "winograd_filter", "%s", w->options), csa_groups(from / w->vector),
                    CSA_ARGS(weight, *u, from, to, (int)turned));
}

/* As many tiles at a time as leave their points in the second-level cache, but enough turns for every core. */
static int default_block(const csa_plan *p, const tiling *w, int inputs) {
  const int tile = 36 * 4 * (inputs + 16 + w->panel + 16), turns = 4 * p->device->info.compute_units;
  int block = CACHE / tile;
  if (block > (w->tiles + turns - 1) / turns) block = (w->tiles + turns - 1) / turns;
  return block < w->rows ? w->rows : block / w->rows * w->rows;
}

static int block_of(const csa_plan *p, const tiling *w, int from, int to) {
  char shape[CSA_TUNING_TEXT];
  snprintf(shape, sizeof shape, "%d to %d%s", from, to, csa_plan_storage(p) == CSA_F16 ? " h" : "");
  csa_tuning_entry *entry = csa_tuned(p, "cpu/winograd_forward", shape);
  const int block = csa_tuned_value(entry, "BLOCK", 0);
  if (block == 0) return default_block(p, w, from);
  if (block % w->rows == 0) return block;
  csa_tuned_refuse(p, entry, "BLOCK is not in whole tiles of registers");
  return default_block(p, w, from);
}

/* y = x * w of `from` to `to` channels, + bias, ReLU or residual where `flags` say so. */
static csa_status convolve(csa_plan *p, const csa_conv_sizes *s, const tiling *w, int from, int to, const csa_tensor *x,
                           const csa_tensor *u, const csa_tensor *bias, const csa_tensor *residual, int flags,
                           csa_tensor *y) {
  const int block = block_of(p, w, from, to), blocks = (w->tiles + block - 1) / block;
  const int turns = 4 * p->device->info.compute_units, groups = blocks < turns ? blocks : turns;
  const bool streams = csa_plan_streams(p, y, csa_elements(y->shape), to, w->vector);
  const int all = flags | (streams ? STREAM_Y : 0);
  csa_tensor *scratch;
  CSA_TRY(csa_plan_scratch(p, csa_shape4(groups, 36, block, from + 16 + w->panel + 16), &scratch));
  CSA_TRY(csa_launch(p, csa_kernel_named(p, "winograd_forward", "%s -DFORWARD", w->options), csa_groups(groups),
                     CSA_ARGS(x, u, bias, residual, y, scratch, s->height, s->width, from, to, w->tiles, block, all)));
  csa_plan_flops(p, s->flops);
  return CSA_OK;
}

csa_status csa_winograd_forward(csa_plan *p, csa_layer *l, const csa_conv_sizes *s) {
  if (!is_cpu(p)) return csa_winograd_portable_forward(p, l, s);
  const tiling w = tiling_of(p, s, s->outputs);
  const csa_tensor *x = l->in[0], *residual = l->in[1] != NULL ? l->in[1] : x;
  const int flags =
      (l->config.no_bias ? 0 : WITH_BIAS) | (l->config.relu ? WITH_RELU : 0) | (l->in[1] != NULL ? WITH_RESIDUAL : 0);
  csa_tensor *u;
  CSA_TRY(filters(p, l, s, &w, false, &u));
  const csa_tensor *bias = l->config.no_bias ? u : l->param[CSA_CONV_BIAS]; /* what flags do not name is not read */
  return convolve(p, s, &w, s->inputs, s->outputs, x, u, bias, residual, flags, l->out);
}

csa_status csa_winograd_input(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, const csa_tensor *dz) {
  if (!is_cpu(p)) return csa_winograd_portable_input(p, l, s, dz);
  const tiling w = tiling_of(p, s, s->inputs);
  csa_tensor *u;
  CSA_TRY(filters(p, l, s, &w, true, &u));
  return convolve(p, s, &w, s->outputs, s->inputs, dz, u, u, dz, 0, l->din);
}

/* dW from chunks of tiles whose points stay in the last-level cache, added in order. */
csa_status csa_winograd_weights(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, const csa_tensor *dz) {
  if (!is_cpu(p)) return csa_winograd_portable_weights(p, l, s, dz);
  const tiling w = tiling_of(p, s, s->outputs);
  const int per_image = w.tiles / s->images, tile = 36 * 4 * (s->inputs + 16 + s->outputs);
  const int from = s->inputs, to = s->outputs;
  int chunk = CHUNK / tile / per_image * per_image;
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
    csa_plan_flops(p, s->flops * tiles / w.tiles);
  }
  return csa_launch(p, csa_kernel_named(p, "winograd_gradient", "%s", w.options), csa_groups(from),
                    CSA_ARGS((const csa_tensor *)du, l->dparam[CSA_CONV_WEIGHT], from, to, p->beta != 0.0f));
}
