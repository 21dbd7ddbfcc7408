/* The CNN with non-local self-attention. The notebook's has stages of convolution, ReLU and attention, all at full
 * size; others have batch norm, and in some stages pooling and residual parts, or no attention. */
#ifndef CSA_MODEL_CNN_H
#define CSA_MODEL_CNN_H

#include "model/architecture.h"

/* Adds the layers; images [N, H, W, C] -> logits [N, classes]. NULL after a failure, which the graph keeps. */
csa_tensor *csa_cnn(csa_graph *graph, csa_tensor *images, const csa_architecture *architecture);

#endif
