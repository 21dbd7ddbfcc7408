#include "train/failover.h"

#include <string.h>

#include "core/log.h"
#include "train/checkpoint.h"
#include "train/losses.h"
#include "train/team.h"

/* Who still answers, to the front, in the same order; the lost ones behind them. */
static int sort_out(csa_trainer *t, char lost[128]) {
  csa_replica gone[CSA_REPLICAS_MAX] = {{0}};
  int kept = 0, gone_count = 0;
  lost[0] = '\0';
  for (int i = 0; i < t->replica_count; i++) {
    const csa_replica r = t->replicas[i];
    if (!csa_replica_answers(&r)) {
      const size_t used = strlen(lost);
      snprintf(lost + used, 128 - used, "%s%s", used > 0 ? ", " : "", r.device->info.name);
      gone[gone_count++] = r;
      continue;
    }
    t->config.replicas[kept] = t->config.replicas[i];
    t->replicas[kept++] = r;
  }
  memcpy(t->replicas + kept, gone, (size_t)gone_count * sizeof *gone);
  return kept;
}

/* What the last update left, on the first of them. */
static csa_status save(csa_trainer *t, int count) {
  for (int i = 0; i < count; i++)
    if (t->replicas[i].swapped) CSA_TRY(csa_replica_swap(&t->replicas[i]));
  CSA_TRY(csa_losses_fetch(t));
  CSA_TRY(csa_metrics_flush(t->metrics, &t->progress.metrics_bytes));
  return csa_checkpoint_save(t);
}

/* The kernels stay those that were chosen; what their parameters are is the plans', which go. */
static csa_status make_team(csa_trainer *t, int count) {
  csa_device *devices[CSA_REPLICAS_MAX];
  csa_tuning *tunings[CSA_REPLICAS_MAX] = {NULL};
  csa_status status = CSA_OK;
  for (int i = 0; i < count && status == CSA_OK; i++) {
    devices[i] = t->replicas[i].device;
    status = csa_tuning_create(&tunings[i], t->replicas[i].graph->plan->tuning);
    t->config.replicas[i].choices.tuning = tunings[i];
  }
  csa_team_fini(t);
  t->config.shares[0] = '\0';
  t->config.replica_count = count;
  if (status == CSA_OK) status = csa_team_create(t, devices, count);
  for (int i = 0; i < count; i++) csa_tuning_destroy(tunings[i]);
  return status;
}

static csa_status make_anew(csa_trainer *t, int count) {
  bool found;
  CSA_TRY(make_team(t, count));
  t->pending = t->wrong = 0;
  CSA_TRY(csa_team_prepare(t));
  CSA_TRY(csa_checkpoint_load(t, &found));
  return csa_trainer_save_config(t);
}

csa_status csa_failover(csa_trainer *t) {
  char why[1024], lost[128];
  snprintf(why, sizeof why, "%s", csa_last_error());
  if (t->replica_count == 1) return CSA_DEVICE;
  const int before = t->replica_count, kept = sort_out(t, lost);
  if (kept == 0 || kept == before) return csa_fail(CSA_DEVICE, "%s", why);
  csa_log("%s failed after step %lld: %s", lost, (long long)t->progress.step, why);
  csa_status status = save(t, kept);
  if (status == CSA_OK) status = make_anew(t, kept);
  if (status == CSA_DEVICE && t->replica_count > 1) return csa_failover(t); /* another one */
  if (status == CSA_OK) csa_log("going on without it, from that step");
  return status;
}
