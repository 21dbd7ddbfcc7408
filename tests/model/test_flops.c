/* Counted work: the notebook's models at their known figures, and the same whatever computes it. */
#include <math.h>

#include "layers/harness.h"
#include "model/architecture.h"

static void check(const char *model, csa_choices choices, double forward, double training) {
  csa_architecture a;
  csa_graph *g;
  assert_ok(csa_architecture_default(&a, model));
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.choices = choices, .batch = 3, .training = true}));
  assert_ok(csa_architecture_build(&a, g));
  print_message("%s: %.1f and %.1f MFLOP an image\n", model, 1e-6 * csa_graph_flops(g, false),
                1e-6 * csa_graph_flops(g, true));
  assert_true(fabs(csa_graph_flops(g, false) / forward - 1.0) < 2e-3);
  assert_true(fabs(csa_graph_flops(g, true) / training - 1.0) < 2e-3);
  csa_graph_destroy(g);
}

static void test_flops(void **unused) {
  (void)unused;
  for (int v = 0; v < test_variant_count; v++) {
    if (test_skips(&test_variants[v], 0)) continue;
    check("vit", test_variants[v].choices, 16.5e6, 49.1e6);
    check("cnn", test_variants[v].choices, 1.584e9, 4.750e9);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_flops)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
