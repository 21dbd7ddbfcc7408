#include "train/failover.h"

#include <string.h>

#include "core/log.h"
#include "train/checkpoint.h"
#include "train/losses.h"
#include "train/team.h"

/* Keeps who still answers, in the same order; `lost` names the others. */
static void leave_out(csa_trainer *t, char lost[128]) {
  int kept = 0;
  size_t used = 0;
  lost[0] = '\0';
  csa_reducer_destroy(t->reducer); /* it is between all of them */
  t->reducer = NULL;
  for (int i = 0; i < t->replica_count; i++) {
    csa_replica *r = &t->replicas[i];
    if (csa_device_answers(r->device)) {
      t->config.replicas[kept] = t->config.replicas[i];
      t->replicas[kept++] = *r;
      continue;
    }
    if (used < 128)
      used += (size_t)snprintf(lost + used, 128 - used, "%s%s", used > 0 ? ", " : "", r->device->info.name);
    csa_replica_fini(r);
  }
  t->replica_count = kept;
}

/* What the last update left, on the first of them. */
static csa_status save(csa_trainer *t) {
  for (int i = 0; i < t->replica_count; i++)
    if (t->replicas[i].swapped) CSA_TRY(csa_replica_swap(&t->replicas[i]));
  CSA_TRY(csa_losses_fetch(t));
  CSA_TRY(csa_metrics_flush(t->metrics, &t->progress.metrics_bytes));
  return csa_checkpoint_save(t);
}

/* The kernels stay those that were chosen, with their parameters. */
static csa_status make_anew(csa_trainer *t) {
  csa_device *devices[CSA_REPLICAS_MAX];
  const int count = t->replica_count;
  bool found;
  for (int i = 0; i < count; i++) {
    devices[i] = t->replicas[i].device;
    t->config.replicas[i].choices.tuning = t->config.replicas[i].tuning;
  }
  csa_team_fini(t);
  t->config.shares[0] = '\0';
  t->pending = t->wrong = 0;
  CSA_TRY(csa_team_create(t, devices, count));
  CSA_TRY(csa_trainer_prepare(t));
  CSA_TRY(csa_checkpoint_load(t, &found));
  return csa_trainer_save_config(t);
}

/* The state is saved once: a team in the making has none yet. */
static csa_status go_on(csa_trainer *t) {
  csa_status status = CSA_DEVICE;
  bool saved = false;
  while (status == CSA_DEVICE) {
    char why[1024], lost[128];
    const int before = t->replica_count;
    snprintf(why, sizeof why, "%s", csa_last_error());
    leave_out(t, lost);
    if (t->replica_count == 0 || t->replica_count == before) return csa_fail(CSA_DEVICE, "%s", why);
    csa_log("%s failed after step %lld: %s", lost, (long long)t->progress.step, why);
    status = saved ? CSA_OK : save(t);
    saved = saved || status == CSA_OK;
    if (status == CSA_OK) status = make_anew(t);
  }
  return status;
}

/* The parameters of kernels are the plans', which go: copies of them last until new plans have their own. */
csa_status csa_failover(csa_trainer *t) {
  csa_tuning *tunings[CSA_REPLICAS_MAX] = {NULL};
  const int count = t->replica_count;
  csa_status status = CSA_DEVICE;
  if (count == 1) return status;
  for (int i = 0; i < count; i++) {
    CSA_GO(csa_tuning_create(&tunings[i], t->replicas[i].graph->plan->tuning));
    t->config.replicas[i].tuning = tunings[i];
  }
  CSA_GO(go_on(t));
  csa_log("going on without it, from that step");
done:
  for (int i = 0; i < count; i++) csa_tuning_destroy(tunings[i]);
  for (int i = 0; i < t->config.replica_count; i++) t->config.replicas[i].tuning = NULL;
  return status;
}
