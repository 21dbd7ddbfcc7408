#include "model/cnn.h"

/* Convolution, batch norm (then without a bias) where asked, ReLU and + residual; without batch norm the residual
 * takes the ReLU's place.
 * Parameters are called `prefix`conv`number`, `prefix`bn`number`. */
static csa_tensor *convolution(csa_graph *g, csa_tensor *x, const csa_architecture *a, int width, csa_tensor *residual,
                               const char *prefix, int number) {
  const bool norm = a->batch_norm;
  const csa_layer_config config = {.out = width, .kernel = 3, .no_bias = norm, .relu = !norm && residual == NULL};
  x = csa_graph_add(g, &csa_layer_conv2d, config, x, norm ? NULL : residual, "%sconv%d", prefix, number);
  if (!norm) return x;
  return csa_graph_add(g, &csa_layer_batchnorm, (csa_layer_config){.relu = true}, x, residual, "%sbn%d", prefix,
                       number);
}

/* What comes after the convolution: pooling, then x + two convolutions, then attention, each where asked. */
static csa_tensor *stage(csa_graph *g, csa_tensor *x, const csa_architecture *a, int i) {
  const unsigned bit = 1u << i;
  char prefix[16];
  snprintf(prefix, sizeof prefix, "res%d.", i + 1);
  x = convolution(g, x, a, a->widths[i], NULL, "", i + 1);
  if (a->pool & bit) x = csa_graph_add(g, &csa_layer_pool, (csa_layer_config){0}, x, NULL, "pool%d", i + 1);
  if (a->residual & bit) {
    csa_tensor *inner = convolution(g, x, a, a->widths[i], NULL, prefix, 1);
    x = convolution(g, inner, a, a->widths[i], x, prefix, 2);
  }
  if (!(a->attention & bit)) return x;
  return csa_graph_add(g, &csa_layer_nonlocal, (csa_layer_config){.reduction = a->reduction}, x, NULL, "sa%d", i + 1);
}

csa_tensor *csa_cnn(csa_graph *g, csa_tensor *x, const csa_architecture *a) {
  for (int i = 0; i < a->stages; i++) x = stage(g, x, a, i);
  x = csa_graph_add(g, &csa_layer_average, (csa_layer_config){0}, x, NULL, "average");
  if (a->dropout > 0.0)
    x = csa_graph_add(g, &csa_layer_dropout, (csa_layer_config){.rate = (float)a->dropout}, x, NULL, "dropout");
  return csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->classes}, x, NULL, "fc");
}
