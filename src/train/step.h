/* A step of training over all replicas: each takes its part of the batch, in turns where gradients are accumulated; the
 * gradients become their sum, and every replica makes the same update. */
#ifndef CSA_TRAIN_STEP_H
#define CSA_TRAIN_STEP_H

#include "train/trainer.h"

/* Images that a replica takes at once. */
typedef struct csa_turn {
  int64_t at; /* the first of them in the epoch's order */
  int first;  /* and in the batch */
  int images; /* 0: there is no such turn */
  int number; /* from 0 */
  bool last;  /* of this replica, in the step */
} csa_turn;

/* The batch that progress stands before, and turn `number` of replica `index` in it. */
int csa_step_images(const csa_trainer *trainer);
csa_turn csa_step_turn(const csa_trainer *trainer, int index, int number);

/* Queues a turn's state and images in `feed`, which has this epoch's order. */
csa_status csa_step_feed(const csa_trainer *trainer, const csa_turn *turn, csa_feed *feed);

/* Queues all micro-steps, and adds up over replicas and ranks. After a failure no replica has made an update. `votes`:
 * this rank's, which become all ranks' sums (train/reducer.h). */
csa_status csa_step_gradients(csa_trainer *trainer, float votes[CSA_VOTES]);

/* Queues the update of every replica, also where that of another fails; `updated` of them. */
csa_status csa_step_update(csa_trainer *trainer, int *updated);

#endif
