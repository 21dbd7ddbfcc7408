/* What is not finite reaches no parameter, nor the optimizer's state: wherever it is, in every form of update. */
#include "model/guard.h"

#include <math.h>

#include "model/training.h"

enum { COUNT = TEST_COUNT_NORM };

typedef struct {
  test_training made;
  int64_t step;
  float state[4][COUNT]; /* parameters, moments and average */
} training;

static void begin(training *t, csa_choices choices, csa_optimizer_config config) {
  *t = (training){0};
  test_training_begin(&t->made, choices, config, true);
}

static void download(const training *t, float state[4][COUNT]) {
  const csa_optimizer *o = &t->made.optimizer;
  const csa_tensor *all[4] = {t->made.graph->parameters.values, o->first, o->second, o->mean};
  for (int i = 0; i < 4; i++)
    if (all[i] != NULL) assert_ok(csa_tensor_download(test_device(), all[i], state[i]));
}

/* The next step, whose gradients are 0.5 but for number `at`, and whose loss is `loss`. */
static void step(training *t, int at, float gradient, float loss) {
  test_training_step(&t->made, ++t->step, 0.5f, at, gradient, loss);
}

static csa_guard_state guard(const training *t) {
  csa_guard_state state;
  assert_ok(csa_guard_get(t->made.graph, &state));
  return state;
}

/* The state is that of `before`, to the bit; or it has moved. */
static void check_state(training *t, const training *before, bool moved) {
  download(t, t->state);
  const bool same = memcmp(t->state, before->state, sizeof t->state) == 0;
  if (same == moved) fail_msg("step %lld: the state %s", (long long)t->step, moved ? "is as it was" : "has changed");
}

static const float bad[] = {NAN, INFINITY, -INFINITY, 1e20f};

/* At the first, the last and some element between; then a good step. */
static void check_skip(csa_choices choices, csa_optimizer_kind kind) {
  static const int places[] = {0, 63, 4500, COUNT - 1};
  training t, before;
  begin(&t, choices, (csa_optimizer_config){.kind = kind, .lr = 0.25f, .clip_norm = 1.0f, .ema = 0.9f});
  step(&t, 1, 1.0f, 1.0f);
  download(&t, t.state);
  for (int i = 0; i < 4; i++) {
    memcpy(&before, &t, sizeof t);
    step(&t, places[i], bad[i], 1.0f);
    check_state(&t, &before, false);
    step(&t, 1, 1.0f, i % 2 == 0 ? INFINITY : NAN); /* good gradients, but a loss that is none */
    check_state(&t, &before, false);
    assert_true(guard(&t).wrong == 2 * (i + 1) && guard(&t).first == 2);
    step(&t, 1, 1.0f, 1.0f);
    check_state(&t, &before, true);
  }
  assert_ok(csa_schedule_reset(t.made.graph));
  assert_true(guard(&t).wrong == 0 && guard(&t).first == 0);
  csa_graph_destroy(t.made.graph);
}

static void test_skip(void **state) {
  (void)state;
  for (int v = 0; v < 2; v++) /* both families, in floats */
    for (int kind = CSA_ADAM; kind <= CSA_SGD; kind++) check_skip(test_variants[v].choices, (csa_optimizer_kind)kind);
}

/* From the first wrong step on nothing is updated: the host looks many steps later. */
static void test_stop(void **state) {
  (void)state;
  training t, before;
  begin(&t, test_variants[0].choices, (csa_optimizer_config){.kind = CSA_ADAM, .lr = 0.25f, .ema = 0.9f, .stop = true});
  step(&t, 1, 1.0f, 1.0f);
  step(&t, 1, 1.0f, 1.0f);
  download(&t, t.state);
  memcpy(&before, &t, sizeof t);
  step(&t, 7, NAN, 1.0f);
  for (int i = 0; i < 5; i++) step(&t, 1, 1.0f, 1.0f);
  check_state(&t, &before, false);
  assert_true(guard(&t).wrong == 6 && guard(&t).first == 3);
  csa_graph_destroy(t.made.graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_skip), cmocka_unit_test(test_stop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
