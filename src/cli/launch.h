/* The program as one of several processes that a launcher like mpirun started together. */
#ifndef CSA_CLI_LAUNCH_H
#define CSA_CLI_LAUNCH_H

#include "core/status.h"

/* Before `command` runs: finds the other processes, if there are any. A command that is for one process alone, or a
 * program without MPI, is CSA_USAGE then. */
csa_status csa_launch_join(const char *command);

/* At the end: says what failed, once for all who say the same, and ends the others where they cannot go on; the exit
 * code, `code` unless another's failure is the reason. */
int csa_launch_leave(csa_status status, int code);

/* The MPI that is built in, or "no". */
const char *csa_launch_version(void);

#endif
