#include "train/losses.h"

#include <math.h>

#include "core/clock.h"
#include "core/log.h"
#include "model/guard.h"

/* Forgets the batches from step `step` on, which lies among those whose losses are still on the device. */
static void rewind_to(csa_trainer *t, int64_t step) {
  const int64_t back = t->progress.step - step;
  t->progress.step -= back;
  t->progress.batch -= back;
  t->pending -= (int)back;
  t->pending_images = t->config.batch; /* the last one may have been an epoch's */
}

static void enter_loss(csa_progress *p, double loss) {
  if (!isfinite(loss)) {
    p->lost++;
    return;
  }
  p->interval_sum += loss;
  p->epoch_sum += loss;
  p->interval_batches++;
}

static void count_skipped(csa_trainer *t, int wrong) {
  t->progress.skipped += wrong - t->wrong;
  t->wrong = wrong;
  csa_log("by step %lld, %lld updated nothing: their numbers were not finite", (long long)t->progress.step,
          (long long)t->progress.skipped);
}

csa_status csa_losses_fetch(csa_trainer *t) {
  float rows[CSA_HISTORY][2];
  csa_guard_state guard;
  t->last_fetch = csa_seconds();
  if (t->pending == 0) return CSA_OK;
  CSA_TRY(
      csa_tensor_download_part(t->replicas[0].device, t->replicas[0].graph->history, 0, (int64_t)2 * t->pending, rows));
  CSA_TRY(csa_guard_get(t->replicas[0].graph, &guard));
  const bool stop = guard.wrong > t->wrong && t->config.on_nan == CSA_NAN_STOP;
  if (stop) rewind_to(t, guard.first - 1);
  for (int i = 0; i < t->pending; i++) {
    const int images = i == t->pending - 1 ? t->pending_images : t->config.batch;
    enter_loss(&t->progress, (double)rows[i][0] / images);
  }
  t->pending = 0;
  t->rewound = stop;
  if (stop) return csa_fail(CSA_FAILED, "train: step %lld: numbers are not finite", (long long)t->progress.step + 1);
  if (guard.wrong > t->wrong) count_skipped(t, guard.wrong);
  return CSA_OK;
}
