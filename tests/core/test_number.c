/* Numbers as people write them, and what is none. */
#include "core/number.h"

#include "testing.h"

static void test_numbers(void **state) {
  (void)state;
  static const char *const none[] = {"", " 1", "1 ", "1x", "x", "nan", "inf", "1e999", "-"};
  double number = 7.0;
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_false(csa_number_read(none[i], &number));
  assert_true(number == 7.0);
  assert_true(csa_number_read("-2.5e1", &number) && number == -25.0);
}

static void test_seconds(void **state) {
  (void)state;
  static const char *const none[] = {"", "s", "5 m", "5ms", "5d", "-1s", "infh"};
  double seconds = 7.0;
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_false(csa_seconds_read(none[i], &seconds));
  assert_true(seconds == 7.0);
  assert_true(csa_seconds_read("90", &seconds) && seconds == 90.0);
  assert_true(csa_seconds_read("0.5s", &seconds) && seconds == 0.5);
  assert_true(csa_seconds_read("5m", &seconds) && seconds == 300.0);
  assert_true(csa_seconds_read("2h", &seconds) && seconds == 7200.0);
}

static void test_seeds(void **state) {
  (void)state;
  static const char *const none[] = {"", "-1", "+1", " 1", "1.0", "0x1", "18446744073709551616"};
  uint64_t seed = 7;
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_false(csa_seed_read(none[i], &seed));
  assert_true(seed == 7);
  assert_true(csa_seed_read("18446744073709551615", &seed) && seed == UINT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_seconds),
                                     cmocka_unit_test(test_seeds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
