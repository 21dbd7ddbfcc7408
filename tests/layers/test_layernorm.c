#include "layers/harness.h"
#include "reference/reference.h"

typedef struct {
  int rows, cols;
  bool relu, accumulate;
} layernorm_case;

static const layernorm_case cases[] = {{1, 2, false, false},  {3, 5, true, false},    {7, 16, true, true},
                                       {5, 33, false, true},  {300, 64, true, false}, {65, 256, true, true},
                                       {2, 1000, true, false}};

static void check(const test_variant *variant, const layernorm_case *c) {
  test_layer t;
  const int n = c->rows * c->cols;
  test_layer_run(&t, variant, &csa_layer_layernorm, (csa_layer_config){.relu = c->relu}, csa_shape2(c->rows, c->cols),
                 csa_shape0(), c->accumulate);
  const csa_ref_layernorm s = {c->rows, c->cols, c->relu};
  double *y = test_zeros(n), *dx = test_zeros(n), *dgamma = test_zeros(c->cols), *dbeta = test_zeros(c->cols);
  csa_ref_layernorm_forward(&s, t.in, t.param[0], t.param[1], y);
  assert_close("y", t.out, y, n, 2e-6);
  csa_ref_layernorm_backward(&s, t.in, t.param[0], y, t.dout, dx, dgamma, dbeta);
  assert_close("dx", t.din, dx, n, 1e-5);
  assert_close("dgamma", t.dparam[0], dgamma, c->cols, 5e-6);
  assert_close("dbeta", t.dparam[1], dbeta, c->cols, 5e-6);
  free(y), free(dx), free(dgamma), free(dbeta);
  test_layer_fini(&t);
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 2; v++) /* no products here, so both families with one provider are all there is */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      print_message("%s: %d x %d\n", test_variants[v].name, cases[i].rows, cases[i].cols);
      check(&test_variants[v], &cases[i]);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
