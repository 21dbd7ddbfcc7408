/* This program as a process of its own, for work that may crash or hang a driver, or that needs other caches. */
#ifndef CSA_DEVICE_APART_H
#define CSA_DEVICE_APART_H

#include <signal.h>

#include "core/status.h"

/* Names the program that is run; without it nothing is. The text is kept, not copied. */
void csa_apart_with(const char *path);
const char *csa_apart_program(void);

/* Where a field is NULL or 0: this process's environment, no input, nobody hears its errors, all the time it wants, and
 * no signal that ends it. */
typedef struct {
  char *const *arguments, *const *environment; /* the first argument is its own name; the last of both is NULL */
  const char *input;
  const char *errors;                /* a file that takes what it says on stderr */
  double seconds;                    /* then it is killed */
  const volatile sig_atomic_t *stop; /* no longer 0: it is told to end, with helpers of its own, and waited for */
} csa_apart;

/* Runs it and waits for it. What it prints, text of up to 64 KiB, is *output, to be released with free(), and how it
 * ended, as waitpid says it, *result. CSA_FAILED if it does not end well, or not in time. */
csa_status csa_apart_run(const csa_apart *apart, char **output, int *result);

#endif
