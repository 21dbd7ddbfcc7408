#include "data/holdout.h"

#include <stdlib.h>

#include "core/rng.h"

static int compare(const void *a, const void *b) {
  const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

void csa_hold_out(int32_t *list, int64_t count, int64_t held, uint64_t seed) {
  const csa_rng rng = {seed, CSA_RNG_HOLD_OUT, 0};
  csa_rng_shuffle(&rng, list, count);
  qsort(list, (size_t)held, sizeof *list, compare);
  qsort(list + held, (size_t)(count - held), sizeof *list, compare);
}
