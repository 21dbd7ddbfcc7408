#include "layers/harness.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void test_all(void **state) {
  (void)state;
  const csa_trial_case cases[] = {
      {.ops = &csa_layer_tokens, .in = csa_shape3(1, 1, 1)},
      {.ops = &csa_layer_tokens, .in = csa_shape3(3, 4, 5), .accumulate = true},
      {.ops = &csa_layer_tokens, .in = csa_shape3(100, 7, 64)},
      {.ops = &csa_layer_tokens, .in = csa_shape3(70, 64, 65), .accumulate = true},
  };
  for (int v = 0; v < 4; v++) /* no products here, so these are all there is */
    for (size_t i = 0; i < LENGTH(cases); i++)
      if (!test_skips(&test_variants[v], csa_elements(cases[i].in))) test_layer_case(&test_variants[v], cases[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
