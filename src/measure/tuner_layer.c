/* Layers on trial: each contender has a graph of its own, with the layer alone in it. */
#include <string.h>

#include "measure/tuner_trial.h"

csa_status csa_contest_layer(csa_graph **out, csa_device *device, csa_choices choices, const csa_contest_spec *spec) {
  csa_graph *graph = NULL;
  csa_tensor *residual = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_graph_create(&graph, device,
                          (csa_graph_config){.choices = choices,
                                             .batch = (int)spec->in.dim[0],
                                             .training = true,
                                             .keep_all = true,
                                             .input_gradient = true}));
  csa_tensor *in = csa_graph_input(graph, spec->in);
  if (spec->residual.rank > 0)
    CSA_GO(
        csa_plan_tensor(graph->plan, CSA_DATA, csa_plan_storage(graph->plan), spec->residual, &residual, "residual"));
  csa_graph_add(graph, spec->ops, spec->config, in, residual, "layer");
  CSA_GO(csa_graph_record(graph));
  *out = graph;
  graph = NULL;
done:
  csa_graph_destroy(graph);
  return status;
}

/* All launches of the kernel: "cpu/attention_forward" is the CPU family's attention_forward. */
static void find_launches(const csa_subject *s, csa_contender *c) {
  const char *name = strncmp(s->kernel, "cpu/", 4) == 0 ? s->kernel + 4 : s->kernel;
  for (size_t i = 0; i < c->plan->node_count && c->parts < CSA_TRIAL_PARTS; i++) {
    if (strcmp(c->plan->nodes[i].kernel.name, name) != 0) continue;
    c->first[c->parts] = i;
    c->end[c->parts++] = i + 1;
  }
}

static void find_results(csa_contender *c) {
  const csa_layer *l = &c->graph->layers[0];
  c->results[c->result_count++] = l->out;
  if (l->din != NULL) c->results[c->result_count++] = l->din;
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++)
    if (l->dparam[slot] != NULL) c->results[c->result_count++] = l->dparam[slot];
}

csa_status csa_contest_build_layer(const csa_subject *s, csa_contender *c) {
  csa_tuning *tuning = NULL;
  csa_choices choices = s->choices;
  csa_tuning_entry entry = c->entry;
  csa_status status;
  CSA_GO(csa_tuning_create(&tuning, NULL));
  tuning->trial = true;
  choices.tuning = tuning;
  memcpy(entry.kernel, s->kernel, sizeof entry.kernel);
  memcpy(entry.shape, s->shape, sizeof entry.shape);
  CSA_GO(csa_tuning_put(tuning, &entry));
  CSA_GO(csa_contest_layer(&c->graph, s->device, choices, &s->layer));
  c->plan = c->graph->plan;
  CSA_GO(csa_plan_place(c->plan));
  find_launches(s, c);
  find_results(c);
  const csa_tuning_entry *left = csa_tuning_find(c->plan->tuning, s->kernel, s->shape);
  if (entry.count > 0 && (left == NULL || left->count != entry.count))
    snprintf(c->fault, sizeof c->fault, "the device cannot");
done:
  csa_tuning_destroy(tuning);
  return status;
}

csa_status csa_contest_load_layer(const csa_contender *c) {
  const csa_graph *g = c->graph;
  const csa_tensor *given[] = {g->input, g->out_gradient, g->layers[0].in[1]}; /* the last, a residual, may be none */
  CSA_TRY(csa_graph_initialize(c->graph, 0));
  for (uint32_t i = 0; i < 3 && given[i] != NULL; i++)
    CSA_TRY(csa_contest_draw(g->device, given[i], (csa_rng){19, CSA_RNG_TEST, i + 1}, NULL));
  return CSA_OK;
}
