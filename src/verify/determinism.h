/* The same steps of training twice on one device: do they give the same bits? */
#ifndef CSA_VERIFY_DETERMINISM_H
#define CSA_VERIFY_DETERMINISM_H

#include "selftest/checks.h"
#include "verify/sample.h"

/* Trains config->steps steps twice from the same parameters, with the launches that `train` would make, and compares
 * the loss, all gradients and all parameters after each step: a check for each, up to the first that differs, whose
 * name says in what: "step 2: conv1.weight: element 5 of 864 is 0.01234567, then 0.01234568". Released by
 * csa_verification_fini, even after a failure. */
csa_status csa_determinism(csa_verification *verification, const csa_side *side, const csa_sample_config *config);

#endif
