#include "model/vit.h"

static csa_tensor *normalized(csa_graph *g, csa_tensor *x, int block, int index) {
  return csa_graph_add(g, &csa_layer_layernorm, (csa_layer_config){.relu = true}, x, NULL, "encoder.layers.%d.%d",
                       block, index);
}

/* x + attention(ReLU(LN(x))), then x + fc2(ReLU(LN(fc1(ReLU(LN(x)))))). In the last block only the class token goes on,
 * as nothing reads the others: the same numbers for a quarter less work. */
static csa_tensor *encoder_block(csa_graph *g, csa_tensor *x, const csa_architecture *a, int block) {
  const bool last = block == a->layers - 1;
  csa_tensor *h = normalized(g, x, block, 0);
  if (last) x = csa_graph_add(g, &csa_layer_select, (csa_layer_config){0}, x, NULL, "class");
  x = csa_graph_add(g, &csa_layer_attention, (csa_layer_config){.heads = a->heads, .class_only = last}, h, x,
                    "encoder.layers.%d.2", block);
  h = normalized(g, x, block, 3);
  h = csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->hidden}, h, NULL, "encoder.layers.%d.5", block);
  h = normalized(g, h, block, 6);
  return csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->embed}, h, x, "encoder.layers.%d.8", block);
}

csa_tensor *csa_vit(csa_graph *g, csa_tensor *images, const csa_architecture *a) {
  csa_tensor *x = csa_graph_add(g, &csa_layer_patches, (csa_layer_config){.patch = a->patch, .grid = a->grid}, images,
                                NULL, "patches");
  x = csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->embed}, x, NULL, "patch_embedding");
  x = csa_graph_add(g, &csa_layer_tokens, (csa_layer_config){0}, x, NULL, "%s", ""); /* names without a prefix */
  for (int block = 0; block < a->layers; block++) x = encoder_block(g, x, a, block);
  return csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->classes}, x, NULL, "fc");
}
