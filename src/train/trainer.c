#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/rng.h"
#include "data/holdout.h"
#include "data/known.h"
#include "model/guard.h"
#include "model/weights.h"
#include "train/agree.h"
#include "train/checkpoint.h"
#include "train/failover.h"
#include "train/losses.h"
#include "train/premises.h"
#include "train/ranks.h"
#include "train/step.h"
#include "train/team.h"
#include "train/wrong.h"

csa_status csa_trainer_create(csa_trainer **out, const csa_config *config, csa_device *const *devices, int count,
                              csa_dataset *dataset) {
  csa_trainer *t = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_premises_data(config, dataset));
  CSA_GO(csa_agree_settings(config, dataset));
  CSA_GO(csa_new(&t, 1, sizeof *t));
  t->lock = -1;
  t->saved_step = -1;
  t->config = *config;
  t->dataset = dataset;
  CSA_GO(csa_premises_split(config, dataset, &t->validation_images));
  t->train_images = dataset->train.count - t->validation_images;
  CSA_GO(csa_new(&t->parts, (size_t)dataset->train.count, sizeof *t->parts));
  CSA_GO(csa_new(&t->order, (size_t)t->train_images, sizeof *t->order));
  csa_hold_out(t->parts, dataset->train.count, t->validation_images, config->seed);
  CSA_GO(csa_team_create(t, devices, count));
  CSA_GO(csa_premises_freeze(t->replicas[0].graph, t->config.freeze));
  *out = t;
  t = NULL;
done:
  csa_trainer_destroy(t);
  return status;
}

void csa_trainer_destroy(csa_trainer *t) {
  if (t == NULL) return;
  csa_team_fini(t);
  csa_metrics_close(t->metrics);
  if (t->lock >= 0) close(t->lock);
  free(t->order);
  free(t->parts);
  free(t);
}

csa_status csa_trainer_prepare(csa_trainer *t) {
  for (int i = 0; i < t->replica_count; i++) CSA_TRY(csa_replica_prepare(&t->replicas[i], &t->config, t->dataset));
  return csa_team_join(t);
}

static int64_t batches_per_epoch(const csa_trainer *t) {
  return (t->train_images + t->config.batch - 1) / t->config.batch;
}

/* The schedule, for as many epochs as are wanted now. */
static csa_lr lr_of(const csa_trainer *t) {
  const csa_config *c = &t->config;
  const double batches = (double)batches_per_epoch(t);
  return (csa_lr){.kind = c->schedule,
                  .base = c->lr,
                  .warmup = (int64_t)(c->warmup * batches + 0.5),
                  .total = (int64_t)c->epochs * batches_per_epoch(t),
                  .interval = c->step_epochs * batches >= 1.0 ? (int64_t)(c->step_epochs * batches + 0.5) : 1,
                  .factor = c->step_factor};
}

static csa_status begin_epoch(csa_trainer *t) {
  const csa_rng rng = {t->config.seed, CSA_RNG_SHUFFLE, (uint32_t)t->progress.epoch};
  csa_rng_shuffle(&rng, t->order, t->train_images);
  for (int64_t i = 0; i < t->train_images; i++) t->order[i] = t->parts[t->validation_images + t->order[i]];
  for (int i = 0; i < t->replica_count; i++)
    CSA_TRY(csa_feed_order(t->replicas[i].train_feed, t->order, t->train_images));
  return CSA_OK;
}

static bool checkpoint_due(const csa_trainer *t) {
  return csa_seconds() - t->last_checkpoint >= t->config.checkpoint_every;
}

/* What is to be done after this step; by rank 0's clock. Where steps are slow, who watches sees the loss move all the
 * same; once a second the wait does not count. */
static void vote(const csa_trainer *t, float votes[CSA_VOTES]) {
  const bool keeps_time = csa_ranks_own() == 0;
  votes[CSA_VOTE_STOP] = t->stop != NULL && *t->stop != 0;
  votes[CSA_VOTE_SAVE] = keeps_time && checkpoint_due(t);
  votes[CSA_VOTE_FETCH] = keeps_time && (csa_seconds() - t->last_fetch >= 1.0 || checkpoint_due(t));
}

static csa_status train_step(csa_trainer *t) {
  csa_progress *p = &t->progress;
  const int images = csa_step_images(t);
  float votes[CSA_VOTES];
  int updated;
  vote(t, votes);
  CSA_TRY(csa_step_gradients(t, votes));
  const csa_status status = csa_step_update(t, &updated);
  if (updated == 0) return status;
  t->pending++;
  t->pending_images = images;
  t->run_images += images;
  p->batch++;
  p->step++;
  t->stops = votes[CSA_VOTE_STOP] > 0.0f;
  t->saves = votes[CSA_VOTE_SAVE] > 0.0f;
  CSA_TRY(status);
  return t->pending == CSA_HISTORY || votes[CSA_VOTE_FETCH] > 0.0f ? csa_losses_fetch(t) : CSA_OK;
}

/* Training time in this process passes while no evaluation runs. */
static void clock_training(csa_trainer *t, double *since) {
  const double now = csa_seconds();
  t->run_seconds += now - *since;
  t->progress.seconds += now - *since;
  *since = now;
}

double csa_trainer_rate(const csa_trainer *t) { return t->run_seconds > 0.0 ? t->run_images / t->run_seconds : 0.0; }

uint64_t csa_trainer_bytes(const csa_trainer *t) {
  uint64_t bytes = 0;
  for (int i = 0; i < t->replica_count; i++) bytes += csa_replica_bytes(&t->replicas[i]);
  return bytes;
}

static csa_status end_interval(csa_trainer *t) {
  csa_progress *p = &t->progress;
  CSA_TRY(csa_losses_fetch(t));
  if (p->interval_batches == 0) return CSA_OK;
  const double loss = p->interval_sum / (double)p->interval_batches;
  const csa_metrics_row row = {.step = p->step,
                               .epoch = p->epoch + 1,
                               .train_loss = loss,
                               .lr = csa_lr_at(&t->lr, p->step - 1),
                               .images_per_s = csa_trainer_rate(t),
                               .seconds = p->seconds};
  CSA_TRY(csa_metrics_append(t->metrics, &row));
  if (t->observer.on_interval != NULL)
    t->observer.on_interval(t->observer.user, p->epoch + 1, p->batch, loss, csa_trainer_rate(t));
  p->interval_sum = 0.0;
  p->interval_batches = 0;
  return CSA_OK;
}

static csa_status end_interval_if_due(csa_trainer *t) {
  return t->progress.batch % t->config.log_every == 0 ? end_interval(t) : CSA_OK;
}

static csa_status save_checkpoint(csa_trainer *t) {
  CSA_TRY(csa_losses_fetch(t));
  if (csa_weights_check_finite(t->replicas[0].graph) != CSA_OK)
    return csa_fail_in(CSA_FAILED, "train: after step %lld", (long long)t->progress.step);
  CSA_TRY(csa_agree_parameters(t->replicas[0].graph, t->progress.step));
  CSA_TRY(csa_metrics_flush(t->metrics, &t->progress.metrics_bytes));
  CSA_TRY(csa_checkpoint_save(t));
  t->last_checkpoint = csa_seconds();
  return CSA_OK;
}

/* A step's numbers were not finite: nothing was updated from it on, and progress stands before it. */
static csa_status stop_wrong(csa_trainer *t) {
  char where[CSA_WRONG_TEXT];
  CSA_TRY(csa_wrong_find(t, where));
  t->rewound = false;
  for (int i = 0; i < t->replica_count; i++) CSA_TRY(csa_guard_reset(t->replicas[i].graph));
  CSA_TRY(save_checkpoint(t));
  return csa_fail(CSA_FAILED,
                  "train: epoch %d, step %lld: numbers are not finite: %s\n"
                  "  the state before that step is saved; begin anew with a smaller --lr, or with --clip-norm 1,\n"
                  "  or leave such steps out: clsattn train --resume %s --on-nan skip",
                  t->progress.epoch + 1, (long long)t->progress.step + 1, where, t->folder);
}

static csa_status swap(csa_trainer *t) {
  for (int i = 0; i < t->replica_count; i++) CSA_TRY(csa_replica_swap(&t->replicas[i]));
  return t->reducer != NULL ? csa_reducer_level(t->reducer) : CSA_OK;
}

static csa_status write_weights(csa_trainer *t, const char *name) {
  char path[CSA_PATH + 32];
  if (csa_ranks_own() > 0) return CSA_OK;
  snprintf(path, sizeof path, "%s/%s", t->folder, name);
  return csa_weights_write(t->replicas[0].graph, &t->config.architecture, t->dataset->class_names,
                           csa_known_find(t->config.data) != NULL ? t->config.data : NULL, path);
}

/* Those of `images` before the ones of replica `index` of all ranks: each takes as of a batch. */
static int64_t images_before(const csa_trainer *t, int64_t images, int index) {
  int64_t before = 0;
  for (int i = 0; i < index; i++) before += t->shares.images[i];
  return images * before / t->config.batch;
}

static csa_status evaluate(csa_trainer *t, bool validation, double *loss, double *accuracy) {
  const int64_t images = validation ? t->validation_images : t->dataset->test.count;
  csa_evaluation e = {0};
  csa_evaluator by[CSA_REPLICAS_MAX];
  for (int i = 0; i < t->replica_count; i++) {
    const csa_replica *r = &t->replicas[i];
    by[i] = (csa_evaluator){r->graph, validation ? r->train_feed : r->test_feed};
    if (validation) CSA_TRY(csa_feed_order(r->train_feed, t->parts, images));
  }
  CSA_TRY(csa_evaluate_part(&e, by, t->replica_count, images, images_before(t, images, t->first_share),
                            images_before(t, images, t->first_share + t->replica_count)));
  csa_evaluation_fini(&e);
  if (!isfinite(e.loss))
    return csa_fail(CSA_FAILED,
                    "train: epoch %d: the loss of the %s images is not finite\n"
                    "  a smaller --lr may help; the last checkpoint is from before",
                    t->progress.epoch + 1, validation ? "validation" : "test");
  t->progress.seconds += e.seconds;
  *loss = e.loss;
  *accuracy = e.accuracy;
  return CSA_OK;
}

/* The best weights so far are kept; that they were is in the checkpoint that follows. */
static csa_status validate(csa_trainer *t) {
  csa_progress *p = &t->progress;
  CSA_TRY(evaluate(t, true, &p->val_loss, &p->val_accuracy));
  if (p->best_epoch > 0 && p->val_accuracy <= p->best_accuracy) return CSA_OK;
  p->best_accuracy = p->val_accuracy;
  p->best_epoch = p->epoch + 1;
  return write_weights(t, "best.safetensors");
}

static csa_status test(csa_trainer *t) {
  csa_progress *p = &t->progress;
  if (t->observer.on_test != NULL) t->observer.on_test(t->observer.user);
  CSA_TRY(swap(t)); /* what is tested is what will be saved */
  if (t->validation_images > 0) CSA_TRY(validate(t));
  if (t->dataset->test.count > 0) CSA_TRY(evaluate(t, false, &p->test_loss, &p->test_accuracy));
  return swap(t);
}

/* Progress is that before, where a device fails on the way: others will test again. */
static csa_status test_whole(csa_trainer *t) {
  const csa_progress before = t->progress;
  const csa_status status = test(t);
  if (status != CSA_OK) t->progress = before;
  return status;
}

static csa_status end_epoch(csa_trainer *t, double *since) {
  csa_progress *p = &t->progress;
  CSA_TRY(csa_losses_fetch(t));
  if (p->lost == p->batch)
    return csa_fail(CSA_FAILED, "train: epoch %d: no step had finite numbers\n  a smaller --lr may help", p->epoch + 1);
  p->train_loss = p->epoch_sum / (double)(p->batch - p->lost);
  clock_training(t, since);
  CSA_TRY(test_whole(t));
  const csa_metrics_row row = {.epoch_end = true,
                               .step = p->step,
                               .epoch = p->epoch + 1,
                               .train_loss = p->train_loss,
                               .test_loss = p->test_loss,
                               .test_accuracy = p->test_accuracy,
                               .lr = csa_lr_at(&t->lr, p->step - 1),
                               .images_per_s = csa_trainer_rate(t),
                               .seconds = p->seconds,
                               .validated = t->validation_images > 0,
                               .val_loss = p->val_loss,
                               .val_accuracy = p->val_accuracy,
                               .skipped = p->skipped};
  CSA_TRY(csa_metrics_append(t->metrics, &row));
  p->epoch++;
  p->batch = p->lost = 0;
  p->epoch_sum = p->interval_sum = 0.0; /* the notebook drops what is left of an interval, too */
  p->interval_batches = 0;
  if (t->observer.on_epoch != NULL) t->observer.on_epoch(t->observer.user, p->epoch, p, csa_trainer_rate(t));
  CSA_TRY(save_checkpoint(t));
  *since = csa_seconds();
  return CSA_OK;
}

/* A signal, which perhaps another rank had: what was trained is kept. */
static csa_status interrupted(csa_trainer *t) {
  int64_t signals[65] = {0};
  CSA_TRY(save_checkpoint(t));
  if (*t->stop > 0 && *t->stop < 65) signals[*t->stop] = 1;
  CSA_TRY(csa_ranks_add(signals, 65));
  for (t->stopped_by = 1; t->stopped_by < 64 && signals[t->stopped_by] == 0;) t->stopped_by++;
  return csa_fail(
      CSA_INTERRUPTED,
      "train: stopped by signal %d after step %lld; the state is saved\n  go on with: clsattn train --resume %s",
      t->stopped_by, (long long)t->progress.step, t->folder);
}

static csa_status run_epoch(csa_trainer *t, double *since) {
  const int64_t batches = batches_per_epoch(t);
  CSA_TRY(begin_epoch(t));
  if (t->progress.interval_batches > 0) CSA_TRY(end_interval_if_due(t)); /* a device failed just then */
  while (t->progress.batch < batches) {
    CSA_TRY(train_step(t));
    clock_training(t, since);
    CSA_TRY(end_interval_if_due(t));
    if (t->observer.on_step != NULL) t->observer.on_step(t->observer.user, &t->progress, csa_trainer_rate(t));
    if (t->stops) return interrupted(t);
    if (t->saves) CSA_TRY(save_checkpoint(t));
  }
  return end_epoch(t, since);
}

static bool reached(const csa_trainer *t) {
  return t->target > 0.0 && t->progress.epoch > 0 && t->progress.val_accuracy >= t->target;
}

bool csa_trainer_stale(const csa_trainer *t) {
  const csa_progress *p = &t->progress;
  return t->config.patience > 0 && p->best_epoch > 0 && p->epoch - p->best_epoch >= t->config.patience;
}

bool csa_trainer_done(const csa_trainer *t) {
  return t->progress.epoch >= t->config.epochs || reached(t) || csa_trainer_stale(t);
}

static csa_status run(csa_trainer *t) {
  double since = csa_seconds();
  t->last_checkpoint = since;
  t->lr = lr_of(t);
  while (!csa_trainer_done(t)) {
    csa_status status = run_epoch(t, &since);
    if (t->rewound) return stop_wrong(t);
    if (status == CSA_DEVICE && csa_ranks_count() == 1) status = csa_failover(t);
    if (t->rewound) return stop_wrong(t);
    CSA_TRY(status);
  }
  CSA_TRY(swap(t));
  CSA_TRY(write_weights(t, "model.safetensors"));
  return swap(t);
}

/* Device, memory, disk or another rank have failed. What is on the device may be half a step, so it is the last
 * checkpoint that counts. */
static csa_status cut_off(csa_trainer *t, csa_status status) {
  char why[1024], saved[64] = "nothing was saved yet, so it begins again";
  int64_t length;
  snprintf(why, sizeof why, "%s", csa_last_error());
  (void)csa_metrics_flush(t->metrics, &length); /* it is the first failure that is told */
  if (t->saved_step >= 0) snprintf(saved, sizeof saved, "the state after step %lld is saved", (long long)t->saved_step);
  return csa_fail(status, "train: after step %lld: %s%s\n  %s; go on with: clsattn train --resume %s",
                  (long long)t->progress.step, status == CSA_DEVICE ? "the device failed: " : "", why, saved,
                  t->folder);
}

csa_status csa_trainer_run(csa_trainer *t) {
  if (t->finished) return CSA_OK;
  const csa_status status = run(t);
  const bool from_outside = status == CSA_DEVICE || status == CSA_MEMORY || status == CSA_OUTPUT;
  return from_outside || (status != CSA_OK && csa_ranks_broken()) ? cut_off(t, status) : status;
}
