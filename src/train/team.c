#include "train/team.h"

#include "core/log.h"

/* A new run writes down who takes how much, so that one that goes on repeats it. */
static csa_status share_out(csa_trainer *t, csa_device *const *devices, int count) {
  double weights[CSA_REPLICAS_MAX];
  bool measured;
  CSA_TRY(csa_shares_weights(t->config.shares, devices, count, t->config.architecture.model, weights, &measured));
  CSA_TRY(csa_shares_create(&t->shares, weights, count, t->config.batch));
  if (count == 1) return CSA_OK;
  csa_shares_text(&t->shares, t->first_share, count, t->config.shares);
  csa_log("shares of a batch of %d: %s%s", t->config.batch, t->config.shares,
          measured ? "" : ", by compute units; clsattn tune measures each device, --shares sets them");
  return CSA_OK;
}

static csa_choices *choices_of(csa_trainer *t, int index) {
  return index == 0 ? &t->config.choices : &t->config.further[index - 1].choices;
}

static csa_status add(csa_trainer *t, csa_device *device, int index) {
  csa_replica *r = &t->replicas[index];
  csa_choices *choices = choices_of(t, index);
  const int batch = csa_shares_turn(t->shares.images[t->first_share + index], t->config.accumulate);
  t->replica_count = index + 1;
  CSA_TRY(csa_replica_create(r, device, &t->config, *choices, batch));
  *choices = r->graph->plan->choices;
  if (index > 0) t->config.further[index - 1].device = csa_config_device_of(&device->info);
  return CSA_OK;
}

csa_status csa_team_create(csa_trainer *t, csa_device *const *devices, int count) {
  for (int i = 1 + t->config.further_count; i < count; i++) /* as asked for, for all */
    t->config.further[i - 1] =
        (csa_config_replica){.choices = {t->config.choices.kernels, t->config.choices.gemm, t->config.choices.conv,
                                         t->config.choices.precision, NULL}};
  t->config.further_count = count - 1;
  CSA_TRY(share_out(t, devices, count));
  for (int i = 0; i < count; i++) CSA_TRY(add(t, devices[i], i));
  return CSA_OK;
}

void csa_team_fini(csa_trainer *t) {
  csa_reducer_destroy(t->reducer);
  t->reducer = NULL;
  for (int i = 0; i < t->replica_count; i++) csa_replica_fini(&t->replicas[i]);
  t->replica_count = 0;
  csa_shares_fini(&t->shares);
}

csa_status csa_team_prepare(csa_trainer *t) {
  for (int i = 0; i < t->replica_count; i++)
    CSA_TRY(csa_replica_prepare(&t->replicas[i], &t->config, t->dataset, &t->train, &t->validation));
  return csa_team_join(t);
}

csa_status csa_team_join(csa_trainer *t) {
  return t->replica_count > 1 ? csa_reducer_create(&t->reducer, t->replicas, t->replica_count) : CSA_OK;
}
