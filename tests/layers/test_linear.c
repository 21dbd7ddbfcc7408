#include <math.h>

#include "layers/harness.h"

typedef struct {
  int rows, in, out;
  bool relu, residual, accumulate;
} linear_case;

static const linear_case cases[] = {
    {1, 1, 1, false, false, false},    {3, 5, 7, true, false, false},      {7, 65, 33, false, true, true},
    {49, 130, 10, true, false, true},  {100, 64, 10, false, false, false}, {33, 16, 257, false, true, false},
    {1030, 17, 5, false, false, true}, {2600, 48, 64, true, false, false}, /* long enough for split weight gradients */
};

static void check(const test_variant *variant, const linear_case *c) {
  if (test_skips(variant, (int64_t)c->rows * c->in * c->out)) return;
  test_layer_case(variant, (csa_trial_case){.ops = &csa_layer_linear,
                                            .config = {.out = c->out, .relu = c->relu},
                                            .in = csa_shape2(c->rows, c->in),
                                            .residual = c->residual ? csa_shape2(c->rows, c->out) : csa_shape0(),
                                            .accumulate = c->accumulate});
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < test_variant_count; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check(&test_variants[v], &cases[i]);
}

/* A NaN goes through ReLU, as in PyTorch: a run that went wrong must not look well. */
static void test_nan(void **state) {
  (void)state;
  for (int v = 0; v < test_variant_count; v++) {
    csa_graph *g;
    if (test_skips(&test_variants[v], 2 * 3 * 40)) continue;
    float x[2 * 3] = {1, NAN, 2, 1, 1, 1}, y[2 * 40];
    assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.choices = test_variants[v].choices, .batch = 2}));
    csa_tensor *in = csa_graph_input(g, csa_shape2(2, 3));
    csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = 40, .relu = true}, in, NULL, "fc");
    assert_ok(csa_graph_record(g));
    assert_ok(csa_schedule_prepare(g));
    assert_ok(csa_graph_initialize(g, 1));
    assert_ok(csa_tensor_write_floats(test_device(), g->input, x));
    assert_ok(csa_schedule_forward(g));
    assert_ok(csa_tensor_read_floats(test_device(), g->out, 0, 2 * 40, y));
    for (int i = 0; i < 40; i++) assert_true(isnan(y[i]) && !isnan(y[40 + i]));
    csa_graph_destroy(g);
  }
}

static void test_impossible(void **state) {
  (void)state;
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.batch = 2}));
  csa_tensor *x = csa_graph_input(g, csa_shape2(2, 3));
  assert_null(csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = 4}, x, x, "fc"));
  assert_null(csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = 4}, NULL, NULL, "later"));
  assert_fails(CSA_USAGE, "linear 'fc': the residual is not of the output's shape", csa_graph_record(g));
  csa_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_nan),
                                     cmocka_unit_test(test_impossible)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
