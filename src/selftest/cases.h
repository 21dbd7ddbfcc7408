/* The cases of the self-test: each runs something on the device, compares it with src/reference and enters that into
 * the ledger. A number that is wrong is no failure here. */
#ifndef CSA_SELFTEST_CASES_H
#define CSA_SELFTEST_CASES_H

#include "data/augment.h"
#include "model/optimizer.h"
#include "selftest/ledger.h"
#include "selftest/trial.h"

/* A layer forward and backward. */
csa_status csa_selftest_layer(csa_ledger *ledger, csa_device *device, csa_choices choices, const csa_trial_case *c);

/* A product like `like`, whose tensors are only looked at for being there and for their types: all of C is computed; of
 * a large C every row and every column is compared somewhere. */
csa_status csa_selftest_product(csa_ledger *ledger, csa_device *device, csa_choices choices, const csa_gemm_call *like);

/* The sum of few rows, alone. */
csa_status csa_selftest_sum(csa_ledger *ledger, csa_device *device, csa_choices choices);

/* Batches of a data set of [channels, image, image] bytes, augmented or not. */
csa_status csa_selftest_gather(csa_ledger *ledger, csa_device *device, csa_choices choices, int image, int channels,
                               const csa_augment *augment);

/* The loss over so many classes, of a batch that is not full. */
csa_status csa_selftest_loss(csa_ledger *ledger, csa_device *device, csa_choices choices, int classes, float smoothing);

/* A few steps of an optimizer that does what `like` does, at rates of its own. */
csa_status csa_selftest_optimizer(csa_ledger *ledger, csa_device *device, csa_choices choices,
                                  const csa_optimizer_config *like);

#endif
