/* Dynamic loss scaling: what a step does with gradients that are finite and with some that are not, and that Adam does
 * not notice. */
#include "model/scaler.h"

#include <math.h>

#include "model/training.h"
#include "model/weights.h"

enum { INPUTS = TEST_INPUTS, ODD_ONE = 4500, COUNT = TEST_COUNT };

typedef struct {
  test_training made;
  float values[COUNT];
} training;

static const test_variant *halves(int family) { return &test_variants[2 + family]; }

static void begin(training *t, csa_choices choices) {
  test_training_begin(&t->made, choices, (csa_optimizer_config){.kind = CSA_ADAM, .lr = 0.25f}, false);
}

static const float *values(training *t) {
  assert_ok(csa_tensor_download(test_device(), t->made.graph->parameters.values, t->values));
  return t->values;
}

static csa_scaler_state scaler(const training *t) {
  csa_scaler_state s;
  assert_ok(csa_scaler_get(t->made.graph, &s));
  return s;
}

static void update(training *t, int64_t step, float size, float odd_one) {
  test_training_step(&t->made, step, size, ODD_ONE, odd_one, 1.0f);
}

static void test_bad_step(void **state) {
  (void)state;
  static const float bad[] = {INFINITY, -INFINITY, NAN};
  for (int family = 0; family < 2; family++)
    for (int i = 0; i < 3; i++) {
      training t;
      begin(&t, halves(family)->choices);
      const csa_scaler_state before = scaler(&t);
      assert_true(before.scale == 65536.0f && before.good == 0);
      update(&t, 1, 65536.0f, bad[i]);
      const float *of = values(&t);
      for (int p = 0; p < COUNT; p++) assert_true(of[p] == 0.0f); /* as they were */
      assert_true(scaler(&t).scale == 32768.0f && scaler(&t).good == 0 && scaler(&t).correction1 == 0.0f);
      /* the next step is Adam's first: of length lr, whatever the scale */
      update(&t, 2, 32768.0f, 2 * 32768.0f);
      of = values(&t);
      for (int p = 0; p < COUNT; p++) assert_true(fabsf(of[p] + 0.25f) < 1e-5f);
      assert_true(scaler(&t).good == 1);
      csa_graph_destroy(t.made.graph);
    }
}

/* Updates are those of floats, where every step counts. */
static void test_corrections(void **state) {
  (void)state;
  training of_floats, of_halves;
  begin(&of_floats, test_variants[0].choices);
  begin(&of_halves, halves(0)->choices);
  for (int step = 1; step <= 50; step++) {
    const float size = sinf((float)step);
    update(&of_floats, step, size, 1e-3f);
    update(&of_halves, 2 * step - 1, 65536.0f * size, INFINITY); /* no update, but the scale is halved */
    assert_true(scaler(&of_halves).scale == 32768.0f);
    update(&of_halves, 2 * step, 32768.0f * size, 32.768f);
    assert_ok(csa_scaler_set(of_halves.made.graph, &(csa_scaler_state){65536.0f, 0, scaler(&of_halves).correction1,
                                                                       scaler(&of_halves).correction2}));
    const float *one = values(&of_floats), *other = values(&of_halves);
    for (int p = 0; p < COUNT; p++) assert_true(fabsf(one[p] - other[p]) < 2e-6f * (float)step);
  }
  csa_graph_destroy(of_floats.made.graph);
  csa_graph_destroy(of_halves.made.graph);
}

static void test_growth(void **state) {
  (void)state;
  training t;
  begin(&t, halves(0)->choices);
  assert_ok(csa_scaler_set(t.made.graph, &(csa_scaler_state){256.0f, 1998, 0.5f, 0.25f}));
  update(&t, 1, 1.0f, 1.0f);
  assert_true(scaler(&t).scale == 256.0f && scaler(&t).good == 1999);
  update(&t, 2, 1.0f, 1.0f);
  assert_true(scaler(&t).scale == 512.0f && scaler(&t).good == 0);
  assert_ok(
      csa_scaler_set(t.made.graph, &(csa_scaler_state){16777216.0f, 1999, 0.5f, 0.25f})); /* as large as it gets */
  update(&t, 3, 1.0f, 1.0f);
  assert_true(scaler(&t).scale == 16777216.0f);
  csa_graph_destroy(t.made.graph);
}

/* The scale is in every gradient, and taken out where the host reads them. */
static void test_gradients(void **state) {
  (void)state;
  float *got[2], scale;
  for (int v = 0; v < 2; v++) {
    float x[2 * INPUTS];
    for (int i = 0; i < 2 * INPUTS; i++) x[i] = 0.25f * (float)(i * 7 % 11 - 5);
    const int32_t labels[2] = {2, 0};
    training t;
    begin(&t, v == 0 ? test_variants[0].choices : halves(0)->choices);
    assert_ok(csa_tensor_write_floats(test_device(), t.made.graph->input, x));
    assert_ok(csa_tensor_upload(test_device(), t.made.graph->labels, labels));
    assert_ok(csa_schedule_state(t.made.graph, &(csa_step_state){.active = 2}));
    assert_ok(csa_schedule_micro_step(t.made.graph));
    assert_ok(csa_schedule_scale(t.made.graph, &scale));
    assert_true(scale == (v == 0 ? 1.0f : 65536.0f));
    assert_ok(csa_weights_download(t.made.graph, t.made.graph->parameters.gradients, &got[v]));
    csa_graph_destroy(t.made.graph);
  }
  assert_true(got[0][0] != 0.0f);
  for (int p = 0; p < COUNT; p++) assert_true(fabsf(got[0][p] - got[1][p]) < 1e-3f);
  free(got[0]), free(got[1]);
}

/* The norm that is bounded is that of the gradients without the scale. */
static void test_clip(void **state) {
  (void)state;
  for (int family = 0; family < 2; family++) {
    training t;
    const csa_optimizer_config config = {.kind = CSA_SGD, .lr = 1.0f, .clip_norm = 0.5f};
    test_training_begin(&t.made, halves(family)->choices, config, false);
    update(&t, 1, 65536.0f, 65536.0f); /* all 1 */
    const float *of = values(&t), want = -0.5f / sqrtf(COUNT);
    for (int p = 0; p < COUNT; p++) assert_true(fabsf(of[p] - want) < 1e-6f);
    csa_graph_destroy(t.made.graph);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bad_step), cmocka_unit_test(test_corrections),
                                     cmocka_unit_test(test_growth), cmocka_unit_test(test_gradients),
                                     cmocka_unit_test(test_clip)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
