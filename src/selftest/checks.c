#include "selftest/checks.h"

#include <stdlib.h>
#include <string.h>

csa_status csa_verification_add(csa_verification *v, const csa_check *check) {
  CSA_TRY(csa_grow(&v->checks, v->count, &v->capacity, sizeof *v->checks));
  v->checks[v->count++] = *check;
  v->ok = v->ok && check->ok;
  return CSA_OK;
}

void csa_verification_fini(csa_verification *v) {
  free(v->checks);
  v->checks = NULL;
  v->count = 0;
}

bool csa_gradient_is_zero(const csa_parameter *p) {
  return strstr(p->name, "key.bias") != NULL || strstr(p->name, "phi.bias") != NULL;
}
