#include "train/replica.h"

#include "model/fit.h"
#include "selftest/selftest.h"

static csa_status advise_parts(csa_status status) {
  char why[1024];
  if (status != CSA_MEMORY) return status;
  snprintf(why, sizeof why, "%s", csa_last_error());
  return csa_fail(status, "%s\n  or take the batch in parts, which comes to the same: --accumulate N", why);
}

csa_status csa_replica_create(csa_replica *r, csa_device *device, const csa_config *c, csa_choices choices, int batch) {
  *r = (csa_replica){.device = device};
  return advise_parts(csa_fit(&r->graph, &r->optimizer, device, &c->architecture,
                              (csa_graph_config){.choices = choices,
                                                 .batch = batch,
                                                 .training = true,
                                                 .accumulate = c->accumulate > 1,
                                                 .smoothing = (float)c->label_smoothing,
                                                 .freeze = c->freeze},
                              (csa_optimizer_config){.kind = c->optimizer,
                                                     .lr = (float)c->lr,
                                                     .weight_decay = (float)c->weight_decay,
                                                     .decay = c->decay,
                                                     .clip_norm = (float)c->clip_norm,
                                                     .ema = (float)c->ema,
                                                     .stop = c->on_nan == CSA_NAN_STOP}));
}

void csa_replica_fini(csa_replica *r) {
  csa_feed_destroy(r->train_feed);
  csa_feed_destroy(r->test_feed);
  csa_plan_destroy(r->swap);
  csa_graph_destroy(r->graph);
  *r = (csa_replica){0};
}

static csa_status prepare_swap(csa_replica *r) {
  if (r->optimizer.mean == NULL) return CSA_OK;
  CSA_TRY(csa_plan_create(&r->swap, r->device, r->graph->plan->choices));
  CSA_TRY(csa_optimizer_record_swap(r->swap, &r->optimizer, r->graph));
  CSA_TRY(csa_plan_place(r->swap));
  return csa_plan_bind(r->swap);
}

/* The self-test is first, while the device is empty. */
static csa_status prepare_graph(csa_replica *r, const csa_config *c) {
  CSA_TRY(csa_selftest_once(r->graph, &r->optimizer.config, &c->augment));
  return csa_schedule_bind(r->graph);
}

csa_status csa_replica_prepare(csa_replica *r, const csa_config *c, const csa_dataset *d) {
  CSA_TRY(advise_parts(csa_fit_refused(prepare_graph(r, c), &r->graph, &r->optimizer, &c->architecture)));
  CSA_TRY(prepare_swap(r));
  CSA_TRY(csa_feed_create(&r->train_feed, r->graph, d, &d->train, &c->augment, 0));
  return d->test.count > 0 ? csa_feed_create(&r->test_feed, r->graph, d, &d->test, NULL, 0) : CSA_OK;
}

csa_status csa_replica_swap(csa_replica *r) {
  if (r->swap == NULL) return CSA_OK;
  CSA_TRY(csa_plan_run(r->swap, 0, r->swap->node_count));
  r->swapped = !r->swapped;
  return CSA_OK;
}

uint64_t csa_replica_bytes(const csa_replica *r) {
  return csa_plan_bytes(r->graph->plan) + csa_feed_bytes(r->train_feed) + csa_feed_bytes(r->test_feed);
}
