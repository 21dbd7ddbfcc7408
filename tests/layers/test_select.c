#include "layers/harness.h"
#include "reference/reference.h"

static const struct { int images, tokens, channels; } cases[] = {{1, 1, 1}, {3, 4, 5}, {100, 65, 64}};

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      test_layer t;
      const int images = cases[i].images, tokens = cases[i].tokens, c = cases[i].channels;
      if (test_skips(&test_variants[v], (int64_t)images * tokens * c)) continue;
      test_layer_run(&t, &test_variants[v], &csa_layer_select, (csa_layer_config){0}, csa_shape3(images, tokens, c),
                     csa_shape0(), false);
      double *y = test_zeros(images * c), *dx = test_zeros(images * tokens * c);
      csa_ref_select_forward(images, tokens, c, t.in, y);
      csa_ref_select_backward(images, tokens, c, t.dout, dx);
      assert_close("y", t.out, y, images * c, 1e-7);
      assert_close("dx", t.din, dx, images * tokens * c, 1e-7);
      free(y), free(dx);
      test_layer_fini(&t);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
