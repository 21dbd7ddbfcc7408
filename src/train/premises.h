/* What a run rests on, before it begins: that settings, data and model go together. */
#ifndef CSA_TRAIN_PREMISES_H
#define CSA_TRAIN_PREMISES_H

#include "model/graph.h"
#include "train/config.h"

/* The model takes such images and tells so many classes apart; and they are those that the run was started with. */
csa_status csa_premises_data(const csa_config *config, const csa_dataset *dataset);

/* What is trained and validated on: `train` is the data set's own where nothing is held back, else both are copies. */
csa_status csa_premises_split(const csa_config *config, const csa_dataset *dataset, csa_split *train,
                              csa_split *validation);

/* Every pattern of `list` names a parameter, and something is left to train. */
csa_status csa_premises_freeze(const csa_graph *graph, const char *list);

#endif
