#include "measure/target.h"

#define VALIDATION 10 /* one image in so many, the last ones */

csa_status csa_target_check(const csa_dataset *d) {
  if (d->train.count >= VALIDATION) return CSA_OK;
  return csa_fail(CSA_INPUT, "data: %s: %lld training images are too few to hold a tenth of them back for validation",
                  d->path, (long long)d->train.count);
}

/* The training images as a data set of their own: what the trainer tests on is their last part. */
static csa_status split(const csa_dataset *from, csa_dataset *to) {
  const size_t image = (size_t)from->channels * (size_t)from->height * (size_t)from->width;
  const int64_t held = from->train.count / VALIDATION, kept = from->train.count - held;
  CSA_TRY(csa_target_check(from));
  *to = *from;
  to->train.count = kept;
  to->test = (csa_split){from->train.images + (size_t)kept * image, from->train.labels + kept, held};
  return CSA_OK;
}

/* So that no kernel is compiled, and no page touched for the first time, while time counts: PoCL and others compile at
 * a kernel's first launch. The update comes first, as it leaves everything as it is while gradients are zero. */
static csa_status warm_up(csa_trainer *t) {
  const int images = t->train.count < t->config.batch ? (int)t->train.count : t->config.batch;
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
  target->accuracy = t->progress.test_accuracy;
  target->reached = target->accuracy >= target->wanted;
  target->train_s = t->run_seconds;
  target->evaluation_s = t->progress.seconds - t->run_seconds;
  return CSA_OK;
}

csa_status csa_target_measure(csa_target *target, double wanted, const csa_config *config, csa_device *device,
                              const csa_dataset *dataset, const char *folder, csa_observer observer,
                              const volatile sig_atomic_t *stop) {
  csa_dataset parts;
  csa_trainer *t = NULL;
  csa_status status;
  CSA_GO(split(dataset, &parts));
  *target = (csa_target){.wanted = wanted, .train_images = parts.train.count, .validation_images = parts.test.count};
  CSA_GO(csa_trainer_create(&t, config, &device, 1, &parts));
  t->observer = observer;
  t->stop = stop;
  t->target = wanted;
  status = train(target, t, folder);
done:
  csa_trainer_destroy(t);
  return status;
}
