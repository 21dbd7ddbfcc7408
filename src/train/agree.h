/* That all ranks train the same thing. */
#ifndef CSA_TRAIN_AGREE_H
#define CSA_TRAIN_AGREE_H

#include "model/graph.h"
#include "train/config.h"

/* Compares with rank 0's all that numbers depend on: settings, model, data, version; what differs is CSA_USAGE and
 * named. Devices, shares, threads and how kernels compute are each rank's own. */
csa_status csa_agree_settings(const csa_config *config, const csa_dataset *dataset);

/* Compares the parameters of all ranks, bit for bit, as they are after `step`; CSA_FAILED on all of them. */
csa_status csa_agree_parameters(csa_graph *graph, int64_t step);

#endif
