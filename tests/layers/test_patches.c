#include "layers/harness.h"
#include "reference/reference.h"

static const struct {
  int images, side, channels, patch;
  bool grid;
} cases[] = {{1, 1, 1, 1, false}, {1, 1, 1, 1, true},   {3, 6, 2, 3, false}, {3, 6, 2, 3, true},
             {2, 9, 5, 3, true},  {5, 32, 3, 4, false}, {5, 32, 3, 4, true}};

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      test_layer t;
      const int side = cases[i].side, channels = cases[i].channels, n = cases[i].images * side * side * channels;
      if (test_skips(&test_variants[v], n)) continue;
      test_layer_run(&t, &test_variants[v], &csa_layer_patches,
                     (csa_layer_config){.patch = cases[i].patch, .grid = cases[i].grid},
                     csa_shape4(cases[i].images, side, side, channels), csa_shape0(), false);
      const csa_ref_patches s = {cases[i].images, side, side, channels, cases[i].patch, cases[i].grid};
      double *y = test_zeros(n), *dx = test_zeros(n);
      csa_ref_patches_forward(&s, t.in, y);
      csa_ref_patches_backward(&s, t.dout, dx);
      assert_close("y", t.out, y, n, 1e-7);
      assert_close("dx", t.din, dx, n, 1e-7);
      free(y), free(dx);
      test_layer_fini(&t);
    }
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
