/* Optimizers against the reference over several steps, through the same lists as training uses. */
#include "model/optimizer.h"

#include <math.h>

#include "core/rng.h"
#include "layers/harness.h"
#include "reference/reference.h"

#define STEPS 6

static const csa_optimizer_config configs[] = {
    {.kind = CSA_ADAM, .lr = 1e-3f},
    {.kind = CSA_ADAM, .lr = 0.5f, .weight_decay = 0.1f},
    {.kind = CSA_ADAMW, .lr = 1e-3f},
    {.kind = CSA_ADAMW, .lr = 0.5f, .weight_decay = 0.25f},
    {.kind = CSA_SGD, .lr = 0.125f},
    {.kind = CSA_SGD, .lr = 0.5f, .weight_decay = 0.0625f},
    {.kind = CSA_ADAMW, .lr = 0.5f, .weight_decay = 0.25f, .decay = CSA_DECAY_WEIGHTS},
    {.kind = CSA_SGD, .lr = 0.5f, .weight_decay = 0.25f, .decay = CSA_DECAY_WEIGHTS, .clip_norm = 0.75f},
    {.kind = CSA_SGD, .lr = 0.5f, .clip_norm = 1e6f}, /* nothing to clip */
    {.kind = CSA_ADAM, .lr = 0.5f, .clip_norm = 0.125f, .ema = 0.25f},
    {.kind = CSA_SGD, .lr = 0.125f, .ema = 0.9f},
};

/* A model with a few parameters, ready to be updated. */
static csa_graph *make_graph(const test_variant *variant, csa_optimizer_config config, csa_optimizer *optimizer) {
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(),
                             (csa_graph_config){.choices = variant->choices, .batch = 2, .training = true}));
  csa_tensor *x = csa_graph_input(g, csa_shape2(2, 7));
  csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = 43}, x, NULL, "fc");
  assert_ok(csa_graph_record(g));
  assert_ok(csa_optimizer_record(optimizer, g, config));
  assert_ok(csa_schedule_prepare(g));
  return g;
}

/* Gradients of very different sizes, down to where epsilon counts; some are 0. */
static double gradient(int64_t i, uint32_t step) {
  const csa_rng rng = {11, CSA_RNG_TEST, step};
  if (i % 11 == 10) return 0.0;
  return (double)(float)(pow(10.0, (double)-(i % 10)) * (double)csa_rng_normal(&rng, (uint64_t)i));
}

static void upload(const csa_tensor *tensor, const double *values, int64_t count) {
  float *floats = malloc((size_t)count * sizeof *floats);
  assert_non_null(floats);
  for (int64_t i = 0; i < count; i++) floats[i] = (float)values[i];
  assert_ok(csa_tensor_upload(test_device(), tensor, floats));
  free(floats);
}

/* Compares a tensor with `want`, both times `scale`. */
static void compare(const char *what, const csa_tensor *tensor, const double *want, int64_t count, double scale,
                    double tolerance) {
  float *floats = malloc((size_t)count * sizeof *floats);
  double *got = test_zeros(count), *scaled = test_zeros(count);
  assert_non_null(floats);
  assert_ok(csa_tensor_download(test_device(), tensor, floats));
  for (int64_t i = 0; i < count; i++) {
    got[i] = scale * (double)floats[i];
    scaled[i] = scale * want[i];
  }
  assert_close(what, got, scaled, count, tolerance);
  free(floats), free(got), free(scaled);
}

static void check(const test_variant *variant, csa_optimizer_config config) {
  const csa_ref_optimizer reference = {.kind = (csa_ref_optimizer_kind)config.kind,
                                       .lr = (double)config.lr,
                                       .weight_decay = (double)config.weight_decay,
                                       .beta1 = 0.9,
                                       .beta2 = 0.999,
                                       .epsilon = 1e-8,
                                       .momentum = 0.9};
  const csa_rng rng = {13, CSA_RNG_TEST, 0};
  csa_ref_optimizer rest = reference; /* of the parameters, the bias */
  csa_optimizer optimizer;
  if (config.decay == CSA_DECAY_WEIGHTS) rest.weight_decay = 0.0;
  if (test_skips(variant, 2 * 7 * 43)) return;
  csa_graph *g = make_graph(variant, config, &optimizer);
  const int64_t count = csa_elements(g->parameters.values->shape);
  const int64_t bias = g->parameters.list[1].value->start;
  double *w = test_zeros(count), *dw = test_zeros(count), *first = test_zeros(count), *second = test_zeros(count),
         *mean = test_zeros(count);
  for (int64_t i = 0; i < count; i++) w[i] = (double)csa_rng_normal(&rng, (uint64_t)i);
  upload(g->parameters.values, w, count);
  for (uint32_t step = 1; step <= STEPS; step++) {
    csa_step_state state = {.active = 2};
    for (int64_t i = 0; i < count; i++) dw[i] = gradient(i, step);
    upload(g->parameters.gradients, dw, count);
    csa_optimizer_step(&optimizer, step, &state);
    assert_ok(csa_schedule_state(g, &state));
    assert_ok(csa_schedule_update(g));
    if (config.clip_norm > 0.0f) csa_ref_clip((double)config.clip_norm, count, dw);
    csa_ref_optimizer_step(&reference, step, bias, dw, w, first, second);
    csa_ref_optimizer_step(&rest, step, count - bias, dw + bias, w + bias, first + bias, second + bias);
    csa_ref_ema((double)config.ema, step, count, w, mean);
    compare("parameters", g->parameters.values, w, count, 1.0, 3e-6);
  }
  if (config.ema > 0.0f)
    compare("moving average", optimizer.mean, mean, count, 1.0, 3e-6);
  else
    assert_null(optimizer.mean);
  compare("first moment", optimizer.first, first, count, 1.0, 1e-6);
  if (config.kind == CSA_SGD)
    assert_null(optimizer.second);
  else
    compare("second moment", optimizer.second, second, count, 1e3, 2e-5); /* 1 - 0.999f is not quite 0.001 */
  free(w), free(dw), free(first), free(second), free(mean);
  csa_graph_destroy(g);
}

static void test_steps(void **state) {
  (void)state;
  for (int v = 0; v < 2; v++)
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
      print_message("%s: %s, lr %g, decay %g\n", test_variants[v].name, csa_optimizer_names[configs[i].kind],
                    (double)configs[i].lr, (double)configs[i].weight_decay);
      check(&test_variants[v], configs[i]);
    }
}

/* A fixed parameter stays, whatever its gradient, and its gradient is no part of the norm. */
static void test_fixed(void **state) {
  (void)state;
  const csa_optimizer_config config = {.kind = CSA_SGD, .lr = 1.0f, .weight_decay = 0.5f, .clip_norm = 1.0f};
  csa_optimizer optimizer;
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.batch = 2, .training = true}));
  csa_tensor *x = csa_graph_input(g, csa_shape2(2, 7));
  csa_graph_add(g, &csa_layer_linear, (csa_layer_config){.out = 4}, x, NULL, "fc");
  assert_ok(csa_graph_record(g));
  g->parameters.list[0].fixed = true;
  assert_ok(csa_optimizer_record(&optimizer, g, config));
  assert_ok(csa_schedule_prepare(g));
  const int64_t count = csa_elements(g->parameters.values->shape), bias = g->parameters.list[1].value->start;
  double *w = test_zeros(count), *dw = test_zeros(count);
  for (int64_t i = 0; i < count; i++) dw[i] = i < bias ? 1e6 : i < bias + 4 ? 4.0 : 0.0; /* the bias's norm is 8 */
  for (int64_t i = 0; i < count; i++) w[i] = i < bias + 4 ? 2.0 : 0.0;
  upload(g->parameters.values, w, count);
  upload(g->parameters.gradients, dw, count);
  csa_step_state s = {.active = 2};
  csa_optimizer_step(&optimizer, 1, &s);
  assert_ok(csa_schedule_state(g, &s));
  assert_ok(csa_schedule_update(g));
  for (int64_t i = bias; i < bias + 4; i++) w[i] = 2.0 - (4.0 / 8.0 + 0.5 * 2.0);
  compare("parameters", g->parameters.values, w, count, 1.0, 1e-6);
  free(w), free(dw);
  csa_graph_destroy(g);
}

/* Far on, corrections are nearly 1, and must not be lost to rounding at the beginning. */
static void test_corrections(void **state) {
  (void)state;
  const csa_optimizer optimizer = {.config = {.kind = CSA_ADAM, .lr = 0.25f}};
  static const int64_t steps[] = {1, 2, 100, 3000, 1000000000000};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    csa_step_state s = {.active = 3, .offset = 4, .slot = 5};
    csa_optimizer_step(&optimizer, steps[i], &s);
    assert_true(s.lr == 0.25f);
    assert_true(s.active == 3 && s.offset == 4 && s.slot == 5); /* not its business */
    const double one = 1 - pow(0.9, (double)steps[i]), two = sqrt(1 - pow(0.999, (double)steps[i]));
    assert_true(fabs((double)s.correction1 - one) < 1e-6 * one);
    assert_true(fabs((double)s.correction2 - two) < 1e-5 * two);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_fixed),
                                     cmocka_unit_test(test_corrections)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
