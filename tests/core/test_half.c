/* Half precision on the host: every half there is, and rounding between any two of them. */
#include "core/half.h"

#include <math.h>

#include "testing.h"

#define INFINITE 0x7c00

static void test_known(void **state) {
  (void)state;
  static const struct {
    float value;
    uint16_t half;
  } known[] = {{0.0f, 0},          {-0.0f, 0x8000},      {1.0f, 0x3c00},       {-2.0f, 0xc000},  {65504.0f, 0x7bff},
               {65519.9f, 0x7bff}, {65520.0f, INFINITE}, {INFINITY, INFINITE}, {-1e30f, 0xfc00}, {0x1p-14f, 0x0400},
               {0x1p-24f, 0x0001}, {0x1p-25f, 0},        {0x1.8p-25f, 0x0001}, {1e-30f, 0},      {0x1.ffep-15f, 0x0400},
               {0.333333f, 0x3555}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    assert_int_equal(csa_half_from_float(known[i].value), known[i].half);
  assert_true(isnan(csa_half_to_float(csa_half_from_float(NAN))));
}

static void test_every_half(void **state) {
  (void)state;
  for (int half = 0; half <= 0xffff; half++) {
    const float value = csa_half_to_float((uint16_t)half);
    if (isnan(value))
      assert_true((half & 0x7fff) > INFINITE);
    else
      assert_int_equal(csa_half_from_float(value), half);
  }
}

/* To the nearer of two neighbours; from the middle to the one whose last bit is 0. */
static void test_rounding(void **state) {
  (void)state;
  for (int half = 0; half + 1 < INFINITE; half++) {
    const float low = csa_half_to_float((uint16_t)half), high = csa_half_to_float((uint16_t)(half + 1));
    const float middle = (low + high) / 2.0f; /* exact */
    assert_int_equal(csa_half_from_float(middle), half % 2 == 0 ? half : half + 1);
    assert_int_equal(csa_half_from_float(nextafterf(middle, 0.0f)), half);
    assert_int_equal(csa_half_from_float(-nextafterf(middle, 1e9f)), 0x8000 | (half + 1));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_every_half),
                                     cmocka_unit_test(test_rounding)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
