/* A device of several that fails in the middle of a run: the others go on without it. */
#ifndef CSA_TRAIN_FAILOVER_H
#define CSA_TRAIN_FAILOVER_H

#include "train/trainer.h"

/* After a CSA_DEVICE: leaves out the replicas whose devices no longer answer. Where others do, saves their state, which
 * is that after the last update, and makes the team anew from it, on them alone; and once more where another is lost
 * meanwhile. Where none is lost, or all are, the failure remains as it was. */
csa_status csa_failover(csa_trainer *trainer);

#endif
