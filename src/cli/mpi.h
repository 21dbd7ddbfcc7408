/* MPI, which nothing else sees. */
#ifndef CSA_CLI_MPI_H
#define CSA_CLI_MPI_H

#include "core/status.h"

/* Becomes one of `count` ranks (train/ranks.h), as many as the launcher says that it started. */
csa_status csa_mpi_join(int count);

/* Waits until all ranks have come to their end, says what there is to say, and leaves; the exit code, which is that of
 * the first rank that failed. Where ranks do not come, ends them, and does not return. */
int csa_mpi_leave(csa_status status, int code);

/* "Open MPI v4.1.4" */
const char *csa_mpi_version(void);

#endif
