/* IEEE 754 half precision (binary16) on the host, which has no such type. */
#ifndef CSA_CORE_HALF_H
#define CSA_CORE_HALF_H

#include <stdint.h>

/* Rounds to nearest, ties to even; what is too large becomes infinity, NaN stays NaN. */
uint16_t csa_half_from_float(float value);

/* Exact. */
float csa_half_to_float(uint16_t half);

#endif
