/* Golden files: PyTorch's numbers for the first steps of training, and how close ours are. */
#ifndef CSA_TRAIN_VERIFY_H
#define CSA_TRAIN_VERIFY_H

#include "train/golden.h"

#define CSA_CHECK_NAME 192

typedef struct {
  char name[CSA_CHECK_NAME];
  double error, tolerance;
  bool ok;
} csa_check;

typedef struct {
  csa_check *checks; /* as many as the file has expected values */
  size_t count, capacity;
  bool ok; /* all of them */
} csa_verification;

/* Whether the gradient is 0 in exact arithmetic: the bias of keys, as softmax ignores a shift of all of them. */
bool csa_gradient_is_zero(const csa_parameter *parameter);

/* Trains as the file says (its parameters, inputs, labels and learning rate) on `devices` [count] and compares all that
 * it expects, and the parameters of several devices with each other; writes the computed values to `dump`, where not
 * NULL, as a safetensors file. */
csa_status csa_verify(csa_verification *verification, csa_device *const *devices, int count, const csa_golden_way *way,
                      const char *path, const char *dump);
void csa_verification_fini(csa_verification *verification);

#endif
