#include "data/holdout.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "data/formats.h"

static int compare(const void *a, const void *b) {
  const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

static csa_status copy(const csa_split *from, size_t image_bytes, const int32_t *order, int64_t count, csa_split *to) {
  CSA_TRY(csa_split_allocate(to, count, image_bytes));
  to->count = count;
  for (int64_t i = 0; i < count; i++) {
    memcpy(to->images + (size_t)i * image_bytes, from->images + (size_t)order[i] * image_bytes, image_bytes);
    to->labels[i] = from->labels[order[i]];
  }
  return CSA_OK;
}

csa_status csa_split_hold_out(const csa_split *from, size_t image_bytes, int64_t held, uint64_t seed, csa_split *out,
                              csa_split *kept) {
  const csa_rng rng = {seed, CSA_RNG_HOLD_OUT, 0};
  int32_t *order = NULL;
  csa_status status;
  assert(held > 0 && held < from->count);
  *out = *kept = (csa_split){0};
  CSA_GO(csa_new(&order, (size_t)from->count, sizeof *order));
  csa_rng_shuffle(&rng, order, from->count);
  qsort(order, (size_t)held, sizeof *order, compare);
  qsort(order + held, (size_t)(from->count - held), sizeof *order, compare);
  CSA_GO(copy(from, image_bytes, order, held, out));
  status = copy(from, image_bytes, order + held, from->count - held, kept);
done:
  free(order);
  return status;
}

void csa_split_fini(csa_split *split) {
  free(split->images);
  free(split->labels);
  *split = (csa_split){0};
}
