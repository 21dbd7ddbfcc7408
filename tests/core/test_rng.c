/* Random numbers: the published vectors of Philox 4x32-10, then the properties that shuffles and initial values need.
 */
#include "core/rng.h"

#include <math.h>

#include "testing.h"

typedef struct {
  uint32_t counter[4], key[2], expected[4];
} known_answer;

/* Random123's kat_vectors for philox4x32 with 10 rounds: zeros, ones, digits of pi. */
static const known_answer known_answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static uint64_t join(uint32_t low, uint32_t high) { return (uint64_t)high << 32 | low; }

static void test_known_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof known_answers / sizeof *known_answers; i++) {
    const known_answer *k = &known_answers[i];
    const csa_rng rng = {join(k->key[0], k->key[1]), (csa_rng_purpose)k->counter[3], k->counter[2]};
    uint32_t out[4];
    csa_rng_block(&rng, join(k->counter[0], k->counter[1]), out);
    assert_memory_equal(out, k->expected, sizeof out);
  }
}

static void test_elements_are_those_of_blocks(void **state) {
  (void)state;
  const csa_rng rng = {7, CSA_RNG_TEST, 3};
  const uint64_t first = UINT64_C(0x500000000);
  for (uint64_t i = first; i < first + 9; i++) {
    uint32_t block[4];
    csa_rng_block(&rng, i / 4, block);
    assert_int_equal(csa_rng_u32(&rng, i), block[i % 4]);
  }
}

static void test_uniforms_stay_in_range(void **state) {
  (void)state;
  const csa_rng rng = {11, CSA_RNG_TEST, 0};
  const int count = 40000;
  double sum = 0, squares = 0;
  for (int i = 0; i < count; i++) {
    const double u = (double)csa_rng_uniform(&rng, (uint64_t)i);
    assert_true(u >= 0 && u < 1);
    sum += u;
    squares += u * u;
  }
  assert_true(fabs(sum / count - 0.5) < 0.01);
  assert_true(fabs(squares / count - 1.0 / 3.0) < 0.01);
}

/* Mean 0, variance 1, no skew, kurtosis 3, neighbours uncorrelated; bounds are about five standard errors. */
static void test_normal_moments(void **state) {
  (void)state;
  const csa_rng rng = {5, CSA_RNG_INIT, 0};
  const int count = 100000;
  double moment[5] = {0}, neighbours = 0, before = 0;
  for (int i = 0; i < count; i++) {
    const double z = (double)csa_rng_normal(&rng, (uint64_t)i);
    assert_true(isfinite(z));
    neighbours += z * before;
    before = z;
    for (int power = 1; power <= 4; power++) moment[power] += pow(z, power) / count;
  }
  assert_true(fabs(moment[1]) < 0.016);
  assert_true(fabs(moment[2] - 1) < 0.023);
  assert_true(fabs(moment[3]) < 0.062);
  assert_true(fabs(moment[4] - 3) < 0.16);
  assert_true(fabs(neighbours / count) < 0.016);
}

/* Numbers, and bits, that two streams have in common are as many as chance gives. */
static void assert_unrelated(const csa_rng *a, const csa_rng *b) {
  int64_t equal_bits = 0;
  const int count = 4096;
  for (int i = 0; i < count; i++) {
    const uint32_t difference = csa_rng_u32(a, (uint64_t)i) ^ csa_rng_u32(b, (uint64_t)i);
    assert_int_not_equal(difference, 0);
    for (int bit = 0; bit < 32; bit++) equal_bits += (difference >> bit & 1) == 0;
  }
  assert_true(fabs((double)equal_bits / (32.0 * count) - 0.5) < 0.007);
}

static void test_streams_are_unrelated(void **state) {
  (void)state;
  const csa_rng base = {1, CSA_RNG_SHUFFLE, 1};
  const csa_rng others[] = {
      {1, CSA_RNG_INIT, 1},    {1, CSA_RNG_TEST, 1},
      {1, CSA_RNG_SHUFFLE, 0}, {1, CSA_RNG_SHUFFLE, 0x80000001},
      {2, CSA_RNG_SHUFFLE, 1}, {UINT64_C(0x100000001), CSA_RNG_SHUFFLE, 1},
      {1, CSA_RNG_INIT, 2}, /* purpose and step do not add up to one number */
  };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_unrelated(&base, &others[i]);
}

static void test_shuffle_is_a_permutation(void **state) {
  (void)state;
  static const int64_t counts[] = {0, 1, 2, 3, 17, 1000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    const csa_rng rng = {9, CSA_RNG_SHUFFLE, (uint32_t)i};
    int32_t order[1001];
    bool seen[1000] = {false};
    order[counts[i]] = -1;
    csa_rng_shuffle(&rng, order, counts[i]);
    for (int64_t at = 0; at < counts[i]; at++) {
      assert_in_range(order[at], 0, counts[i] - 1);
      assert_false(seen[order[at]]);
      seen[order[at]] = true;
    }
    assert_int_equal(order[counts[i]], -1);
  }
}

/* Each of the 24 orders of four comes up as often as the others: chi-square with 23 degrees of freedom is below 49.7
 * in 999 of 1000 cases. */
static void test_shuffle_is_unbiased(void **state) {
  (void)state;
  const int trials = 24000;
  int seen[256] = {0};
  for (int i = 0; i < trials; i++) {
    const csa_rng rng = {3, CSA_RNG_SHUFFLE, (uint32_t)i};
    int32_t order[4];
    csa_rng_shuffle(&rng, order, 4);
    seen[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
  }
  const double expected = trials / 24.0;
  double chi_square = 0;
  int kinds = 0;
  for (int i = 0; i < 256; i++) {
    if (seen[i] == 0) continue;
    kinds++;
    chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  assert_int_equal(kinds, 24);
  assert_true(chi_square < 49.7);
}

static void test_shuffle_repeats_and_differs_by_step(void **state) {
  (void)state;
  int32_t first[100], again[100], next[100];
  csa_rng_shuffle(&(csa_rng){4, CSA_RNG_SHUFFLE, 1}, first, 100);
  csa_rng_shuffle(&(csa_rng){4, CSA_RNG_SHUFFLE, 1}, again, 100);
  csa_rng_shuffle(&(csa_rng){4, CSA_RNG_SHUFFLE, 2}, next, 100);
  assert_memory_equal(first, again, sizeof first);
  assert_memory_not_equal(first, next, sizeof first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known_answers),          cmocka_unit_test(test_elements_are_those_of_blocks),
      cmocka_unit_test(test_uniforms_stay_in_range), cmocka_unit_test(test_normal_moments),
      cmocka_unit_test(test_streams_are_unrelated),  cmocka_unit_test(test_shuffle_is_a_permutation),
      cmocka_unit_test(test_shuffle_is_unbiased),    cmocka_unit_test(test_shuffle_repeats_and_differs_by_step),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
