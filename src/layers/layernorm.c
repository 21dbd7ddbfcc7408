/* Layer normalisation over the last dimension, with ReLU after it where asked. in, out [..., C]; weight, bias [C]. */
#include "device/reduce.h"
#include "layers/layer.h"

#define EPSILON 1e-5f
#define CHUNK 16 /* rows of a work-item's turn in the CPU family's forward */

enum { WEIGHT, BIAS };
enum { STATS };

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape shape = csa_shape1(csa_cols(l->in[0]->shape));
  CSA_TRY(csa_layer_output(parameters, l, l->in[0]->shape));
  CSA_TRY(csa_layer_param(parameters, l, WEIGHT, shape, CSA_INIT_ONES, 0, &(csa_part){"weight", shape, false}, 1));
  CSA_TRY(csa_layer_param(parameters, l, BIAS, shape, CSA_INIT_ZEROS, 0, &(csa_part){"bias", shape, false}, 1));
  return csa_layer_statistics(parameters, l, STATS, csa_shape2(csa_rows(l->in[0]->shape), 2), "statistics");
}

static csa_kernel kernel(const csa_plan *p, const csa_layer *l, const char *name) {
  const int cols = (int)csa_cols(l->out->shape), group = csa_kernel_portable(p, name, "%s", "").local;
  const int row_items = csa_plan_row_items(cols, group);
  const bool sums = row_items == group && !csa_kernel_is_cpu(p, name); /* rows are then added up by whole groups */
  return csa_kernel_named(p, name, "-DCOLS=%d -DCHUNK=%d -DROW_ITEMS=%d%s%s%s", cols, CHUNK, row_items,
                          l->config.relu ? " -DRELU" : "", l->dother != NULL ? " -DJOIN_OTHER" : "",
                          sums ? csa_plan_group_sums(p) : "");
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0], *weight = l->param[WEIGHT], *bias = l->param[BIAS];
  const int rows = (int)csa_rows(x->shape);
  const csa_kernel k = kernel(p, l, "layernorm_forward");
  const int at_once =
      csa_kernel_is_cpu(p, k.name) ? CHUNK : k.local / csa_plan_row_items((int)csa_cols(x->shape), k.local);
  return csa_launch(p, k, csa_groups((rows + at_once - 1) / at_once),
                    CSA_ARGS(x, weight, bias, l->out, l->saved[STATS], rows, EPSILON));
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0], *weight = l->param[WEIGHT], *bias = l->param[BIAS], *stats = l->saved[STATS];
  const csa_tensor *dy = l->dout, *other = l->dother != NULL ? l->dother : dy;
  const int rows = (int)csa_rows(x->shape), cols = (int)csa_cols(x->shape);
  const int wanted = csa_plan_chunks(p, rows), chunk_rows = (rows + wanted - 1) / wanted;
  const int chunks = (rows + chunk_rows - 1) / chunk_rows;
  csa_tensor *dx = l->din, *parts;
  if (dx == NULL) CSA_TRY(csa_plan_activation(p, x->shape, &dx));
  const csa_kernel k = kernel(p, l, "layernorm_backward");
  const int part_rows = chunks * (csa_kernel_is_cpu(p, k.name) ? 1 : k.local / csa_plan_row_items(cols, k.local));
  CSA_TRY(csa_plan_scratch(p, csa_shape3(part_rows, 2, cols), &parts));
  CSA_TRY(
      csa_launch(p, k, csa_groups(chunks), CSA_ARGS(x, weight, bias, stats, dy, other, dx, parts, rows, chunk_rows)));
  return csa_sum_rows_of_two(p, parts, part_rows, p->beta, l->dparam[WEIGHT], cols, l->dparam[BIAS], cols);
}

const csa_layer_ops csa_layer_layernorm = {"layernorm", plan, forward, backward, .joins = true, .in_place = true};
