/* The forms of a convolution that conv2d.c chooses from. `dz` is the gradient before ReLU. */
#ifndef CSA_LAYERS_CONV2D_H
#define CSA_LAYERS_CONV2D_H

#include "layers/layer.h"

/* Slots of the parameters. */
enum { CSA_CONV_WEIGHT, CSA_CONV_BIAS /* NULL: there is none */ };

typedef struct {
  int images, height, width, inputs, outputs;
  int taps;     /* K^2 */
  double flops; /* of each of the three products, 2 per multiply-add, as the direct form counts them */
} csa_conv_sizes;

/* As matrix products over the rearranged image: fits all. */
csa_status csa_columns_forward(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes);
csa_status csa_columns_weights(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes, csa_tensor *dz);
csa_status csa_columns_input(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes, csa_tensor *dz);

/* 3 x 3 directly, for images of few channels. The gradient of such an input goes the common way. */
bool csa_few_fits(const csa_conv_sizes *sizes);
csa_status csa_few_forward(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes);
csa_status csa_few_weights(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes, const csa_tensor *dz);

/* 3 x 3 by Winograd's minimal filtering, where it was chosen and the channels fill whole vectors of the CPU family, or
 * are not few. */
bool csa_winograd_fits(const csa_plan *plan, const csa_conv_sizes *sizes);
csa_status csa_winograd_forward(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes);
csa_status csa_winograd_weights(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes, const csa_tensor *dz);
csa_status csa_winograd_input(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes, const csa_tensor *dz);

/* The same by the portable family's kernels; used by conv2d_winograd.c alone. */
bool csa_winograd_portable_fits(const csa_plan *plan, const csa_conv_sizes *sizes);
csa_status csa_winograd_portable_forward(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes);
csa_status csa_winograd_portable_weights(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes,
                                         const csa_tensor *dz);
csa_status csa_winograd_portable_input(csa_plan *plan, csa_layer *layer, const csa_conv_sizes *sizes,
                                       const csa_tensor *dz);

#endif
