/* The processes that train together: MPI's ranks, or one process alone. */
#ifndef CSA_TRAIN_RANKS_H
#define CSA_TRAIN_RANKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

/* A sum that is under way. */
typedef struct {
  void *request; /* MPI's, on the heap; NULL: it is done */
} csa_ranks_sum;

/* How many there are, and which this is, from 0: the one that writes files and reports. */
int csa_ranks_count(void);
int csa_ranks_own(void);

/* Begins to replace values [count] of every rank by their sum; all ranks call it in the same order. `values` are not
 * to be touched before it is done. */
csa_status csa_ranks_sum_begin(csa_ranks_sum *sum, float *values, int64_t count);

/* Whether it is done, without waiting; and waits for it. What another rank's end keeps from being done is CSA_FAILED.
 */
csa_status csa_ranks_sum_test(csa_ranks_sum *sum, bool *done);
csa_status csa_ranks_sum_end(csa_ranks_sum *sum);

#endif
