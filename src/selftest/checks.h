/* What was compared with what it should be, and whether it held: of golden files, the self-test, two devices, two
 * runs. */
#ifndef CSA_SELFTEST_CHECKS_H
#define CSA_SELFTEST_CHECKS_H

#include "layers/layer.h"

#define CSA_CHECK_NAME 192

typedef struct {
  char name[CSA_CHECK_NAME];
  double error, tolerance;
  bool ok;
} csa_check;

typedef struct {
  csa_check *checks;
  size_t count, capacity;
  bool ok; /* all of them; true before the first */
} csa_verification;

csa_status csa_verification_add(csa_verification *verification, const csa_check *check);
void csa_verification_fini(csa_verification *verification);

/* Whether the gradient is 0 in exact arithmetic: the bias of keys, as softmax ignores a shift of all of them. */
bool csa_gradient_is_zero(const csa_parameter *parameter);

#endif
