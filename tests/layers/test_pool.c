#include "layers/harness.h"
#include "reference/reference.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void test_all(void **state) {
  (void)state;
  const csa_trial_case cases[] = {{.ops = &csa_layer_pool, .in = csa_shape4(1, 2, 2, 1)},
                                  {.ops = &csa_layer_pool, .in = csa_shape4(3, 5, 7, 3)},
                                  {.ops = &csa_layer_pool, .in = csa_shape4(2, 32, 32, 16)}};
  for (int v = 0; v < 4; v++) /* no products here, so these are all there is */
    for (size_t i = 0; i < LENGTH(cases); i++)
      if (!test_skips(&test_variants[v], csa_elements(cases[i].in))) test_layer_case(&test_variants[v], cases[i]);
}

/* Of equal largest values the first in row-major order gets the gradient: values 0 and 1 are full of ties. */
static void test_ties(void **state) {
  (void)state;
  enum { N = 2 * 6 * 4 * 3 };
  const csa_ref_pool s = {2, 6, 4, 3};
  for (int v = 0; v < 2; v++) {
    csa_graph *g;
    if (test_skips(&test_variants[v], N)) continue;
    float x[N], dy[N / 4], dx[N];
    double xd[N], dyd[N / 4], want[N];
    for (int i = 0; i < N; i++) xd[i] = (double)(x[i] = (float)(i * 7 / 5 % 2));
    for (int i = 0; i < N / 4; i++) dyd[i] = (double)(dy[i] = (float)(i + 1));
    assert_ok(csa_graph_create(&g, test_device(),
                               (csa_graph_config){.choices = test_variants[v].choices,
                                                  .batch = 2,
                                                  .training = true,
                                                  .keep_all = true,
                                                  .input_gradient = true}));
    csa_tensor *in = csa_graph_input(g, csa_shape4(2, 6, 4, 3));
    csa_graph_add(g, &csa_layer_pool, (csa_layer_config){0}, in, NULL, "pool");
    assert_ok(csa_graph_record(g));
    assert_ok(csa_schedule_prepare(g));
    assert_ok(csa_tensor_upload(test_device(), g->input, x));
    assert_ok(csa_tensor_upload(test_device(), g->out_gradient, dy));
    assert_ok(csa_schedule_micro_step(g));
    assert_ok(csa_tensor_download(test_device(), g->layers[0].din, dx));
    csa_ref_pool_backward(&s, xd, dyd, want);
    for (int i = 0; i < N; i++) assert_true((double)dx[i] == want[i]);
    csa_graph_destroy(g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_ties)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
