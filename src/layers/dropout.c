/* Dropout: in training a share `rate` of the elements becomes 0 and the others grow by as much; then + in[1]. in, out,
 * in[1]: [images, ...]. Which elements, depends on the run's seed, the step, the layer and the image's number in the
 * step alone: nothing is saved for backward. */
#include <math.h>

#include "core/rng.h"
#include "layers/layer.h"

#define RUN 4096 /* elements of an image in a work-item's turn, in the CPU family */

/* Of the portable family: whole runs of numbers for each image. */
static int64_t items_of(csa_shape shape) {
  const int64_t images = shape.dim[0], cols = csa_elements(shape) / images;
  return images * ((cols + 63) / 64 * 16);
}

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  if (!(l->config.rate >= 0.0f && l->config.rate < 1.0f)) return csa_layer_bad(l, "the rate is not from 0 to below 1");
  if (l->in[1] != NULL && !csa_shape_equal(l->in[0]->shape, l->in[1]->shape))
    return csa_layer_bad(l, "the residual is not of the output's shape");
  if (items_of(l->in[0]->shape) > CSA_ELEMENTS_MAX) return csa_layer_bad(l, "so many images of so few elements");
  return csa_layer_output(parameters, l, l->in[0]->shape);
}

static csa_status apply(csa_plan *p, const csa_layer *l, const csa_tensor *from, const csa_tensor *residual,
                        csa_tensor *to) {
  const csa_tensor *step = p->step, *added = residual != NULL ? residual : from;
  const int images = (int)from->shape.dim[0], n = (int)csa_elements(from->shape), cols = n / images;
  const int purpose = (int)csa_rng_of_layer(l->number);
  const uint32_t threshold = (uint32_t)ceil((double)l->config.rate * 0x1p32);
  const csa_kernel kernel = csa_kernel_named(p, "dropout_apply", "%s", residual != NULL ? "-DRESIDUAL" : "");
  const csa_work work = csa_kernel_is_cpu(p, kernel.name) ? csa_groups((int64_t)images * ((cols + RUN - 1) / RUN))
                                                          : csa_items(items_of(from->shape));
  return csa_launch(p, kernel, work,
                    CSA_ARGS(from, added, step, to, n, cols, purpose, (int)threshold, 1.0f / (1.0f - l->config.rate)));
}

static csa_status forward(csa_plan *p, csa_layer *l) { return apply(p, l, l->in[0], l->in[1], l->out); }

static csa_status backward(csa_plan *p, csa_layer *l) {
  return l->din == NULL ? CSA_OK : apply(p, l, l->dout, NULL, l->din);
}

const csa_layer_ops csa_layer_dropout = {"dropout", plan, forward, backward, .joins = false, .in_place = true};
