#include <math.h>

#include "core/rng.h"
#include "layers/harness.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Odd sizes, all that follows, one row, several strips of columns, images that do not count in the last chunks. */
static void check(const test_variant *variant, size_t step) {
  const csa_trial_case cases[] = {
      {.ops = &csa_layer_batchnorm, .in = csa_shape2(1, 3)},
      {.ops = &csa_layer_batchnorm, .in = csa_shape4(3, 5, 7, 3), .config = {.relu = true}, .active = 2},
      {.ops = &csa_layer_batchnorm,
       .in = csa_shape4(5, 2, 3, 32),
       .residual = csa_shape4(5, 2, 3, 32),
       .accumulate = true},
      {.ops = &csa_layer_batchnorm, .in = csa_shape4(4, 8, 9, 16), .config = {.relu = true}, .evaluates = true},
      {.ops = &csa_layer_batchnorm,
       .in = csa_shape3(7, 30, 128),
       .config = {.relu = true},
       .residual = csa_shape3(7, 30, 128),
       .active = 1},
      {.ops = &csa_layer_batchnorm, .in = csa_shape3(2, 7, 70), .accumulate = true, .evaluates = true, .active = 1},
      {.ops = &csa_layer_batchnorm, .in = csa_shape4(9, 16, 16, 64), .config = {.relu = true}, .active = 4},
  };
  for (size_t i = 0; i < LENGTH(cases); i += step)
    if (test_takes(variant, i) && !test_skips(variant, csa_elements(cases[i].in))) test_layer_case(variant, cases[i]);
}

static void check_all(const test_variant *variant) { check(variant, 1); }
static void check_some(const test_variant *variant) { check(variant, 3); }

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++) check_all(&test_variants[v]); /* no products here, so these are all there is */
}

static void test_limits(void **state) {
  (void)state;
  test_small_limits(check_some);
}

/* A layer alone, in training. */
static csa_graph *graph_of(const test_variant *variant, csa_shape shape) {
  csa_graph *g;
  const csa_graph_config config = {
      .choices = variant->choices, .batch = (int)shape.dim[0], .training = true, .keep_all = true};
  assert_ok(csa_graph_create(&g, test_device(), config));
  csa_graph_add(g, &csa_layer_batchnorm, (csa_layer_config){0}, csa_graph_input(g, shape), NULL, "bn");
  assert_ok(csa_graph_record(g));
  assert_ok(csa_schedule_prepare(g));
  assert_ok(csa_graph_initialize(g, 1));
  return g;
}

static void forward(csa_graph *g, const double *x) {
  assert_ok(csa_tensor_write_doubles(test_device(), g->input, x));
  assert_ok(csa_schedule_state(g, &(csa_step_state){.active = g->config.batch, .training = 1}));
  assert_ok(csa_schedule_forward(g));
}

/* 102,400 values about 1000 that differ by 1: their squares leave no digit for the variance. */
static void test_large_mean(void **state) {
  (void)state;
  enum { ROWS = 102400, COLS = 16 };
  const csa_shape shape = csa_shape4(100, 32, 32, COLS);
  const csa_rng rng = {1, CSA_RNG_TEST, 0};
  double *x = test_zeros((int64_t)ROWS * COLS), *mean = test_zeros(COLS), *var = test_zeros(COLS), *got;
  for (int i = 0; i < ROWS * COLS; i++) mean[i % COLS] += x[i] = (double)(1000.0f + csa_rng_normal(&rng, (uint64_t)i));
  for (int c = 0; c < COLS; c++) mean[c] /= ROWS;
  for (int i = 0; i < ROWS * COLS; i++) var[i % COLS] += pow(x[i] - mean[i % COLS], 2) / ROWS;
  for (int v = 0; v < 2; v++) {
    if (test_skips(&test_variants[v], ROWS * COLS)) continue;
    csa_graph *g = graph_of(&test_variants[v], shape);
    forward(g, x);
    assert_ok(csa_tensor_read_doubles(test_device(), g->layers[0].saved[0], &got));
    for (int c = 0; c < COLS; c++) {
      assert_true(fabs(got[c] - mean[c]) < 1e-4);
      assert_true(fabs(got[COLS + c] * sqrt(var[c]) - 1.0) < 1e-4);
    }
    free(got);
    csa_graph_destroy(g);
  }
  free(x), free(mean), free(var);
}

/* What is not a number shows in the output and in what is seen of the statistics, of which the guard then lets nothing
 * into the running ones (tests/model/test_guard.c). */
static void test_not_finite(void **state) {
  (void)state;
  for (int v = 0; v < 2; v++) {
    if (test_skips(&test_variants[v], 64)) continue;
    csa_graph *g = graph_of(&test_variants[v], csa_shape2(4, 16));
    double x[64] = {1.0, 2.0, (double)NAN, (double)INFINITY}, *y, *mean, *var;
    forward(g, x);
    assert_ok(csa_tensor_read_doubles(test_device(), g->out, &y));
    assert_ok(csa_tensor_read_doubles(test_device(), g->layers[0].dparam[2], &mean));
    assert_ok(csa_tensor_read_doubles(test_device(), g->layers[0].dparam[3], &var));
    assert_true(isfinite(y[1]) && !isfinite(y[2]) && !isfinite(y[3]));
    assert_true(fabs(mean[1] - 0.5) < 1e-6 && fabs(var[1] - 1.0) < 1e-6); /* of 2, 0, 0 and 0 */
    for (int c = 2; c < 4; c++) assert_true(!isfinite(mean[c]) && !isfinite(var[c]));
    free(y), free(mean), free(var);
    csa_graph_destroy(g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_large_mean),
                                     cmocka_unit_test(test_not_finite), cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
