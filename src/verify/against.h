/* Two devices train the same steps, and are compared layer by layer: the first layer whose numbers part is where a
 * kernel or a driver is wrong.
 *
 * Each step starts on both from the parameters and the optimizer's state of the reference, so that what is seen is the
 * step's own difference, not what many steps make of a rounding. */
#ifndef CSA_VERIFY_AGAINST_H
#define CSA_VERIFY_AGAINST_H

#include "selftest/checks.h"
#include "verify/sample.h"

/* Kinds of what is compared, in the order in which a step computes them: each layer's output, forward; the gradient of
 * each layer's output and of its parameters, backward; parameters after the update. */
typedef enum { CSA_ACTIVATIONS, CSA_GRADIENTS, CSA_PARAMETER_GRADIENTS, CSA_PARAMETERS, CSA_KINDS } csa_against_kind;
const char *csa_against_text(csa_against_kind kind);

/* A layer in a step. */
typedef struct {
  int step;                    /* from 1 */
  char layer[CSA_TENSOR_NAME]; /* "encoder.layers.0.2", and its kind */
  const char *ops;
  csa_check kinds[CSA_KINDS]; /* with an empty name where the layer has none of the kind */
} csa_against_row;

typedef struct {
  csa_against_row *rows;
  size_t count, capacity;
  const csa_against_row *first; /* whose check parted first, in a step's order; NULL if none did */
  csa_against_kind first_kind;
} csa_divergence;

/* Compared is what every family of kernels has; after a step in which something parts there is no other. */
csa_status csa_against(csa_divergence *divergence, const csa_side *tested, const csa_side *reference,
                       const csa_sample_config *config);
void csa_divergence_fini(csa_divergence *divergence);

#endif
