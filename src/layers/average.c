/* Global average pooling. in [N, H, W, C] -> out [N, C]. */
#include "layers/layer.h"

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 4) return csa_layer_bad(l, "the input is not [images, height, width, channels]");
  return csa_layer_output(parameters, l, csa_shape2(in.dim[0], in.dim[3]));
}

static csa_kernel kernel(const csa_plan *p, const csa_layer *l, const char *name) {
  const csa_shape in = l->in[0]->shape;
  return csa_kernel_named(p, name, "-DPIXELS=%d -DCOLS=%d", (int)(in.dim[1] * in.dim[2]), (int)in.dim[3]);
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0];
  const int n = (int)csa_elements(l->out->shape);
  return csa_launch(p, kernel(p, l, "average_forward"), csa_items(n), CSA_ARGS(x, l->out, n));
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const csa_tensor *dy = l->dout;
  const int n = (int)csa_elements(l->in[0]->shape);
  if (l->din == NULL) return CSA_OK;
  return csa_launch(p, kernel(p, l, "average_backward"), csa_items(n), CSA_ARGS(dy, l->din, n));
}

const csa_layer_ops csa_layer_average = {"average", plan, forward, backward};
