/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11).
 * The same (seed, purpose, step, index) gives the same numbers on every host and device, in any order of asking. */
#ifndef CSA_CORE_RNG_H
#define CSA_CORE_RNG_H

#include <stdint.h>

/* What numbers are for: each purpose is a stream of its own. */
typedef enum {
  CSA_RNG_INIT = 1,
  CSA_RNG_SHUFFLE = 2,
  CSA_RNG_TEST = 3,
  CSA_RNG_AUGMENT = 4,
  CSA_RNG_HOLD_OUT = 5,
  CSA_RNG_DROPOUT = 6
} csa_rng_purpose;

/* Dropout layer `number` of a model has a stream of its own. */
static inline csa_rng_purpose csa_rng_of_layer(int number) {
  return (csa_rng_purpose)((unsigned)CSA_RNG_DROPOUT | (unsigned)number << 8);
}

typedef struct {
  uint64_t seed;
  csa_rng_purpose purpose;
  uint32_t step;
} csa_rng;

/* Four 32-bit numbers for the counter {index low, index high, step, purpose} and the key `seed`. */
void csa_rng_block(const csa_rng *rng, uint64_t index, uint32_t out[4]);

/* One 32-bit number: element index % 4 of block index / 4. */
uint32_t csa_rng_u32(const csa_rng *rng, uint64_t index);

/* Uniform in [0, 1), with 24 bits. */
float csa_rng_uniform(const csa_rng *rng, uint64_t index);

/* N(0, 1) by Box and Muller, in double on the host. */
float csa_rng_normal(const csa_rng *rng, uint64_t index);

/* Fills order[0 .. count) with a permutation of 0 .. count-1 (Fisher and Yates, unbiased). */
void csa_rng_shuffle(const csa_rng *rng, int32_t *order, int64_t count);

#endif
