#include "train/ranks.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE ((size_t)1 << 22) /* bytes that are shared at once */

static const csa_ranks_link alone = {.count = 1};
static const csa_ranks_link *current = &alone;
static bool broken;

void csa_ranks_join(const csa_ranks_link *link) { current = link; }
int csa_ranks_count(void) { return current->count; }
int csa_ranks_own(void) { return current->own; }
bool csa_ranks_broken(void) { return broken; }

static csa_status begin(csa_ranks_sum *sum, void *values, int64_t count, csa_ranks_type type) {
  sum->request = NULL;
  if (current->count == 1) return CSA_OK;
  const csa_status status = current->begin(&sum->request, values, count, type);
  broken |= status != CSA_OK;
  return status;
}

csa_status csa_ranks_sum_begin(csa_ranks_sum *sum, float *values, int64_t count) {
  return begin(sum, values, count, CSA_RANKS_FLOAT);
}

csa_status csa_ranks_sum_test(csa_ranks_sum *sum, bool *done) {
  *done = sum->request == NULL;
  if (*done) return CSA_OK;
  const csa_status status = current->test(sum->request, done);
  broken |= status != CSA_OK;
  if (*done) sum->request = NULL;
  return status;
}

csa_status csa_ranks_sum_end(csa_ranks_sum *sum) {
  bool done = false;
  for (int turn = 0;; turn++) {
    CSA_TRY(csa_ranks_sum_test(sum, &done));
    if (done) return CSA_OK;
    csa_ranks_nap(turn);
  }
}

/* The first ones only let others go before, as most waits are short. */
void csa_ranks_nap(int turn) {
  if (turn < 50) {
    sched_yield();
    return;
  }
  const struct timespec time = {.tv_nsec = turn < 200 ? 20000 : turn < 1000 ? 200000 : 1000000};
  nanosleep(&time, NULL);
}

csa_status csa_ranks_add(int64_t *values, int64_t count) {
  csa_ranks_sum sum;
  CSA_TRY(begin(&sum, values, count, CSA_RANKS_INT64));
  return csa_ranks_sum_end(&sum);
}

/* Where all but one are 0, a sum of integers is that one, bit for bit. */
static csa_status gather(int64_t *words, char *bytes, size_t size, size_t own, size_t each) {
  memset(words, 0, (size + 7) / 8 * 8);
  memcpy((char *)words + own, bytes + own, each);
  CSA_TRY(csa_ranks_add(words, (int64_t)((size + 7) / 8)));
  memcpy(bytes, words, size);
  return CSA_OK;
}

csa_status csa_ranks_gather(void *all, size_t each) {
  const size_t size = (size_t)current->count * each;
  int64_t *words;
  if (current->count == 1) return CSA_OK;
  CSA_TRY(csa_new(&words, (size + 7) / 8, sizeof *words));
  const csa_status status = gather(words, all, size, (size_t)current->own * each, each);
  free(words);
  return status;
}

csa_status csa_ranks_share(void *bytes, size_t size) {
  csa_status status = CSA_OK;
  int64_t *words;
  if (current->count == 1) return CSA_OK;
  CSA_TRY(csa_new(&words, PIECE / 8, sizeof *words));
  for (size_t at = 0; at < size && status == CSA_OK; at += PIECE) {
    const size_t piece = size - at < PIECE ? size - at : PIECE;
    status = gather(words, (char *)bytes + at, piece, 0, current->own == 0 ? piece : 0);
  }
  free(words);
  return status;
}
