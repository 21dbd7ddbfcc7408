#include "verify/sample.h"

#include <stdlib.h>

#include "core/rng.h"

#define LEARNING_RATE 1e-3f

csa_status csa_sample_create(csa_sample *s, const csa_side *side, const csa_sample_config *c, bool keep_all) {
  const csa_graph_config config = {.choices = side->choices, .batch = c->batch, .training = true, .keep_all = keep_all};
  *s = (csa_sample){.config = c};
  CSA_TRY(csa_graph_create(&s->graph, side->device, config));
  CSA_TRY(csa_architecture_build(&c->architecture, s->graph));
  CSA_TRY(csa_optimizer_record(&s->optimizer, s->graph, (csa_optimizer_config){.kind = CSA_ADAM, .lr = LEARNING_RATE}));
  return csa_schedule_prepare(s->graph);
}

csa_status csa_sample_step(csa_sample *s, int number) {
  const csa_sample_config *c = s->config;
  csa_step_state state = {.active = c->batch, .seed = {(cl_uint)c->seed}};
  csa_optimizer_step(&s->optimizer, number, &state);
  CSA_TRY(csa_sample_batch(s->graph, c->architecture.classes, c->seed, number));
  CSA_TRY(csa_schedule_state(s->graph, &state));
  CSA_TRY(csa_schedule_micro_step(s->graph));
  return csa_schedule_update(s->graph);
}

csa_status csa_sample_batch(csa_graph *g, int classes, uint64_t seed, int step) {
  const csa_rng rng = {seed, CSA_RNG_TEST, (uint32_t)step};
  const int64_t count = csa_elements(g->input->shape), channels = csa_cols(g->input->shape);
  float *values = NULL;
  int32_t *labels = NULL;
  csa_status status;
  CSA_GO(csa_new(&values, (size_t)count, sizeof *values));
  CSA_GO(csa_new(&labels, (size_t)g->config.batch, sizeof *labels));
  for (int64_t i = 0; i < count; i++) {
    const double before = i >= channels ? (double)values[i - channels] : 0.0;
    values[i] = (float)(0.8 * before + 0.3 * (double)csa_rng_normal(&rng, (uint64_t)i));
  }
  for (int i = 0; i < g->config.batch; i++)
    labels[i] = (int32_t)(csa_rng_u32(&rng, (uint64_t)(count * 8 + i)) % (uint32_t)classes);
  CSA_GO(csa_tensor_write_floats(g->device, g->input, values));
  status = csa_tensor_upload(g->device, g->labels, labels);
done:
  free(values);
  free(labels);
  return status;
}
