#include "verify/golden_run.h"

#include <stdlib.h>
#include <string.h>

#include "model/weights.h"
#include "train/step.h"
#include "train/team.h"

/* A graph that is only recorded says whether the file's sizes can be. */
static csa_status check_sizes(const csa_golden *golden, csa_device *device, csa_choices choices) {
  csa_graph *graph = NULL;
  csa_status status = csa_graph_create(
      &graph, device, (csa_graph_config){.choices = choices, .batch = golden->batch, .training = true});
  if (status == CSA_OK && csa_architecture_build(&golden->architecture, graph) != CSA_OK)
    status = csa_fail_in(graph->status == CSA_USAGE ? CSA_INPUT : graph->status, "golden: %s", golden->path);
  csa_graph_destroy(graph);
  return status;
}

static csa_status check_way(const csa_golden *golden, int count, const csa_golden_way *way) {
  if (count > golden->batch)
    return csa_fail(CSA_USAGE, "--device: %d devices: more than the %d images of a batch of %s", count, golden->batch,
                    golden->path);
  if (way->shares != NULL && strlen(way->shares) >= CSA_SETTING_BYTES)
    return csa_fail(CSA_USAGE, "--shares: %.20s...: too long", way->shares);
  if (golden->architecture.batch_norm && (count > 1 || way->accumulate > 1))
    return csa_fail(CSA_USAGE,
                    "golden: %s: its model has batch norm, whose statistics are of each part of a batch alone: they "
                    "cannot be those of a whole one\n  give one device, and no --accumulate",
                    golden->path);
  return CSA_OK;
}

static void set_config(csa_trainer *t, const csa_golden *golden, const csa_golden_way *way) {
  csa_config *c = &t->config;
  csa_config_default(c);
  c->architecture = golden->architecture;
  c->batch = golden->batch;
  c->accumulate = way->accumulate;
  c->lr = (double)golden->lr;
  c->on_nan = CSA_NAN_SKIP;
  c->replicas[0].choices = way->choices;
  if (way->shares != NULL) snprintf(c->shares, sizeof c->shares, "%s", way->shares);
  t->lr = (csa_lr){.base = c->lr, .interval = 1};
  t->train_images = (int64_t)golden->steps * golden->batch;
}

static csa_status prepare(csa_golden_run *r, csa_replica *replica) {
  csa_graph *g = replica->graph;
  CSA_TRY(csa_schedule_bind(g));
  CSA_TRY(csa_feed_create_floats(&replica->train_feed, g, r->golden->images, r->golden->labels));
  return csa_weights_read(g, r->golden->file, "param.", g->parameters.values, NULL);
}

static csa_status read_logits(const csa_golden_run *r, int replica, const csa_turn *turn, float *logits) {
  const csa_graph *g = r->trainer->replicas[replica].graph;
  const int64_t classes = r->golden->architecture.classes;
  return csa_tensor_read_floats(g->device, g->out, 0, turn->images * classes, logits + turn->first * classes);
}

static csa_status keep_logits(void *user, int replica, const csa_turn *turn) {
  const csa_golden_run *r = user;
  return r->trainer->progress.step == 0 ? read_logits(r, replica, turn, r->logits) : CSA_OK;
}

csa_status csa_golden_run_create(csa_golden_run *r, const csa_golden *golden, csa_device *const *devices, int count,
                                 const csa_golden_way *way) {
  const size_t logits = (size_t)golden->batch * (size_t)golden->architecture.classes;
  *r = (csa_golden_run){.golden = golden};
  CSA_TRY(check_way(golden, count, way));
  CSA_TRY(check_sizes(golden, devices[0], way->choices));
  CSA_TRY(csa_new(&r->logits, logits, sizeof *r->logits));
  CSA_TRY(csa_new(&r->final_logits, logits, sizeof *r->final_logits));
  CSA_TRY(csa_new(&r->trainer, 1, sizeof *r->trainer));
  csa_trainer *t = r->trainer;
  set_config(t, golden, way);
  t->observer = (csa_observer){.user = r, .on_turn = keep_logits};
  CSA_TRY(csa_team_create(t, devices, count));
  for (int i = 0; i < count; i++) CSA_TRY(prepare(r, &t->replicas[i]));
  return csa_team_join(t);
}

void csa_golden_run_fini(csa_golden_run *r) {
  if (r->trainer != NULL) csa_team_fini(r->trainer);
  free(r->trainer);
  free(r->logits);
  free(r->final_logits);
  *r = (csa_golden_run){0};
}

csa_status csa_golden_run_step(csa_golden_run *r, float *loss) {
  csa_trainer *t = r->trainer;
  float votes[CSA_VOTES] = {0}, row[2];
  int updated;
  CSA_TRY(csa_step_gradients(t, votes));
  CSA_TRY(csa_step_update(t, &updated));
  CSA_TRY(csa_tensor_download_part(t->replicas[0].device, t->replicas[0].graph->history, 0, 2, row));
  *loss = row[0] / (float)r->golden->batch;
  t->progress.batch++;
  t->progress.step++;
  return CSA_OK;
}

static csa_status evaluate(csa_golden_run *r, int replica) {
  const csa_replica *by = &r->trainer->replicas[replica];
  for (int number = 0;; number++) {
    const csa_turn turn = csa_step_turn(r->trainer, replica, number);
    csa_step_state state = {0}; /* no training: running statistics */
    CSA_TRY(csa_feed_batch(by->train_feed, turn.at, turn.images, &state));
    CSA_TRY(csa_schedule_forward(by->graph));
    CSA_TRY(read_logits(r, replica, &turn, r->final_logits));
    if (turn.last) return CSA_OK;
  }
}

csa_status csa_golden_run_evaluate(csa_golden_run *r) {
  r->trainer->progress.batch = 0;
  for (int i = 0; i < r->trainer->replica_count; i++) CSA_TRY(evaluate(r, i));
  return CSA_OK;
}
