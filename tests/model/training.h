/* A small model in training, of which a test makes up the gradients. */
#ifndef CSA_TESTS_MODEL_TRAINING_H
#define CSA_TESTS_MODEL_TRAINING_H

#include "layers/harness.h"
#include "model/optimizer.h"

/* More parameters, with padding, than the groups that look at gradients have work-items; also with a batch norm. */
enum { TEST_INPUTS = 3000, TEST_COUNT = 9056, TEST_COUNT_NORM = 9184 };

typedef struct {
  csa_graph *graph;
  csa_optimizer optimizer;
} test_training;

/* A batch of 2 rows of TEST_INPUTS; a linear layer, and where asked a batch norm; all parameters 0. */
void test_training_begin(test_training *t, csa_choices choices, csa_optimizer_config config, bool norm);

/* The step that the host counts as number `step`, with gradients all of `size` but for number `at`, and this loss. */
void test_training_step(test_training *t, int64_t step, float size, int at, float odd_one, float loss);

#endif
