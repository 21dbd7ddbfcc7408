/* A class token before the others, and a learned position for each. in [N, T, C] -> out [N, T+1, C]. */
#include "device/reduce.h"
#include "layers/layer.h"

enum { CLASS, POSITION };

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  if (in.rank != 3) return csa_layer_bad(l, "the input is not [images, tokens, columns]");
  const csa_shape class_token = csa_shape3(1, 1, in.dim[2]), position = csa_shape3(1, in.dim[1] + 1, in.dim[2]);
  CSA_TRY(csa_layer_output(parameters, l, csa_shape3(in.dim[0], in.dim[1] + 1, in.dim[2])));
  CSA_TRY(csa_layer_param(parameters, l, POSITION, position, CSA_INIT_NORMAL, 0,
                          &(csa_part){"positional_embedding", position, false}, 1));
  return csa_layer_param(parameters, l, CLASS, class_token, CSA_INIT_NORMAL, 0,
                         &(csa_part){"class_token", class_token, false}, 1);
}

static csa_kernel kernel(const csa_plan *p, const csa_layer *l, const char *name) {
  const int cols = (int)l->in[0]->shape.dim[2];
  return csa_kernel_named(p, name, "-DTOKENS=%d -DCOLS=%d -DRUN=%d", (int)l->in[0]->shape.dim[1], cols,
                          csa_layer_run(p, cols));
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0], *class_token = l->param[CLASS], *position = l->param[POSITION];
  const int n = (int)csa_elements(l->out->shape);
  return csa_launch(p, kernel(p, l, "tokens_forward"), csa_items(n / csa_layer_run(p, x->shape.dim[2])),
                    CSA_ARGS(x, class_token, position, l->out, n));
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const int images = (int)l->out->shape.dim[0], cols = (int)l->out->shape.dim[2];
  const int all = (int)l->out->shape.dim[1] * cols, n = (int)csa_elements(l->in[0]->shape);
  CSA_TRY(csa_sum_rows(p, l->dout, images, all, all, p->beta, l->dparam[POSITION]));
  CSA_TRY(csa_sum_rows(p, l->dout, images, cols, all, p->beta, l->dparam[CLASS]));
  if (l->din == NULL) return CSA_OK;
  return csa_launch(p, kernel(p, l, "tokens_backward"), csa_items(n / csa_layer_run(p, cols)),
                    CSA_ARGS((const csa_tensor *)l->dout, l->din, n));
}

const csa_layer_ops csa_layer_tokens = {"tokens", plan, forward, backward, false, false};
