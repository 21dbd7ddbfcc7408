/* A replica: a device's copy of the model in training, with a plan of its own and its share of every batch. */
#ifndef CSA_TRAIN_REPLICA_H
#define CSA_TRAIN_REPLICA_H

#include "model/feed.h"
#include "train/config.h"

typedef struct {
  csa_device *device; /* not its own */
  csa_graph *graph;
  csa_optimizer optimizer;
  csa_feed *train_feed, *test_feed; /* of all training images, those held back, too; NULL without test images */
  csa_plan *swap;                   /* of parameters and their moving average; NULL without */
  bool swapped;                     /* whether the parameters are the average now */
} csa_replica;

/* Plans training on `device`, for `batch` images at a time; nothing is allocated there yet. `choices`: the kernels', of
 * which `auto` becomes what suits the device. */
csa_status csa_replica_create(csa_replica *replica, csa_device *device, const csa_config *config, csa_choices choices,
                              int batch);
void csa_replica_fini(csa_replica *replica);

/* Tests the device's kernels (selftest/selftest.h), allocates on it and sends the data there. Config and data must
 * outlive the replica. */
csa_status csa_replica_prepare(csa_replica *replica, const csa_config *config, const csa_dataset *dataset);

/* Exchanges parameters and moving average, where there is one. */
csa_status csa_replica_swap(csa_replica *replica);

/* Bytes of device memory in use: plan and data. */
uint64_t csa_replica_bytes(const csa_replica *replica);

#endif
