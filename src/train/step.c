#include "train/step.h"

int csa_step_images(const csa_trainer *t) {
  const int64_t left = t->train_images - t->progress.batch * t->config.batch;
  return (int)(left < t->config.batch ? left : t->config.batch);
}

csa_turn csa_step_turn(const csa_trainer *t, int index, int number) {
  const int most = t->replicas[index].graph->config.batch;
  int first, images;
  csa_shares_part(&t->shares, csa_step_images(t), t->first_share + index, &first, &images);
  const int done = number * most, left = done < images ? images - done : 0;
  return (csa_turn){.at = t->progress.batch * t->config.batch + first + done,
                    .first = first + done,
                    .images = left < most ? left : most,
                    .number = number,
                    .last = left <= most};
}

static csa_step_state state_of(const csa_trainer *t, const csa_turn *turn) {
  csa_step_state state = {.active = 1,
                          .images = csa_step_images(t),
                          .first = turn->first,
                          .part = turn->number,
                          .slot = t->pending,
                          .seed = {(cl_uint)t->config.seed, (cl_uint)(t->config.seed >> 32)}};
  csa_optimizer_step(&t->replicas[0].optimizer, t->progress.step + 1, &state);
  state.lr = (float)csa_lr_at(&t->lr, t->progress.step);
  return state;
}

csa_status csa_step_feed(const csa_trainer *t, const csa_turn *turn, csa_feed *feed) {
  csa_step_state state = state_of(t, turn);
  return csa_feed_batch(feed, turn->at, turn->images, &state);
}

/* A small batch may leave a replica without an image: it makes the update all the same. */
static csa_status no_images(csa_trainer *t, const csa_replica *r, const csa_turn *turn) {
  const csa_step_state state = state_of(t, turn);
  CSA_TRY(csa_schedule_state(r->graph, &state));
  return csa_schedule_no_images(r->graph);
}

/* Only the last one's gradients are whole, and go to the others. */
static csa_status micro_step(csa_trainer *t, int index, const csa_turn *turn) {
  const csa_replica *r = &t->replicas[index];
  CSA_TRY(csa_step_feed(t, turn, r->train_feed));
  if (turn->last && t->reducer != NULL)
    CSA_TRY(csa_reducer_micro_step(t->reducer, index, t->pending));
  else
    CSA_TRY(csa_schedule_micro_step(r->graph));
  return t->observer.on_turn != NULL ? t->observer.on_turn(t->observer.user, index, turn) : CSA_OK;
}

static csa_status micro_steps(csa_trainer *t, int index) {
  const csa_replica *r = &t->replicas[index];
  csa_turn turn = csa_step_turn(t, index, 0);
  if (turn.images == 0) return no_images(t, r, &turn);
  CSA_TRY(csa_schedule_begin(r->graph));
  CSA_TRY(micro_step(t, index, &turn));
  while (!turn.last) {
    turn = csa_step_turn(t, index, turn.number + 1);
    CSA_TRY(micro_step(t, index, &turn));
  }
  return CSA_OK;
}

csa_status csa_step_gradients(csa_trainer *t, float votes[CSA_VOTES]) {
  for (int i = 0; i < t->replica_count; i++) CSA_TRY(micro_steps(t, i));
  return t->reducer != NULL ? csa_reducer_sum(t->reducer, t->pending, votes) : CSA_OK;
}

csa_status csa_step_update(csa_trainer *t, int *updated) {
  csa_status first = CSA_OK;
  *updated = 0;
  for (int i = 0; i < t->replica_count; i++) {
    csa_status status = csa_schedule_update(t->replicas[i].graph);
    if (status == CSA_OK) status = csa_schedule_pace(t->replicas[i].graph);
    if (status == CSA_OK)
      ++*updated;
    else if (first == CSA_OK)
      first = status;
  }
  if (first == CSA_OK && t->reducer != NULL) first = csa_reducer_level(t->reducer);
  return first;
}
