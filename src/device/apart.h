/* This program as a process of its own, for work that may crash or hang a driver. */
#ifndef CSA_DEVICE_APART_H
#define CSA_DEVICE_APART_H

#include "core/status.h"

/* Names the program that is run; without it nothing is. The text is kept, not copied. */
void csa_apart_with(const char *path);
const char *csa_apart_program(void);

/* Runs it with these arguments (the first is its own name, the last NULL) and `input`, and waits for it. What it
 * prints, text of up to 64 KiB, is *output, to be released with free(). CSA_FAILED if it does not end well, or not
 * within `seconds`: then it is killed. */
csa_status csa_apart_run(char *const arguments[], const char *input, double seconds, char **output);

#endif
