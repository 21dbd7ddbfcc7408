/* Softmax cross-entropy. in[0] [N, 1, classes] or [N, classes] logits, in[1] [N] labels; out: the history of losses,
 * [CSA_HISTORY, 2], a row {sum of losses, right predictions} for each batch, at the step's slot. */
#include "layers/layer.h"

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  csa_plan *p = parameters->plan;
  const csa_shape logits = l->in[0]->shape, images = l->in[1]->shape;
  if (csa_cols(logits) > 1 << 24) return csa_layer_bad(l, "more classes than floats can number");
  if (csa_rows(logits) != csa_elements(images)) return csa_layer_bad(l, "the logits are not one row an image");
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_F32, csa_shape2(CSA_HISTORY, 2), &l->out, "loss history"));
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_I32, images, &l->saved[CSA_LOSS_PREDICTIONS], "predictions"));
  CSA_TRY(csa_layer_saved(parameters, l, CSA_LOSS_GRADIENT, logits, "gradient of logits"));
  return csa_plan_tensor(p, CSA_TRANSIENT, CSA_F32, images, &l->saved[CSA_LOSS_VALUES], "losses");
}

static csa_kernel kernel(const csa_plan *p, const csa_layer *l, const char *name) {
  const int classes = (int)csa_cols(l->in[0]->shape), group = csa_kernel_portable(p, name, "%s", "").local;
  char smoothing[40] = "";
  if (l->config.smoothing > 0.0f)
    snprintf(smoothing, sizeof smoothing, " -DSMOOTHING=%.9ef", (double)l->config.smoothing);
  return csa_kernel_named(p, name, "-DCLASSES=%d -DROW_ITEMS=%d%s%s", classes, csa_plan_row_items(classes, group),
                          smoothing, csa_plan_group_sums(p));
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0], *labels = l->in[1], *step = p->step, *losses = l->saved[CSA_LOSS_VALUES];
  csa_tensor *predictions = l->saved[CSA_LOSS_PREDICTIONS];
  const int images = (int)csa_rows(x->shape);
  const csa_kernel k = kernel(p, l, "loss_forward");
  const int at_once = k.local / csa_plan_row_items(csa_cols(x->shape), k.local);
  CSA_TRY(csa_launch(
      p, k, csa_groups((images + at_once - 1) / at_once),
      CSA_ARGS(x, labels, step, l->saved[CSA_LOSS_GRADIENT], l->saved[CSA_LOSS_VALUES], predictions, images)));
  return csa_launch(p, kernel(p, l, "loss_collect"), csa_groups(1),
                    CSA_ARGS(losses, (const csa_tensor *)predictions, labels, step, l->out));
}

/* Forward has computed the gradient already: it needs the same exponentials. The graph reads it here. */
static csa_status backward(csa_plan *p, csa_layer *l) {
  (void)p;
  l->din = l->saved[CSA_LOSS_GRADIENT];
  return CSA_OK;
}

const csa_layer_ops csa_layer_loss = {"loss", plan, forward, backward, false, false};
