/* What a run rests on, before it begins: that settings, data and model go together. */
#ifndef CSA_TRAIN_PREMISES_H
#define CSA_TRAIN_PREMISES_H

#include "model/graph.h"
#include "train/config.h"

/* The model takes such images and tells so many classes apart; and they are those that the run was started with. */
csa_status csa_premises_data(const csa_config *config, const csa_dataset *dataset);

/* How many of the training images are held back to validate on. */
csa_status csa_premises_split(const csa_config *config, const csa_dataset *dataset, int64_t *held);

/* Every pattern of `list` names a parameter, and something is left to train. */
csa_status csa_premises_freeze(const csa_graph *graph, const char *list);

#endif
