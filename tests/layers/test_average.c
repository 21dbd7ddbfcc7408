#include "layers/harness.h"
#include "reference/reference.h"

static const csa_ref_pool cases[] = {{1, 2, 2, 1}, {3, 5, 7, 3}, {1, 1, 2, 1030}, {2, 32, 32, 16}};

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      test_layer t;
      const csa_ref_pool s = cases[i];
      if (test_skips(&test_variants[v], (int64_t)s.images * s.height * s.width * s.channels)) continue;
      test_layer_run(&t, &test_variants[v], &csa_layer_average, (csa_layer_config){0},
                     csa_shape4(s.images, s.height, s.width, s.channels), csa_shape0(), false);
      const int64_t n = s.images * s.height * s.width * s.channels, outputs = csa_elements(t.layer->out->shape);
      double *y = test_zeros(outputs), *dx = test_zeros(n);
      csa_ref_average_forward(&s, t.in, y);
      assert_close("y", t.out, y, outputs, 1e-6);
      csa_ref_average_backward(&s, t.dout, dx);
      assert_close("dx", t.din, dx, n, 1e-7);
      free(y), free(dx);
      test_layer_fini(&t);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
