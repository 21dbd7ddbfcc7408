#include "model/cnn.h"

csa_tensor *csa_cnn(csa_graph *g, csa_tensor *x, const csa_architecture *a) {
  for (int i = 0; i < a->stages; i++) {
    x = csa_graph_add(g, &csa_layer_conv2d, (csa_layer_config){.out = a->widths[i], .kernel = 3, .relu = true}, x, NULL,
                      "conv%d", i + 1);
    x = csa_graph_add(g, &csa_layer_nonlocal, (csa_layer_config){.reduction = a->reduction}, x, NULL, "sa%d", i + 1);
  }
  x = csa_graph_add(g, &csa_layer_average, (csa_layer_config){0}, x, NULL, "average");
  return csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->classes}, x, NULL, "fc");
}
