/* Numbers as people write them: the whole text is one, with no blank before it; false, and nothing read, if it is not.
 */
#ifndef CSA_CORE_NUMBER_H
#define CSA_CORE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Any finite number. */
bool csa_number_read(const char *text, double *number);

/* A time in seconds: "90", "90s", "5m", "2h". */
#define CSA_SECONDS_WANTED "a time like 90s, 5m or 2h"
bool csa_seconds_read(const char *text, double *seconds);

#define CSA_SEED_WANTED "a whole number from 0 to 18446744073709551615"
bool csa_seed_read(const char *text, uint64_t *seed);

#endif
