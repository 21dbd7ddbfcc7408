#include <math.h>

#include "layers/harness.h"
#include "reference/reference.h"

static const struct {
  int images, classes, active;
  double scale; /* of the logits: large ones overflow exp */
  float smoothing;
  int training;
} cases[] = {{1, 1, 1, 1.0, 0, 1},         {1, 2, 1, 1.0, 0, 1},
             {7, 10, 5, 1.0, 0, 1},        {100, 10, 100, 1.0, 0, 1},
             {100, 3, 1, 1.0, 0, 1},       {5, 1000, 4, 100.0, 0, 0},
             {71, 70, 71, 0.0, 0, 1},      /* all equal: the first */ {100, 10, 97, 3.0, 0.1f, 1},
             {5, 1000, 4, 100.0, 0.5f, 1}, {100, 10, 97, 3.0, 0.1f, 0} /* evaluation */};

static csa_graph *build(const test_variant *variant, int images, int classes, float smoothing) {
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(),
                             (csa_graph_config){.choices = variant->choices,
                                                .batch = images,
                                                .training = true,
                                                .keep_all = true,
                                                .input_gradient = true,
                                                .smoothing = smoothing}));
  csa_graph_loss(g, csa_graph_input(g, csa_shape2(images, classes)));
  assert_ok(csa_graph_record(g));
  assert_ok(csa_schedule_prepare(g));
  return g;
}

static void check(const test_variant *variant, size_t index) {
  const int images = cases[index].images, classes = cases[index].classes, active = cases[index].active;
  const float smoothing = cases[index].smoothing;
  const double scale = cases[index].scale;
  const int n = images * classes, slot = 3;
  if (test_skips(variant, n)) return;
  csa_graph *g = build(variant, images, classes, smoothing);
  double *logits = test_zeros(n), *want = test_zeros(n), *got = test_zeros(n);
  float *floats = calloc((size_t)n, sizeof *floats);
  int32_t *labels = calloc((size_t)images, sizeof *labels);
  assert_non_null(floats);
  assert_non_null(labels);
  for (int i = 0; i < n; i++) floats[i] = i / classes < active ? (float)(scale * sin(i * 12.9898)) : NAN;
  for (int i = 0; i < n; i++) logits[i] = (double)floats[i];
  for (int i = 0; i < images; i++) labels[i] = i * 7 % classes;
  assert_ok(csa_tensor_upload(test_device(), g->input, floats));
  assert_ok(csa_tensor_upload(test_device(), g->labels, labels));
  assert_ok(
      csa_schedule_state(g, &(csa_step_state){.active = active, .slot = slot, .training = cases[index].training}));
  assert_ok(csa_schedule_micro_step(g));
  const csa_ref_loss s = {images, classes, active, cases[index].training ? (double)smoothing : 0.0};
  int64_t correct = 0;
  const double mean = csa_ref_loss_forward(&s, logits, labels, &correct), one = 1.0;
  csa_ref_loss_backward(&s, logits, labels, want);
  float history[2];
  assert_ok(csa_tensor_download_part(test_device(), g->history, 2 * slot, 2, history));
  assert_ok(csa_tensor_download(test_device(), g->layers[0].saved[CSA_LOSS_GRADIENT], floats));
  for (int i = 0; i < n; i++) got[i] = (double)floats[i];
  const double ratio = mean > 0.0 ? (double)history[0] / active / mean : 1.0 + (double)history[0];
  assert_close("loss over its reference", &ratio, &one, 1, 2e-6);
  assert_int_equal((int64_t)history[1], correct);
  assert_close("gradient", got, want, n, 1e-6);
  free(logits), free(want), free(got), free(floats), free(labels);
  csa_graph_destroy(g);
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 2; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check(&test_variants[v], i);
}

/* Predictions are floats, which number classes up to 2^24. */
static void test_impossible(void **state) {
  (void)state;
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.batch = 2}));
  csa_graph_loss(g, csa_graph_input(g, csa_shape2(2, (1 << 24) + 1)));
  assert_fails(CSA_USAGE, "more classes than floats can number", csa_graph_record(g));
  csa_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_impossible)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
