/* The scale of colours: even steps of lightness, ends that are far apart, and no colour twice. */
#include "report/heat.h"

#include <math.h>

#include "testing.h"

/* CIE L* of an sRGB colour. */
static double lightness(const uint8_t rgb[3]) {
  static const double weights[] = {0.2126, 0.7152, 0.0722};
  double y = 0.0;
  for (int c = 0; c < 3; c++) {
    const double v = rgb[c] / 255.0;
    y += weights[c] * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
  }
  return y > 0.008856 ? 116.0 * cbrt(y) - 16.0 : 903.3 * y;
}

static void test_even(void **state) {
  (void)state;
  uint8_t rgb[3];
  double before = -1.0;
  for (int i = 0; i <= 20; i++) {
    csa_heat_colour(i / 20.0, rgb);
    const double l = lightness(rgb), step = l - before;
    if (i > 0) assert_true(step > 2.0 && step < 6.5);
    before = l;
    if (i == 0) assert_true(l < 3.0);
  }
  assert_true(before > 94.0);
}

static void test_ends(void **state) {
  (void)state;
  uint8_t below[3], zero[3], one[3], above[3];
  csa_heat_colour(-5.0, below), csa_heat_colour(0.0, zero), csa_heat_colour(1.0, one), csa_heat_colour(7.0, above);
  assert_memory_equal(below, zero, 3);
  assert_memory_equal(above, one, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_even), cmocka_unit_test(test_ends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
