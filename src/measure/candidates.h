/* What is tried for a kernel. */
#ifndef CSA_MEASURE_CANDIDATES_H
#define CSA_MEASURE_CANDIDATES_H

#include "device/tune.h"

/* First whole sets of parameters are tried, then single steps from the best, then all steps that helped together. Lists
 * of texts like "WX=8 WY=8" that end with NULL. */
typedef struct {
  const char *kernel;
  const char *const *sets, *const *steps;
} csa_candidates;

/* What there is to try for a kernel; NULL: nothing. */
const csa_candidates *csa_candidates_of(const char *kernel);

/* `base` with what `text` says. */
csa_tuning_entry csa_candidate(const csa_tuning_entry *base, const char *text);

#endif
