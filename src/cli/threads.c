#include "cli/threads.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/machine.h"

static bool placed; /* by us, not by the user */

/* Without the first, PoCL may put all its workers on one core; without the second, it compiles every kernel twice, for
 * its binary and for the first launch. */
void csa_threads_prepare(void) {
  placed = getenv("POCL_AFFINITY") == NULL;
  setenv("POCL_AFFINITY", "1", 0);
  setenv("POCL_WORK_GROUP_SPECIALIZATION", "0", 0);
}

/* PoCL, by the old name and by the new one; Mesa's llvmpipe; Intel. More threads than processors PoCL could not place,
 * and fewer it would place on the first ones, where those of other programs of this kind are, too. */
void csa_threads_limit(int threads) {
  static const char *const variables[] = {"POCL_MAX_PTHREAD_COUNT", "POCL_CPU_MAX_CU_COUNT", "LP_NUM_THREADS",
                                          "DPCPP_CPU_NUM_CUS"};
  csa_machine machine;
  char number[16];
  csa_machine_read(&machine);
  if (threads == 0 || threads >= machine.cores) return;
  snprintf(number, sizeof number, "%d", threads);
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) setenv(variables[i], number, 1);
  if (placed) setenv("POCL_AFFINITY", "0", 1);
}
