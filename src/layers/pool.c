/* Max-pooling over squares of 2 x 2. in [N, H, W, C] -> out [N, H/2, W/2, C]. */
#include "layers/layer.h"

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 4 || in.dim[1] < 2 || in.dim[2] < 2) return csa_layer_bad(l, "the input has no squares of 2 x 2");
  return csa_layer_output(parameters, l, csa_shape4(in.dim[0], in.dim[1] / 2, in.dim[2] / 2, in.dim[3]));
}

static csa_kernel kernel(const csa_plan *p, const csa_pooling *s, const char *name) {
  return csa_kernel_named(p, name, "-DHEIGHT=%d -DWIDTH=%d -DCOLS=%d -DFIRST=%d -DLD=%d", s->height, s->width, s->cols,
                          s->first, s->stride);
}

csa_status csa_layer_pool_forward(csa_plan *p, const csa_pooling *s, const csa_tensor *x, csa_tensor *y) {
  const int64_t rows = (int64_t)s->images * (s->height / 2), n = rows * (s->width / 2) * s->cols;
  const csa_work work = csa_kernel_is_cpu(p, "pool_forward") ? csa_groups(rows) : csa_items(n);
  return csa_launch(p, kernel(p, s, "pool_forward"), work, CSA_ARGS(x, y, s->images));
}

csa_status csa_layer_pool_backward(csa_plan *p, const csa_pooling *s, const csa_tensor *x, const csa_tensor *dy,
                                   csa_tensor *dx) {
  const int64_t pairs = (int64_t)s->images * ((s->height + 1) / 2),
                n = (int64_t)s->images * s->height * s->width * s->cols;
  const csa_work work = csa_kernel_is_cpu(p, "pool_backward") ? csa_groups(pairs) : csa_items(n);
  return csa_launch(p, kernel(p, s, "pool_backward"), work, CSA_ARGS(x, dy, dx, s->images));
}

static csa_pooling whole(const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  const int c = (int)in.dim[3];
  return (csa_pooling){(int)in.dim[0], (int)in.dim[1], (int)in.dim[2], c, 0, c};
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_pooling s = whole(l);
  return csa_layer_pool_forward(p, &s, l->in[0], l->out);
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const csa_pooling s = whole(l);
  return l->din == NULL ? CSA_OK : csa_layer_pool_backward(p, &s, l->in[0], l->dout, l->din);
}

const csa_layer_ops csa_layer_pool = {"pool", plan, forward, backward, false, false};
