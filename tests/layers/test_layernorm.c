#include "layers/harness.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void check(const test_variant *variant, int most) {
  const csa_trial_case cases[] = {
      {.ops = &csa_layer_layernorm, .in = csa_shape2(1, 2)},
      {.ops = &csa_layer_layernorm, .config = {.relu = true}, .in = csa_shape2(3, 5)},
      {.ops = &csa_layer_layernorm,
       .config = {.relu = true},
       .in = csa_shape2(7, 16),
       .accumulate = true,
       .joins = true},
      {.ops = &csa_layer_layernorm, .in = csa_shape2(5, 33), .accumulate = true, .joins = true},
      {.ops = &csa_layer_layernorm, .config = {.relu = true}, .in = csa_shape2(300, 64)},
      {.ops = &csa_layer_layernorm,
       .config = {.relu = true},
       .in = csa_shape2(65, 256),
       .accumulate = true,
       .joins = true},
      {.ops = &csa_layer_layernorm, .config = {.relu = true}, .in = csa_shape2(2, 1000)},
  };
  for (size_t i = 0; i < LENGTH(cases); i++)
    if (cases[i].in.dim[1] <= most && test_takes(variant, i) && !test_skips(variant, csa_elements(cases[i].in)))
      test_layer_case(variant, cases[i]);
}

static void check_all(const test_variant *variant) { check(variant, 1000); }
static void check_short(const test_variant *variant) { check(variant, 64); }

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++) check_all(&test_variants[v]); /* no products here, so these are all there is */
}

static void test_limits(void **state) {
  (void)state;
  test_small_limits(check_short);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
