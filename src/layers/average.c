/* Global average pooling. in [N, H, W, C] -> out [N, C]. */
#include "layers/layer.h"

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 4) return csa_layer_bad(l, "the input is not [images, height, width, channels]");
  return csa_layer_output(parameters, l, csa_shape2(in.dim[0], in.dim[3]));
}

/* `work` is the portable kernel's; the CPU family's takes images. */
static csa_status launch(csa_plan *p, const csa_layer *l, const char *name, csa_work work, const csa_tensor *from,
                         csa_tensor *to) {
  const csa_shape in = l->in[0]->shape;
  const int images = (int)in.dim[0];
  const csa_kernel kernel =
      csa_kernel_named(p, name, "-DPIXELS=%d -DCOLS=%d", (int)(in.dim[1] * in.dim[2]), (int)in.dim[3]);
  return csa_launch(p, kernel, csa_kernel_is_cpu(p, name) ? csa_groups(images) : work, CSA_ARGS(from, to, images));
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_shape out = l->out->shape;
  return launch(p, l, "average_forward", csa_groups(csa_plan_strips(p, out.dim[0], (int)out.dim[1])), l->in[0], l->out);
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  if (l->din == NULL) return CSA_OK;
  return launch(p, l, "average_backward", csa_items(csa_elements(l->in[0]->shape)), l->dout, l->din);
}

const csa_layer_ops csa_layer_average = {"average", plan, forward, backward, false, false};
