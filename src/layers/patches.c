/* Images cut into patches. in [N, H, W, C] -> out [N, H*W / P^2, C * P^2]. */
#include "layers/layer.h"

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  const int64_t side = in.dim[1], channels = in.dim[3], patch = l->config.patch;
  if (in.rank != 4 || in.dim[2] != side) return csa_layer_bad(l, "the input is not a batch of square images");
  if (patch < 1 || side % patch != 0) return csa_layer_bad(l, "the patch does not divide the image's side");
  const int64_t across = side / patch;
  return csa_layer_output(parameters, l, csa_shape3(in.dim[0], across * across, channels * patch * patch));
}

static csa_kernel permutation(const csa_plan *p, const csa_layer *l, const char *name) {
  const csa_shape in = l->in[0]->shape;
  return csa_kernel_named(p, name, "-DSIDE=%d -DCHANNELS=%d -DPATCH=%d -DRUN=%d%s", (int)in.dim[1], (int)in.dim[3],
                          l->config.patch, csa_layer_run(p, in.dim[1]), l->config.grid ? " -DGRID" : "");
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0];
  const int pixels = (int)csa_rows(x->shape);
  return csa_launch(p, permutation(p, l, "patches_forward"), csa_items(pixels / csa_layer_run(p, x->shape.dim[1])),
                    CSA_ARGS(x, l->out, pixels));
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const int pixels = (int)csa_rows(l->in[0]->shape);
  if (l->din == NULL) return CSA_OK;
  return csa_launch(p, permutation(p, l, "patches_backward"),
                    csa_items(pixels / csa_layer_run(p, l->in[0]->shape.dim[1])),
                    CSA_ARGS((const csa_tensor *)l->dout, l->din, pixels));
}

const csa_layer_ops csa_layer_patches = {"patches", plan, forward, backward, false, false};
