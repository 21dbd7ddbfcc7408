#include "model/training.h"

#define SLOT 5

void test_training_begin(test_training *t, csa_choices choices, csa_optimizer_config config, bool norm) {
  assert_ok(
      csa_graph_create(&t->graph, test_device(), (csa_graph_config){.choices = choices, .batch = 2, .training = true}));
  csa_tensor *x = csa_graph_input(t->graph, csa_shape2(2, TEST_INPUTS));
  x = csa_graph_add(t->graph, &csa_layer_linear, (csa_layer_config){.out = 3}, x, NULL, "fc");
  if (norm) x = csa_graph_add(t->graph, &csa_layer_batchnorm, (csa_layer_config){0}, x, NULL, "bn");
  csa_graph_loss(t->graph, x);
  assert_ok(csa_graph_record(t->graph));
  assert_ok(csa_optimizer_record(&t->optimizer, t->graph, config));
  assert_ok(csa_schedule_prepare(t->graph));
  assert_int_equal(csa_elements(t->graph->parameters.values->shape), norm ? TEST_COUNT_NORM : TEST_COUNT);
}

void test_training_step(test_training *t, int64_t step, float size, int at, float odd_one, float loss) {
  const csa_tensor *all = t->graph->parameters.gradients;
  csa_step_state state = {.active = 2, .slot = SLOT};
  float gradients[TEST_COUNT_NORM];
  csa_optimizer_step(&t->optimizer, step, &state);
  assert_ok(csa_schedule_state(t->graph, &state));
  assert_ok(csa_schedule_micro_step(t->graph));
  for (int i = 0; i < csa_elements(all->shape); i++) gradients[i] = size;
  gradients[at] = odd_one;
  assert_ok(csa_tensor_upload(test_device(), all, gradients));
  assert_ok(csa_tensor_upload_part(test_device(), t->graph->history, 2 * SLOT, 1, &loss));
  assert_ok(csa_schedule_update(t->graph));
}
