/* The processes that train together: MPI's ranks, or one process alone. */
#ifndef CSA_TRAIN_RANKS_H
#define CSA_TRAIN_RANKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

typedef enum { CSA_RANKS_FLOAT, CSA_RANKS_INT64 } csa_ranks_type;

/* What connects the ranks; the program brings it, so that the library needs no MPI. */
typedef struct {
  int count, own;
  /* Begins a sum as csa_ranks_sum_begin does; `test` ends the request where it is done. */
  csa_status (*begin)(void **request, void *values, int64_t count, csa_ranks_type type);
  csa_status (*test)(void *request, bool *done);
} csa_ranks_link;

/* From now on this process is a rank; `link` must outlive all else here. */
void csa_ranks_join(const csa_ranks_link *link);

/* How many there are, and which this is, from 0: the one that writes files and reports. */
int csa_ranks_count(void);
int csa_ranks_own(void);

/* Whether a sum has failed: another rank has, or is lost, and this one can only end. */
bool csa_ranks_broken(void);

/* A sum that is under way. */
typedef struct {
  void *request; /* NULL: it is done */
} csa_ranks_sum;

/* Begins to replace values [count] of every rank by their sum; all ranks call it in the same order. `values` are not
 * to be touched before it is done. */
csa_status csa_ranks_sum_begin(csa_ranks_sum *sum, float *values, int64_t count);

/* Whether it is done, without waiting; and waits for it. What another rank's end keeps from being done is CSA_FAILED.
 */
csa_status csa_ranks_sum_test(csa_ranks_sum *sum, bool *done);
csa_status csa_ranks_sum_end(csa_ranks_sum *sum);

/* Sleeps a little, longer the more often in a row: `turn` counts from 0. Who waits so leaves the processor to others.
 */
void csa_ranks_nap(int turn);

/* What all ranks do together, and wait for. Replaces values [count] by their sums; has all[count of ranks], of `each`
 * bytes, be every rank's own, of which this one's stands in its place; has bytes [size] be rank 0's. */
csa_status csa_ranks_add(int64_t *values, int64_t count);
csa_status csa_ranks_gather(void *all, size_t each);
csa_status csa_ranks_share(void *bytes, size_t size);

#endif
