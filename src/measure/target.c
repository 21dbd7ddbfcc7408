#include "measure/target.h"

#define HELD_BACK 0.1

csa_status csa_target_check(const csa_dataset *d) {
  if ((double)d->train.count * HELD_BACK >= 1.0) return CSA_OK;
  return csa_fail(CSA_INPUT, "data: %s: %lld training images are too few to hold a tenth of them back for validation",
                  d->path, (long long)d->train.count);
}

/* So that no kernel is compiled, and no page touched for the first time, while time counts: PoCL and others compile at
 * a kernel's first launch. The update comes first, as it leaves everything as it is while gradients are zero. */
static csa_status warm_up(csa_trainer *t) {
  const int images = t->train_images < t->config.batch ? (int)t->train_images : t->config.batch;
  csa_step_state state = {0};
  csa_optimizer_step(&t->replicas[0].optimizer, 1, &state);
  CSA_TRY(csa_feed_batch(t->replicas[0].train_feed, 0, images, &state));
  CSA_TRY(csa_schedule_update(t->replicas[0].graph));
  CSA_TRY(csa_schedule_micro_step(t->replicas[0].graph));
  CSA_TRY(csa_device_finish(t->replicas[0].device));
  return csa_schedule_reset(t->replicas[0].graph);
}

static csa_status train(csa_target *target, csa_trainer *t, const char *folder) {
  CSA_TRY(csa_trainer_prepare(t));
  CSA_TRY(warm_up(t));
  CSA_TRY(csa_trainer_start(t, folder));
  CSA_TRY(csa_trainer_run(t));
  target->epochs = t->progress.epoch;
  target->accuracy = t->progress.val_accuracy;
  target->reached = target->accuracy >= target->wanted;
  target->train_s = t->run_seconds;
  target->evaluation_s = t->progress.seconds - t->run_seconds;
  return CSA_OK;
}

csa_status csa_target_measure(csa_target *target, double wanted, const csa_config *config, csa_device *device,
                              const csa_dataset *dataset, const char *folder, csa_observer observer,
                              const volatile sig_atomic_t *stop) {
  csa_config holding = *config;
  csa_dataset untested = *dataset;
  csa_trainer *t;
  holding.val_split = HELD_BACK;
  untested.test.count = 0;
  CSA_TRY(csa_trainer_create(&t, &holding, &device, 1, &untested));
  *target = (csa_target){.wanted = wanted, .train_images = t->train_images, .validation_images = t->validation_images};
  t->observer = observer;
  t->stop = stop;
  t->target = wanted;
  const csa_status status = train(target, t, folder);
  csa_trainer_destroy(t);
  return status;
}
