#include "layers/harness.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define RUNS(side) .ops = &csa_layer_patches, .config = {.patch = (side)}
#define SQUARES(side) .ops = &csa_layer_patches, .config = {.patch = (side), .grid = true}

static void test_all(void **state) {
  (void)state;
  const csa_trial_case cases[] = {
      {RUNS(1), .in = csa_shape4(1, 1, 1, 1)},      {SQUARES(1), .in = csa_shape4(1, 1, 1, 1)},
      {RUNS(3), .in = csa_shape4(3, 6, 6, 2)},      {SQUARES(3), .in = csa_shape4(3, 6, 6, 2)},
      {SQUARES(3), .in = csa_shape4(2, 9, 9, 5)},   {RUNS(4), .in = csa_shape4(5, 32, 32, 3)},
      {SQUARES(4), .in = csa_shape4(5, 32, 32, 3)},
  };
  for (int v = 0; v < 4; v++) /* no products here, so these are all there is */
    for (size_t i = 0; i < LENGTH(cases); i++)
      if (!test_skips(&test_variants[v], csa_elements(cases[i].in))) test_layer_case(&test_variants[v], cases[i]);
}

static void test_impossible(void **state) {
  (void)state;
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.batch = 1}));
  csa_tensor *x = csa_graph_input(g, csa_shape4(1, 10, 10, 3));
  csa_graph_add(g, &csa_layer_patches, (csa_layer_config){.patch = 4}, x, NULL, "patches");
  assert_fails(CSA_USAGE, "the patch does not divide", csa_graph_record(g));
  csa_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_impossible)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
