#include <math.h>

#include "layers/harness.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void check_all(const test_variant *variant) {
  const csa_trial_case cases[] = {
      {.ops = &csa_layer_dropout, .config = {.rate = 0.5f}, .in = csa_shape2(1, 1)},
      {.ops = &csa_layer_dropout, .config = {.rate = 0.1f}, .in = csa_shape3(3, 5, 7)},
      {.ops = &csa_layer_dropout,
       .config = {.rate = 0.9f},
       .in = csa_shape4(2, 3, 5, 11),
       .residual = csa_shape4(2, 3, 5, 11)},
      {.ops = &csa_layer_dropout, .config = {.rate = 0.0f}, .in = csa_shape2(5, 3)},
      {.ops = &csa_layer_dropout, .config = {.rate = 0.4f}, .in = csa_shape2(5, 999)},
      {.ops = &csa_layer_dropout,
       .config = {.rate = 0.5f},
       .in = csa_shape2(5, 3),
       .residual = csa_shape2(5, 3),
       .evaluates = true},
  };
  for (size_t i = 0; i < LENGTH(cases); i++)
    if (!test_skips(variant, csa_elements(cases[i].in))) test_layer_case(variant, cases[i]);
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 4; v++) check_all(&test_variants[v]); /* no products here, so these are all there is */
}

/* Two layers, one after the other, over ones: how many ones both leave, and the first. */
enum { COUNT = 40000 };
static void kept_of(const test_variant *variant, float rate, const csa_step_state *state, double kept[2]) {
  csa_graph *g;
  const csa_graph_config config = {.choices = variant->choices, .batch = 100, .training = true, .keep_all = true};
  double *ones = test_zeros(COUNT), *y;
  for (int i = 0; i < COUNT; i++) ones[i] = 1.0;
  assert_ok(csa_graph_create(&g, test_device(), config));
  csa_tensor *x = csa_graph_input(g, csa_shape2(100, COUNT / 100));
  for (int i = 0; i < 2; i++) x = csa_graph_add(g, &csa_layer_dropout, (csa_layer_config){.rate = rate}, x, NULL, "d");
  assert_ok(csa_graph_record(g));
  assert_ok(csa_schedule_prepare(g));
  assert_ok(csa_tensor_write_doubles(test_device(), g->input, ones));
  assert_ok(csa_schedule_state(g, state));
  assert_ok(csa_schedule_forward(g));
  for (int i = 0; i < 2; i++) {
    assert_ok(csa_tensor_read_doubles(test_device(), g->layers[i].out, &y));
    kept[i] = 0.0;
    for (int k = 0; k < COUNT; k++) kept[i] += y[k] != 0.0;
    free(y);
  }
  csa_graph_destroy(g);
  free(ones);
}

/* As many are kept as should be, within five standard deviations, and one layer's choice says nothing of another's. */
static void test_share(void **unused) {
  (void)unused;
  static const float rates[] = {0.1f, 0.75f};
  for (int v = 0; v < 2; v++)
    for (size_t i = 0; i < LENGTH(rates) && !test_skips(&test_variants[v], COUNT); i++) {
      const csa_step_state state = {.active = 100, .training = 1, .seed = {3, 4}, .step = 5};
      double kept[2], share = 1.0;
      kept_of(&test_variants[v], rates[i], &state, kept);
      for (int layer = 0; layer < 2; layer++) {
        share *= 1.0 - (double)rates[i];
        assert_true(fabs(kept[layer] - share * COUNT) < 5.0 * sqrt(share * (1.0 - share) * COUNT));
      }
    }
}

/* An image takes whole runs of numbers, however few elements it has: more than can be counted are refused. */
static void test_impossible(void **state) {
  (void)state;
  const int images = (1 << 27) + 1;
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.batch = images}));
  csa_tensor *x = csa_graph_input(g, csa_shape2(images, 1));
  assert_null(csa_graph_add(g, &csa_layer_dropout, (csa_layer_config){.rate = 0.5f}, x, NULL, "d"));
  assert_fails(CSA_USAGE, "dropout 'd': so many images of so few elements", csa_graph_record(g));
  csa_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_share),
                                     cmocka_unit_test(test_impossible)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
