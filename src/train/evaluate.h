/* A model measured on a split: loss, accuracy, and who is taken for whom. */
#ifndef CSA_TRAIN_EVALUATE_H
#define CSA_TRAIN_EVALUATE_H

#include "model/feed.h"

/* What the model says of an image. */
typedef struct {
  int32_t class;
  float probability;
} csa_guess;

typedef struct {
  int64_t images;
  double loss, accuracy; /* means over all images; accuracy as a fraction */
  double seconds;
  int classes;
  int64_t *confusion; /* [true class, predicted class] */
  csa_guess *guesses; /* [images] */
} csa_evaluation;

/* A model on a device, with a feed of the images. */
typedef struct {
  csa_graph *graph;
  csa_feed *feed;
} csa_evaluator;

/* Runs so many images forward, in the feed's order. Released by csa_evaluation_fini. */
csa_status csa_evaluate(csa_evaluation *evaluation, const csa_evaluator *evaluator, int64_t images);

/* The same by all ranks: images from `first` on, up to `last`, for which alone there are guesses, go through this one's
 * `count` copies of the model, each of which takes its batch by turns. */
csa_status csa_evaluate_part(csa_evaluation *evaluation, const csa_evaluator *evaluators, int count, int64_t images,
                             int64_t first, int64_t last);
void csa_evaluation_fini(csa_evaluation *evaluation);

#endif
