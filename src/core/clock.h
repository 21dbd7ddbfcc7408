/* Time that never jumps. */
#ifndef CSA_CORE_CLOCK_H
#define CSA_CORE_CLOCK_H

/* Seconds since some fixed moment. */
double csa_seconds(void);

#endif
