#include "cli/launch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef CSA_HAVE_MPI
#include "cli/mpi.h"

static bool joined; /* by MPI */
#endif

static int own; /* as the launcher counts, from 0 */

/* What launchers tell their processes: Open MPI's, MPICH's and its kin, Slurm with PMIx. */
static int look(void) {
  static const struct {
    const char *count, *own;
  } variables[] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                   {"PMI_SIZE", "PMI_RANK"},
                   {"SLURM_STEP_NUM_TASKS", "PMIX_RANK"}};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    const char *count = getenv(variables[i].count), *number = getenv(variables[i].own);
    if (count == NULL || number == NULL) continue;
    own = atoi(number);
    return atoi(count);
  }
  return 1;
}

csa_status csa_launch_join(const char *command) {
  const int count = look();
  if (count <= 1) own = 0;
  if (count <= 1 || strcmp(command, "devices") == 0) return CSA_OK; /* each node has its own */
  if (strcmp(command, "train") != 0)
    return csa_fail(CSA_USAGE, "%s: started as %d processes, but it is for one\n  clsattn train is for several",
                    command, count);
#ifdef CSA_HAVE_MPI
  CSA_TRY(csa_mpi_join(count));
  joined = true;
  return CSA_OK;
#else
  return csa_fail(CSA_USAGE,
                  "train: started as %d processes, but this clsattn was built without MPI\n"
                  "  cmake -DCLSATTN_MPI=ON builds it in",
                  count);
#endif
}

int csa_launch_leave(csa_status status, int code) {
#ifdef CSA_HAVE_MPI
  if (joined) return csa_mpi_leave(status, code);
#endif
  if (status == CSA_OK) return code;
  if (own == 0) fprintf(stderr, "clsattn: %s\n", csa_last_error());
  if (own > 0) nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL); /* else the launcher ends who says why */
  return code;
}

const char *csa_launch_version(void) {
#ifdef CSA_HAVE_MPI
  return csa_mpi_version();
#else
  return "no";
#endif
}
