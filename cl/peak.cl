/* What the device can do at most: multiply-adds, and copying. Shares of peak are shares of these.
 *
 * Every work-item runs CHAINS independent chains of multiply-adds of LANES floats, enough to hide their latency; a
 * launch of `items` work-items does items * rounds * CHAINS * LANES * 2 floating-point operations. On a CPU: LANES of
 * one of its vectors (16, 8 or 4), groups of one, several per core; on a GPU 4; more would not stay in registers. y
 * [items] gets a number that depends on every chain, so that none is left out. scale = 0.5 and shift = 1 keep all
 * values near 2. */

#define CHAINS 12
#ifndef LANES
#define LANES 4
#endif

#if LANES == 16
typedef float16 lanes;
#define QUARTER(v) (((v).lo.lo + (v).lo.hi) + ((v).hi.lo + (v).hi.hi))
#elif LANES == 8
typedef float8 lanes;
#define QUARTER(v) ((v).lo + (v).hi)
#else
typedef float4 lanes;
#define QUARTER(v) (v)
#endif

kernel void peak_fma(OUT(float, y), const int rounds, const float scale, const float shift) {
  OPEN_OUT(float, y);
  lanes chain[CHAINS];
  const int item = (int)get_global_id(0);
#pragma unroll
  for (int i = 0; i < CHAINS; i++) chain[i] = (float)(item + i);
  for (int r = 0; r < rounds; r++) {
#pragma unroll
    for (int i = 0; i < CHAINS; i++) chain[i] = fma(chain[i], (lanes)scale, (lanes)shift);
  }
  lanes sum = 0.0f;
#pragma unroll
  for (int i = 0; i < CHAINS; i++) sum += chain[i];
  const float4 quarter = QUARTER(sum);
  y[item] = (quarter.x + quarter.y) + (quarter.z + quarter.w);
}

/* y = x, both [n, 16]. */
kernel void peak_copy(IN(float, x), OUT(float, y), const int n) {
  OPEN_IN(float, x);
  OPEN_OUT(float, y);
  const int i = (int)get_global_id(0);
  if (i < n) vstore16(vload16((size_t)i, x), (size_t)i, y);
}
