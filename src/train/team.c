#include "train/team.h"

#include <stdlib.h>

#include "core/log.h"
#include "model/scaler.h"
#include "model/weights.h"
#include "train/ranks.h"

/* A new run of one process writes down who takes how much, so that one that goes on repeats it; of several, what each
 * was told, as there may be others then. */
static csa_status share_out(csa_trainer *t, csa_device *const *devices, int count) {
  csa_weights_of_all all;
  char text[CSA_SETTING_BYTES];
  CSA_TRY(csa_shares_gather(t->config.shares, devices, count, t->config.architecture.model, &all));
  t->first_share = all.first;
  const csa_status status = csa_shares_create(&t->shares, all.weights, all.count, t->config.batch);
  free(all.weights);
  CSA_TRY(status);
  if (all.count == 1) return CSA_OK;
  csa_log("shares of a batch of %d: %s%s", t->config.batch, csa_shares_text(&t->shares, 0, all.count, text),
          all.by_units ? ", by compute units; clsattn tune measures each device, --shares sets them" : "");
  if (csa_ranks_count() == 1) csa_shares_text(&t->shares, 0, count, t->config.shares);
  return CSA_OK;
}

static csa_status plan(csa_trainer *t, int index) {
  csa_replica *r = &t->replicas[index];
  csa_config_replica *own = &t->config.replicas[index];
  const int batch = csa_shares_turn(t->shares.images[t->first_share + index], t->config.accumulate);
  CSA_TRY(csa_replica_create(r, r->device, &t->config, own->choices, batch));
  own->choices = r->graph->plan->choices;
  own->device = csa_config_device_of(&r->device->info);
  return CSA_OK;
}

csa_status csa_team_create(csa_trainer *t, csa_device *const *devices, int count) {
  csa_choices asked = t->config.replicas[0].choices;
  asked.tuning = NULL;
  for (int i = t->config.replica_count; i < count; i++) t->config.replicas[i] = (csa_config_replica){.choices = asked};
  for (int i = 0; i < count; i++) t->replicas[i] = (csa_replica){.device = devices[i]};
  t->config.replica_count = t->replica_count = count;
  CSA_TRY(share_out(t, devices, count));
  for (int i = 0; i < count; i++) CSA_TRY(plan(t, i));
  return CSA_OK;
}

void csa_team_fini(csa_trainer *t) {
  csa_reducer_destroy(t->reducer);
  t->reducer = NULL;
  for (int i = 0; i < t->replica_count; i++) csa_replica_fini(&t->replicas[i]);
  t->replica_count = 0;
  csa_shares_fini(&t->shares);
}

csa_status csa_team_join(csa_trainer *t) {
  if (t->replica_count == 1 && csa_ranks_count() == 1) return CSA_OK;
  return csa_reducer_create(&t->reducer, t->replicas, t->replica_count);
}

/* A flat tensor of every replica becomes that of rank 0's first. */
static csa_status share_flat(csa_trainer *t, const csa_tensor *(*of)(const csa_replica *)) {
  const csa_tensor *first = of(&t->replicas[0]);
  float *values = NULL;
  if (first == NULL) return CSA_OK;
  CSA_TRY(csa_weights_download(t->replicas[0].graph, first, &values));
  csa_status status = csa_ranks_share(values, (size_t)csa_elements(first->shape) * sizeof *values);
  for (int i = 0; i < t->replica_count && status == CSA_OK; i++)
    status = csa_tensor_upload(t->replicas[i].device, of(&t->replicas[i]), values);
  free(values);
  return status;
}

static const csa_tensor *parameters_of(const csa_replica *r) { return r->graph->parameters.values; }
static const csa_tensor *first_of(const csa_replica *r) { return r->optimizer.first; }
static const csa_tensor *second_of(const csa_replica *r) { return r->optimizer.second; }
static const csa_tensor *mean_of(const csa_replica *r) { return r->optimizer.mean; }

csa_status csa_team_share(csa_trainer *t) {
  csa_scaler_state scaler;
  if (csa_ranks_count() == 1) return CSA_OK;
  CSA_TRY(csa_ranks_share(t->folder, sizeof t->folder));
  CSA_TRY(csa_ranks_share(&t->progress, sizeof t->progress));
  CSA_TRY(csa_ranks_share(&t->saved_step, sizeof t->saved_step));
  CSA_TRY(csa_ranks_share(&t->finished, sizeof t->finished));
  CSA_TRY(share_flat(t, parameters_of));
  CSA_TRY(share_flat(t, first_of));
  CSA_TRY(share_flat(t, second_of));
  CSA_TRY(share_flat(t, mean_of));
  CSA_TRY(csa_scaler_get(t->replicas[0].graph, &scaler));
  CSA_TRY(csa_ranks_share(&scaler, sizeof scaler));
  for (int i = 0; i < t->replica_count; i++) CSA_TRY(csa_scaler_set(t->replicas[i].graph, &scaler));
  return CSA_OK;
}
