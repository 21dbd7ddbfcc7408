/* What the device can do at most: multiply-adds, and copying. Shares of peak are shares of these.
 *
 * Every work-item runs CHAINS independent chains of float16 multiply-adds, enough to hide their latency; a launch of
 * `items` work-items does items * rounds * CHAINS * 16 * 2 floating-point operations. On a CPU: groups of one, several
 * per core. y [items] gets a number that depends on every chain, so that none is left out. scale = 0.5 and shift = 1
 * keep all values near 2. */

#define CHAINS 12

kernel void peak_fma(OUT(float, y), const int rounds, const float scale, const float shift) {
  OPEN_OUT(float, y);
  float16 chain[CHAINS];
  const int item = (int)get_global_id(0);
#pragma unroll
  for (int i = 0; i < CHAINS; i++) chain[i] = (float)(item + i);
  for (int r = 0; r < rounds; r++) {
#pragma unroll
    for (int i = 0; i < CHAINS; i++) chain[i] = fma(chain[i], (float16)scale, (float16)shift);
  }
  float16 sum = 0.0f;
#pragma unroll
  for (int i = 0; i < CHAINS; i++) sum += chain[i];
  const float8 half_sum = sum.lo + sum.hi;
  const float4 quarter = half_sum.lo + half_sum.hi;
  y[item] = (quarter.x + quarter.y) + (quarter.z + quarter.w);
}

/* y = x, both [n, 16]. */
kernel void peak_copy(IN(float, x), OUT(float, y), const int n) {
  OPEN_IN(float, x);
  OPEN_OUT(float, y);
  const int i = (int)get_global_id(0);
  if (i < n) vstore16(vload16(i, x), i, y);
}
