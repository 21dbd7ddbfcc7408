/* Signals that ask a run to stop. */
#ifndef CSA_CLI_STOP_H
#define CSA_CLI_STOP_H

#include <signal.h>

/* From now on SIGINT, SIGTERM and SIGHUP only set the number that this points to; a second one of the same kind ends
 * the program at once. */
const volatile sig_atomic_t *csa_stop_catch(void);

/* Another process was stopped by this signal, and so is this one; nothing where it has one of its own. */
void csa_stop_too(int signal_number);

/* The exit code for having been stopped: 128 + the signal's number. */
int csa_stop_exit_code(void);

#endif
