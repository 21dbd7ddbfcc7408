#include "layers/harness.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void test_all(void **state) {
  (void)state;
  const csa_trial_case cases[] = {{.ops = &csa_layer_average, .in = csa_shape4(1, 2, 2, 1)},
                                  {.ops = &csa_layer_average, .in = csa_shape4(3, 5, 7, 3)},
                                  {.ops = &csa_layer_average, .in = csa_shape4(1, 1, 2, 1030)},
                                  {.ops = &csa_layer_average, .in = csa_shape4(2, 32, 32, 16)}};
  for (int v = 0; v < 4; v++) /* no products here, so these are all there is */
    for (size_t i = 0; i < LENGTH(cases); i++)
      if (!test_skips(&test_variants[v], csa_elements(cases[i].in))) test_layer_case(&test_variants[v], cases[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
