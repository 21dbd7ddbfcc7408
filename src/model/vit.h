/* The Vision Transformer. The notebook's has a ReLU after every LayerNorm; others do with one in the MLP, and have
 * dropout or a last LayerNorm. */
#ifndef CSA_MODEL_VIT_H
#define CSA_MODEL_VIT_H

#include "model/architecture.h"

/* Adds the layers; images [N, H, W, C] -> logits [N, 1, classes]. NULL after a failure, which the graph keeps. */
csa_tensor *csa_vit(csa_graph *graph, csa_tensor *images, const csa_architecture *architecture);

#endif
