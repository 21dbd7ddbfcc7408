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
  if (test_skips(variant, n)) return;
  test_layer_run(&t, variant, &csa_layer_layernorm, (csa_layer_config){.relu = c->relu}, csa_shape2(c->rows, c->cols),
                 csa_shape0(), c->accumulate);
  const csa_ref_layernorm s = {c->rows, c->cols, c->relu};
  double *y = test_zeros(n), *dx = test_zeros(n), *dweight = test_zeros(c->cols), *dbias = test_zeros(c->cols);
  csa_ref_layernorm_forward(&s, t.in, t.param[0], t.param[1], y);
  assert_close("y", t.out, y, n, 2e-6);
  csa_ref_layernorm_backward(&s, t.in, t.param[0], y, t.dout, dx, dweight, dbias);
  assert_close("dx", t.din, dx, n, 1e-5);
  assert_close("dweight", t.dparam[0], dweight, c->cols, 5e-6);
  assert_close("dbias", t.dparam[1], dbias, c->cols, 5e-6);
  free(y), free(dx), free(dweight), free(dbias);
  test_layer_fini(&t);
}

/* The gradient of the linear layer before a norm whose backward may overwrite its output's gradient, or not. */
static double *gradient_below(const test_variant *variant, bool keep_all) {
  csa_graph *g;
  assert_ok(csa_graph_create(
      &g, test_device(),
      (csa_graph_config){.choices = variant->choices, .batch = 40, .training = true, .keep_all = keep_all}));
  csa_tensor *x = csa_graph_input(g, csa_shape2(40, 24));
  x = csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = 24}, x, NULL, "below");
  x = csa_graph_add(g, &csa_layer_layernorm, (csa_layer_config){.relu = true}, x, NULL, "norm");
  csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = 24}, x, NULL, "above");
  assert_ok(csa_graph_record(g));
  assert_ok(csa_schedule_prepare(g));
  assert_true((g->layers[1].din == g->layers[1].dout) == !keep_all);
  assert_ok(csa_graph_initialize(g, 1));
  const int count = 40 * 24, weights = 24 * 24;
  float values[40 * 24];
  for (int i = 0; i < count; i++) values[i] = (float)(i * 7 % 41) / 20.0f - 1.0f;
  assert_ok(csa_tensor_upload(test_device(), g->input, values));
  assert_ok(csa_tensor_upload(test_device(), g->out_gradient, values));
  assert_ok(csa_schedule_micro_step(g));
  assert_ok(csa_tensor_download(test_device(), g->layers[0].dparam[0], values));
  double *gradient = test_zeros(weights);
  for (int i = 0; i < weights; i++) gradient[i] = (double)values[i];
  csa_graph_destroy(g);
  return gradient;
}

static void test_in_place(void **state) {
  (void)state;
  for (int v = 0; v < 2; v++) {
    if (test_skips(&test_variants[v], 40 * 24)) continue;
    double *apart = gradient_below(&test_variants[v], true), *in_place = gradient_below(&test_variants[v], false);
    assert_memory_equal(apart, in_place, 24 * 24 * sizeof *apart);
    free(apart), free(in_place);
  }
}

static void check_all(const test_variant *variant) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (cases[i].cols <= 64) check(variant, &cases[i]);
}

static void test_limits(void **state) {
  (void)state;
  test_small_limits(check_all);
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++) /* no products here, so both families, of either precision, are all there is */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      if (!test_takes(&test_variants[v], i)) continue;
      print_message("%s: %d x %d\n", test_variants[v].name, cases[i].rows, cases[i].cols);
      check(&test_variants[v], &cases[i]);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_in_place),
                                     cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
