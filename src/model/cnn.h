/* The CNN with non-local self-attention of the notebook: stages of convolution, ReLU and attention, all at full size.
 */
#ifndef CSA_MODEL_CNN_H
#define CSA_MODEL_CNN_H

#include "model/architecture.h"

/* Adds the layers; images [N, H, W, C] -> logits [N, classes]. NULL after a failure, which the graph keeps. */
csa_tensor *csa_cnn(csa_graph *graph, csa_tensor *images, const csa_architecture *architecture);

#endif
