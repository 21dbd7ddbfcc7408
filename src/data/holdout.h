/* Which training images are held back to validate on. */
#ifndef CSA_DATA_HOLDOUT_H
#define CSA_DATA_HOLDOUT_H

#include <stdint.h>

/* Fills list[0 .. count) with the numbers 0 .. count-1: first the `held` of them that `seed` draws, then the others,
 * both parts in ascending order. */
void csa_hold_out(int32_t *list, int64_t count, int64_t held, uint64_t seed);

#endif
