#include "core/half.h"

#include <math.h>

#define INFINITE 0x7c00u
#define SIGN 0x8000u

uint16_t csa_half_from_float(float value) {
  const uint16_t sign = signbit(value) ? SIGN : 0;
  const float size = fabsf(value);
  if (isnan(size)) return sign | INFINITE | 0x200u;
  if (size >= 65520.0f) return sign | INFINITE; /* halfway from the largest half to the next power of two */
  if (size < 0x1p-14f) return sign | (uint16_t)nearbyintf(size * 0x1p24f); /* subnormal: multiples of 2^-24 */
  int exponent;
  const float fraction = frexpf(size, &exponent); /* in [0.5, 1): 11 bits of it are kept */
  const uint32_t bits = (uint32_t)nearbyintf(fraction * 2048.0f);
  return sign | (uint16_t)(((uint32_t)(exponent + 14) << 10) + (bits - 1024)); /* a carry moves the exponent up */
}

float csa_half_to_float(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  float size;
  if (exponent == 31)
    size = fraction == 0 ? INFINITY : NAN;
  else if (exponent == 0)
    size = ldexpf((float)fraction, -24);
  else
    size = ldexpf((float)(1024 + fraction), exponent - 25);
  return half & SIGN ? -size : size;
}
