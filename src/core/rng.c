/* Philox 4x32-10: ten rounds of two 32 x 32 -> 64 bit products turn a counter and a key into four numbers that look
 * random. There is no state to carry, so any element of any stream can be had alone, on host or device. */
#include "core/rng.h"

#include <assert.h>
#include <math.h>

#define ROUNDS 10
#define MULTIPLIER_0 UINT64_C(0xD2511F53)
#define MULTIPLIER_1 UINT64_C(0xCD9E8D57)
#define WEYL_0 UINT32_C(0x9E3779B9) /* golden ratio */
#define WEYL_1 UINT32_C(0xBB67AE85) /* sqrt(3) - 1 */
#define TWO_PI 6.283185307179586476925

static uint32_t high(uint64_t x) { return (uint32_t)(x >> 32); }
static uint32_t low(uint64_t x) { return (uint32_t)x; }

void csa_rng_block(const csa_rng *rng, uint64_t index, uint32_t out[4]) {
  uint32_t c0 = low(index), c1 = high(index), c2 = rng->step, c3 = (uint32_t)rng->purpose;
  uint32_t k0 = low(rng->seed), k1 = high(rng->seed);
  for (int round = 0; round < ROUNDS; round++) {
    const uint64_t p0 = MULTIPLIER_0 * c0, p1 = MULTIPLIER_1 * c2;
    c0 = high(p1) ^ c1 ^ k0;
    c1 = low(p1);
    c2 = high(p0) ^ c3 ^ k1;
    c3 = low(p0);
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

uint32_t csa_rng_u32(const csa_rng *rng, uint64_t index) {
  uint32_t block[4];
  csa_rng_block(rng, index / 4, block);
  return block[index % 4];
}

float csa_rng_uniform(const csa_rng *rng, uint64_t index) { return (float)(csa_rng_u32(rng, index) >> 8) * 0x1p-24f; }

/* Elements 2i and 2i+1 are the cosine and the sine of one pair of uniforms; half a step keeps both off 0 and 1. */
float csa_rng_normal(const csa_rng *rng, uint64_t index) {
  uint32_t block[4];
  csa_rng_block(rng, index / 4, block);
  const uint32_t *pair = block + (index % 4 & 2);
  const double radius = sqrt(-2.0 * log((pair[0] + 0.5) * 0x1p-32));
  const double angle = TWO_PI * ((pair[1] + 0.5) * 0x1p-32);
  return (float)(radius * (index % 2 == 0 ? cos(angle) : sin(angle)));
}

/* Uniform in [0, bound): numbers above the last whole multiple of `bound` are drawn again. */
static uint32_t below(const csa_rng *rng, uint64_t *next, uint32_t bound) {
  assert(bound > 0);
  const uint64_t range = UINT64_C(1) << 32;
  const uint64_t usable = range - range % bound;
  uint32_t draw;
  do {
    draw = csa_rng_u32(rng, (*next)++);
  } while (draw >= usable);
  return draw % bound;
}

void csa_rng_shuffle(const csa_rng *rng, int32_t *order, int64_t count) {
  uint64_t next = 0;
  for (int64_t i = 0; i < count; i++) order[i] = (int32_t)i;
  for (int64_t i = count - 1; i > 0; i--) {
    const uint32_t j = below(rng, &next, (uint32_t)(i + 1));
    const int32_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}
