/* The sum of a step over several devices: the gradients of all replicas, and of all ranks, become their sum
 * (each is weighted by its images already, see cl/loss.cl), and with them the row of the history that the loss is in.
 *
 * It goes bucket by bucket, a part of the flat gradient tensor at a time, from its end, where backward begins: while
 * a device computes the next one, the last one is on its way to the host, where parts are added in the order of the
 * replicas, and back (Li et al., "PyTorch Distributed", VLDB 2020, section 3.2). */
#ifndef CSA_TRAIN_REDUCER_H
#define CSA_TRAIN_REDUCER_H

#include "train/replica.h"

typedef struct csa_reducer csa_reducer;

/* For replicas [count] that are bound; they must outlive it. */
csa_status csa_reducer_create(csa_reducer **reducer, const csa_replica *replicas, int count);
void csa_reducer_destroy(csa_reducer *reducer);

/* Queues the micro-step of replica `index`, whose state is queued, and the transfer of each bucket behind its last
 * launch; `slot` is the history's. A replica for which it is not called has no part in the sum. */
csa_status csa_reducer_micro_step(csa_reducer *reducer, int index, int slot);

/* What ranks have to agree on with every step: each is 0, or 1 from a rank that wants it. */
enum { CSA_VOTE_STOP, CSA_VOTE_FETCH, CSA_VOTE_SAVE, CSA_VOTES };

/* Adds up, and queues the return of the sums; what is queued after it sees them. Waits for all micro-steps. The votes
 * become the sums of all ranks'. */
csa_status csa_reducer_sum(csa_reducer *reducer, int slot, float votes[CSA_VOTES]);

/* Devices of different kinds round differently, so that what they make of the same gradients would part by and by:
 * those that are not of the first one's kind take over its parameters, as they are now. */
csa_status csa_reducer_level(csa_reducer *reducer);

#endif
