/* Golden files: PyTorch's numbers for the first steps of training, and how close ours are. */
#ifndef CSA_VERIFY_VERIFY_H
#define CSA_VERIFY_VERIFY_H

#include "selftest/checks.h"
#include "verify/golden.h"

/* Trains as the file says (its parameters, inputs, labels and learning rate) on `devices` [count] and compares all that
 * it expects, and the parameters of several devices with each other; writes the computed values to `dump`, where not
 * NULL, as a safetensors file. */
csa_status csa_verify(csa_verification *verification, csa_device *const *devices, int count, const csa_golden_way *way,
                      const char *path, const char *dump);

#endif
