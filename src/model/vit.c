#include "model/vit.h"

static csa_tensor *normalized(csa_graph *g, csa_tensor *x, int block, int index, bool relu) {
  return csa_graph_add(g, &csa_layer_layernorm, (csa_layer_config){.relu = relu}, x, NULL, "encoder.layers.%d.%d",
                       block, index);
}

static csa_tensor *dropped(csa_graph *g, csa_tensor *x, const csa_architecture *a, csa_tensor *residual) {
  return csa_graph_add(g, &csa_layer_dropout, (csa_layer_config){.rate = (float)a->dropout}, x, residual, "dropout");
}

/* x + attention(ReLU(LN(x))), then x + fc2(ReLU(LN(fc1(ReLU(LN(x)))))), where the ReLU after an outer LN, and dropout
 * of what is added to x, are as the sizes say. In the last block only the class token goes on, as nothing reads the
 * others: the same numbers for a quarter less work. */
static csa_tensor *encoder_block(csa_graph *g, csa_tensor *x, const csa_architecture *a, int block) {
  const bool last = block == a->layers - 1, drops = a->dropout > 0.0;
  csa_tensor *h = normalized(g, x, block, 0, a->norm_relu);
  if (last) x = csa_graph_add(g, &csa_layer_select, (csa_layer_config){0}, x, NULL, "class");
  h = csa_graph_add(g, &csa_layer_attention, (csa_layer_config){.heads = a->heads, .class_only = last}, h,
                    drops ? NULL : x, "encoder.layers.%d.2", block);
  x = drops ? dropped(g, h, a, x) : h;
  h = normalized(g, x, block, 3, a->norm_relu);
  h = csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->hidden}, h, NULL, "encoder.layers.%d.5", block);
  h = normalized(g, h, block, 6, true);
  h = csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->embed}, h, drops ? NULL : x,
                    "encoder.layers.%d.8", block);
  return drops ? dropped(g, h, a, x) : h;
}

csa_tensor *csa_vit(csa_graph *g, csa_tensor *images, const csa_architecture *a) {
  csa_tensor *x = csa_graph_add(g, &csa_layer_patches, (csa_layer_config){.patch = a->patch, .grid = a->grid}, images,
                                NULL, "patches");
  x = csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->embed}, x, NULL, "patch_embedding");
  x = csa_graph_add(g, &csa_layer_tokens, (csa_layer_config){0}, x, NULL, "%s", ""); /* names without a prefix */
  if (a->dropout > 0.0) x = dropped(g, x, a, NULL);
  for (int block = 0; block < a->layers; block++) x = encoder_block(g, x, a, block);
  if (a->final_norm) x = csa_graph_add(g, &csa_layer_layernorm, (csa_layer_config){0}, x, NULL, "norm");
  return csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = a->classes}, x, NULL, "fc");
}
