#include "layers/harness.h"
#include "reference/reference.h"

static const struct {
  int images, tokens, channels;
  bool accumulate;
} cases[] = {{1, 1, 1, false}, {3, 4, 5, true}, {100, 7, 64, false}, {70, 64, 65, true}};

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      test_layer t;
      const int images = cases[i].images, tokens = cases[i].tokens, c = cases[i].channels;
      if (test_skips(&test_variants[v], (int64_t)images * tokens * c)) continue;
      test_layer_run(&t, &test_variants[v], &csa_layer_tokens, (csa_layer_config){0}, csa_shape3(images, tokens, c),
                     csa_shape0(), cases[i].accumulate);
      const csa_ref_tokens s = {images, tokens, c};
      double *y = test_zeros(images * (tokens + 1) * c), *dx = test_zeros(images * tokens * c);
      double *dclass = test_zeros(c), *dposition = test_zeros((tokens + 1) * c);
      csa_ref_tokens_forward(&s, t.in, t.param[0], t.param[1], y);
      assert_close("y", t.out, y, images * (tokens + 1) * c, 1e-6);
      csa_ref_tokens_backward(&s, t.dout, dx, dclass, dposition);
      assert_close("dx", t.din, dx, images * tokens * c, 0.0);
      assert_close("dclass", t.dparam[0], dclass, c, 2e-6);
      assert_close("dposition", t.dparam[1], dposition, (tokens + 1) * c, 2e-6);
      free(y), free(dx), free(dclass), free(dposition);
      test_layer_fini(&t);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
