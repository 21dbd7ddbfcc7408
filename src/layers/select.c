/* Only the class token goes on. in [N, T, C] -> out [N, 1, C]. */
#include "layers/layer.h"

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 3) return csa_layer_bad(l, "the input is not [images, tokens, columns]");
  return csa_layer_output(parameters, l, csa_shape3(in.dim[0], 1, in.dim[2]));
}

static csa_kernel kernel(const csa_plan *p, const csa_layer *l, const char *name) {
  const int cols = (int)l->in[0]->shape.dim[2];
  return csa_kernel_named(p, name, "-DTOKENS=%d -DCOLS=%d -DRUN=%d", (int)l->in[0]->shape.dim[1], cols,
                          csa_layer_run(p, cols));
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0];
  const int n = (int)csa_elements(l->out->shape);
  return csa_launch(p, kernel(p, l, "select_forward"), csa_items(n / csa_layer_run(p, x->shape.dim[2])),
                    CSA_ARGS(x, l->out, n));
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const int n = (int)csa_elements(l->in[0]->shape);
  if (l->din == NULL) return CSA_OK;
  return csa_launch(p, kernel(p, l, "select_backward"), csa_items(n / csa_layer_run(p, l->in[0]->shape.dim[2])),
                    CSA_ARGS((const csa_tensor *)l->dout, l->din, n));
}

const csa_layer_ops csa_layer_select = {"select", plan, forward, backward, false, false};
