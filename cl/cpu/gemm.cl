/* Matrix product of the CPU family: C = op(A) op(B) + beta C, row-major; + bias, ReLU, + residual.
 *
 * A work-item makes a run of rows of C by a run of panels; a panel is W = NV * VW columns. Inside, k goes in blocks of
 * DEPTH, so that a panel's block of B stays in the second-level cache while all rows of the run pass over it. The
 * innermost step is a tile of MR x W elements of C in registers (Goto and van de Geijn 2008): per k, NV vectors of B
 * and MR broadcast elements of A make MR * NV multiply-adds.
 *
 * op(A) is [m, k]: A [m, k], or [k, m] if TRANS_A, rows lda apart; it is read where it lies.
 *
 * B comes in panels: row p of panel j starts at j * panel_b + p * ldb. gemm_pack_b makes them from B [k, n], or [n, k]
 * if TRANS_B. A B [k, n] with n a multiple of W is made of panels already, and reading it in place is as fast while
 * its rows are short, ldb <= 1024.
 * - packed: ldb = W, panel_b = k * W, batch_b = ceil(n / W) * k * W, the floats to reserve for each product;
 * - in place: ldb and batch_b of B itself, panel_b = W.
 *
 * With splits > 1 the sum over k is cut in splits = ceil(k / k_run) runs; otherwise k_run = k. Products of a batch are
 * batch_a, batch_b and batch_c elements apart. C is batch * splits matrices batch_c apart, those of one product
 * adjacent: with ldc = n and batch_c = m * n, [batch, splits, m, n]. Weight gradients do best with runs of about DEPTH.
 *
 * BETA: add to what C has. BIAS [n]; RELU; RESIDUAL [m, n], rows ldr apart: each for one product, one split. A kernel
 * without them takes the arguments and leaves them alone.
 *
 * STREAM_C, for a C that no cache holds: whole tiles are stored past the caches; ldc, batch_c and C's start must then
 * be multiples of VW.
 *
 * How the host chooses; cores are the device's compute units:
 * - VW: the device's native vector of floats, 16, 8 or 4; where n <= VW / 2, half of it, down to 4.
 * - NV, vectors of a panel: up to MAX = 4 where VW is 16 (such devices have 32 registers), else up to 2: the one with
 *   the least ceil(n / W) * (8 * NV + 1), the larger of equals.
 * - MR: 6 for NV = MAX, else 8; the tile takes MR * NV + NV + 1 registers.
 * - row_run, a multiple of MR: m if there are 8 splits or more per core, so that A and B are read once; else 48; 24
 *   if that makes less than 32 items per core; MR if that makes less than 8.
 * - panel_run: ceil(n / W), halved, rounding up, while there are less than 4 items per core.
 * - groups: any number is right, best is one per item: batch * splits * ceil(m / row_run) * ceil(panels / panel_run).
 */

#ifndef VW
#define VW 16
#endif
#ifndef NV
#define NV 4
#endif
#ifndef MR
#define MR 6
#endif
#ifndef DEPTH /* of a block of k */
#define DEPTH 512
#endif
#ifndef BETA
#define BETA 0
#endif
#ifndef BIAS
#define BIAS 0
#endif
#ifndef RELU
#define RELU 0
#endif
#ifndef RESIDUAL
#define RESIDUAL 0
#endif

#ifndef STREAM_C
#define STREAM_C 0
#endif

#define W (NV * VW)
#define LINE 16 /* floats of a cache line, or of half of one */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define LOADV(p) JOIN(vload, VW)(0, (p))
#define STOREV(v, p) JOIN(vstore, VW)((v), 0, (p))
typedef JOIN(float, VW) vec;

#ifdef TRANS_A
#define ROW_STEP 1
#define K_STEP lda
#else
#define ROW_STEP lda
#define K_STEP 1
#endif

/* What is added to a sum `v`, a vector or an element, before it is stored in C. `old`: C holds a part of it already;
 * `last`: no part is missing. */
#define FINISH(T, v, READ, row, col)                             \
  if (old) v += READ(c + (long)row * ldc + (col));               \
  if (last) {                                                    \
    if (BIAS) v += READ(bias + (col));                           \
    if (RELU) v = v < (T)0.0f ? (T)0.0f : v; /* keeps NaN */     \
    if (RESIDUAL) v += READ(residual + (long)row * ldr + (col)); \
  }
#define READ_ELEMENT(p) (*(p))

/* One tile: `rows` (up to MR) rows and `cols` (up to W) columns of C, from k elements of A and B. Rows beyond `rows`
 * repeat the last one and are dropped. a, b, c, bias and residual start at the tile. */
static inline void make_tile(__global const float *a, const int lda, __global const float *b, const int ldb,
                             __global float *c, const int ldc, __global const float *bias,
                             __global const float *residual, const int ldr, const int rows, const int cols, const int k,
                             const bool old, const bool last) {
  vec sum[MR][NV];
  long row_start[MR];
#pragma unroll
  for (int i = 0; i < MR; i++) {
    row_start[i] = (long)min(i, rows - 1) * ROW_STEP;
#pragma unroll
    for (int j = 0; j < NV; j++) sum[i][j] = 0.0f;
  }
  if (RESIDUAL && last) /* from memory, most likely: asked for before the tile is made */
    for (int i = 0; i < rows; i++)
      for (int x = 0; x < cols; x += LINE) PREFETCH(residual + (long)i * ldr + x);
  for (int p = 0; p < k; p++) {
    vec of_b[NV];
#pragma unroll
    for (int j = 0; j < NV; j++) of_b[j] = LOADV(b + j * VW);
#pragma unroll
    for (int i = 0; i < MR; i++) {
      const vec of_a = a[row_start[i]];
#pragma unroll
      for (int j = 0; j < NV; j++) sum[i][j] = fma(of_a, of_b[j], sum[i][j]);
    }
    a += K_STEP;
    b += ldb;
  }
  if (rows == MR && cols == W) {
#pragma unroll
    for (int i = 0; i < MR; i++) {
#pragma unroll
      for (int j = 0; j < NV; j++) {
        vec v = sum[i][j];
        FINISH(vec, v, LOADV, i, j * VW)
        if (STREAM_C && last)
          STREAM(vec, v, c + (long)i * ldc + j * VW);
        else
          STOREV(v, c + (long)i * ldc + j * VW);
      }
    }
    return;
  }
  float edge[MR][W];
#pragma unroll
  for (int i = 0; i < MR; i++) {
#pragma unroll
    for (int j = 0; j < NV; j++) STOREV(sum[i][j], &edge[i][j * VW]);
  }
  for (int i = 0; i < rows; i++)
    for (int x = 0; x < cols; x++) {
      float v = edge[i][x];
      FINISH(float, v, READ_ELEMENT, i, x)
      c[(long)i * ldc + x] = v;
    }
}

/* Asks for the next rows of A, which lie too far apart to be foreseen. */
static inline void fetch_rows(__global const float *a, const int lda, const int rows, const int k) {
#ifndef TRANS_A
  for (int i = 0; i < rows; i++)
    for (int p = 0; p < k; p += LINE) PREFETCH(a + (long)i * lda + p);
#endif
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void gemm_panels(
    IN(float, a), const int lda, const int batch_a, IN(float, b), const int ldb, const int panel_b, const int batch_b,
    OUT(float, c), const int ldc, const int batch_c, IN(float, bias), IN(float, residual), const int ldr, const int m,
    const int n, const int k, const int batch, const int splits, const int k_run, const int row_run,
    const int panel_run) {
  OPEN_IN(float, a);
  OPEN_IN(float, b);
  OPEN_OUT(float, c);
  OPEN_IN(float, bias);
  OPEN_IN(float, residual);
  const int panels = (n + W - 1) / W, across = (panels + panel_run - 1) / panel_run, down = (m + row_run - 1) / row_run;
  FOR_ITEMS(item, across * down * batch * splits) {
    const int panel_first = item % across * panel_run, panel_end = min(panels, panel_first + panel_run);
    const int row_first = item / across % down * row_run, row_end = min(m, row_first + row_run);
    const int part = item / (across * down), product = part / splits;
    const int k_first = part % splits * k_run, k_end = min(k, k_first + k_run);
    for (int p = k_first; p < k_end; p += DEPTH) {
      const int depth = min(DEPTH, k_end - p);
      for (int panel = panel_first; panel < panel_end; panel++) {
        const int col = panel * W, cols = min(W, n - col);
        __global const float *of_b = b + (long)product * batch_b + (long)panel * panel_b + (long)p * ldb;
        for (int row = row_first; row < row_end; row += MR) {
          __global const float *of_a = a + (long)product * batch_a + (long)row * ROW_STEP + (long)p * K_STEP;
          if (panel == panel_first) fetch_rows(of_a + MR * lda, lda, clamp(row_end - row - MR, 0, MR), depth);
          __global float *of_c = c + (long)part * batch_c + (long)row * ldc + col;
          make_tile(of_a, lda, of_b, ldb, of_c, ldc, bias + col, residual + (long)row * ldr + col, ldr,
                    min(MR, row_end - row), cols, depth, BETA || p > k_first, p + depth == k_end);
        }
      }
    }
  }
}

#define PACK_ROWS 64 /* of an item's turn */

/* Packs B [k, n], or [n, k] if TRANS_B, into panels [batch, ceil(n / W), k, W], zeros beyond column n. Best is one
 * group per PACK_ROWS rows of a panel: ceil(k / 64) * ceil(n / W) * batch. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void gemm_pack_b(IN(float, b), const int ldb, const int batch_b,
                                                                       OUT(float, packed), const int n, const int k,
                                                                       const int batch) {
  OPEN_IN(float, b);
  OPEN_OUT(float, packed);
  const int panels = (n + W - 1) / W, runs = (k + PACK_ROWS - 1) / PACK_ROWS;
  FOR_ITEMS(item, panels * runs * batch) {
    const int first = item % runs * PACK_ROWS, rows = min(PACK_ROWS, k - first);
    const int panel = item / runs % panels, product = item / (runs * panels), cols = min(W, n - panel * W);
    __global float *to = packed + ((long)(product * panels + panel) * k + first) * W;
#ifdef TRANS_B
    __global const float *from = b + (long)product * batch_b + (long)panel * W * ldb + first;
    for (int x = 0; x < cols; x++)
      for (int p = 0; p < rows; p++) to[p * W + x] = from[(long)x * ldb + p];
#else
    __global const float *from = b + (long)product * batch_b + (long)first * ldb + panel * W;
    for (int p = 0; p < rows; p++)
      for (int x = 0; x < cols; x++) to[p * W + x] = from[(long)p * ldb + x];
#endif
    for (int p = 0; p < rows; p++)
      for (int x = cols; x < W; x++) to[p * W + x] = 0.0f;
  }
}
