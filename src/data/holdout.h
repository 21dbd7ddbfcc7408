/* Training images held back to validate on. */
#ifndef CSA_DATA_HOLDOUT_H
#define CSA_DATA_HOLDOUT_H

#include "data/dataset.h"

/* Copies `from`, images of `image_bytes` each, into two splits: `held` of them, drawn by `seed`, and those that are
 * kept, both in their old order. 0 < held < from->count. Both are released with csa_split_fini, after a failure too. */
csa_status csa_split_hold_out(const csa_split *from, size_t image_bytes, int64_t held, uint64_t seed, csa_split *out,
                              csa_split *kept);
void csa_split_fini(csa_split *split);

#endif
