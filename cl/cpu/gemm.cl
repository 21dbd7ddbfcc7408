/* Matrix product of the CPU family: C = op(A) op(B) + beta C, row-major; + bias, ReLU, + residual.
 *
 * A work-item makes a run of rows of C by a run of panels; a panel is W = NV * VW columns. Inside, k goes in blocks of
 * DEPTH (TRANS_DEPTH), so that a panel's block of B stays in the second-level cache while all rows of the run pass over
 * it. The innermost step is a tile of MR x W elements of C in registers (Goto and van de Geijn 2008): per k, NV vectors
 * of B and MR broadcast elements of A make MR * NV multiply-adds.
 *
 * op(A) is [m, k]: A [m, k], or [k, m] if TRANS_A, rows lda apart; it is read where it lies.
 *
 * B comes in panels: row p of panel j starts at j * panel_b + p * ldb. cl/cpu/pack.cl makes them from B. A B [k, n]
 * with n a multiple of W is made of panels already, and reading it in place costs less than packing if it is one panel
 * (ldb = W), or if its rows are short (ldb <= 1024) and those of A are few (m < 64 W) or A is [k, m].
 * - packed: ldb = W, panel_b = k * W, batch_b = ceil(n / W) * k * W, the floats to reserve for each product;
 * - in place: ldb and batch_b of B itself, panel_b = W.
 *
 * With splits > 1 the sum over k is cut in splits = ceil(k / k_run) runs; otherwise k_run = k. Products of a batch are
 * batch_a, batch_b and batch_c elements apart. C is batch * splits matrices batch_c apart, those of one product
 * adjacent: with ldc = n and batch_c = m * n, [batch, splits, m, n]. Weight gradients do best with a few long runs.
 *
 * SUMS, for an A [k, m] of one product: m sums over k of A's columns follow each of these matrices; batch_c counts
 * them.
 *
 * `flags` says what else is asked for; tensors that it does not name are left alone. BETA: add to what C has. BIAS [n];
 * RELU; RESIDUAL [m, n], rows ldr apart: each for one product, one split. STREAM_C, for a C that no cache holds: whole
 * tiles are stored past the caches; ldc, batch_c and C's start must then be multiples of VW. These are arguments, since
 * each program takes a good part of a second to compile, and the innermost loop knows none of them.
 *
 * A is of type A_TYPE, B of B_TYPE (floats if packed), C and RESIDUAL of C_TYPE: float or half. A half C takes
 * k <= DEPTH: its sums are never stored in between.
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

#ifndef DEPTH /* of a block of k */
#define DEPTH 512
#endif
#ifndef TRANS_DEPTH /* the same where A is [k, m]: all rows of the block are read for every panel */
#define TRANS_DEPTH 256
#endif
#ifndef A_TYPE
#define A_TYPE float
#endif
#ifndef B_TYPE
#define B_TYPE float
#endif
#ifndef C_TYPE
#define C_TYPE float
#endif
/* flags, as in gemm_native.c */
#define TRANS_A 1
#define BETA 2
#define BIAS 4
#define RELU 8
#define RESIDUAL 16
#define STREAM_C 32
#define SUMS 64

#define W (NV * VW)

/* Where a tile of C goes, and what is done to its sums before: `flags`. All pointers are at the tile. */
typedef struct {
  __global C_TYPE *c;
  __global const float *bias;
  __global const C_TYPE *residual;
  int ldc, ldr, rows, cols, flags;
} target;

/* A whole tile. */
static inline void store_tile(vec sum[MR][NV], const target *t) {
  if (t->flags & BETA) EACH(i, MR) EACH(j, NV) sum[i][j] += OF_TYPE(LOAD_VEC, C_TYPE)(t->c + (long)i * t->ldc + j * VW);
  if (t->flags & BIAS) EACH(j, NV) {
      const vec shift = LOADV(t->bias + j * VW);
      EACH(i, MR) sum[i][j] += shift;
    }
  if (t->flags & RELU)
    EACH(i, MR) EACH(j, NV) sum[i][j] = sum[i][j] < (vec)0.0f ? (vec)0.0f : sum[i][j]; /* keeps NaN */
  if (t->flags & RESIDUAL)
    EACH(i, MR) EACH(j, NV) sum[i][j] += OF_TYPE(LOAD_VEC, C_TYPE)(t->residual + (long)i * t->ldr + j * VW);
  if (t->flags & STREAM_C)
    EACH(i, MR) EACH(j, NV) OF_TYPE(STREAM, C_TYPE)(sum[i][j], t->c + (long)i * t->ldc + j * VW);
  else
    EACH(i, MR) EACH(j, NV) OF_TYPE(STORE_VEC, C_TYPE)(sum[i][j], t->c + (long)i * t->ldc + j * VW);
}

/* A tile at the lower or right edge of C: element by element. */
static inline void store_edge(vec sum[MR][NV], const target *t) {
  float edge[MR * W];
  EACH(i, MR) EACH(j, NV) * (loose *)(edge + i * W + j * VW) = sum[i][j];
  for (int i = 0; i < t->rows; i++)
    for (int x = 0; x < t->cols; x++) {
      const long at = (long)i * t->ldc + x;
      float v = edge[i * W + x];
      if (t->flags & BETA) v += OF_TYPE(LOAD, C_TYPE)(t->c, at);
      if (t->flags & BIAS) v += t->bias[x];
      if (t->flags & RELU) v = v < 0.0f ? 0.0f : v;
      if (t->flags & RESIDUAL) v += OF_TYPE(LOAD, C_TYPE)(t->residual, (long)i * t->ldr + x);
      OF_TYPE(STORE, C_TYPE)(t->c, at, v);
    }
}

/* One tile: `rows` (up to MR) rows and `cols` (up to W) columns of C, from k elements of A and B. Rows beyond `rows`
 * repeat the last one and are dropped. */
static inline void make_tile(__global const A_TYPE *a, const long row_step, const long k_step, __global const B_TYPE *b,
                             const int ldb, const int k, const target *t) {
  vec sum[MR][NV];
  long row_start[MR];
  EACH(i, MR) {
    row_start[i] = min(i, t->rows - 1) * row_step;
    EACH(j, NV) sum[i][j] = 0.0f;
  }
  for (int i = 0; i < t->rows; i++) /* in memory, most likely: asked for before the tile is made */
    for (int x = 0; x < t->cols; x += LINE) {
      if (!(t->flags & STREAM_C)) PREFETCH_OUT(t->c + (long)i * t->ldc + x);
      if (t->flags & RESIDUAL) PREFETCH(t->residual + (long)i * t->ldr + x);
    }
  for (int p = 0; p < k; p++) {
    vec of_b[NV];
    EACH(j, NV) of_b[j] = OF_TYPE(LOAD_VEC, B_TYPE)(b + j * VW);
    EACH(i, MR) {
      const vec of_a = OF_TYPE(LOAD, A_TYPE)(a, row_start[i]);
      EACH(j, NV) sum[i][j] = fma(of_a, of_b[j], sum[i][j]);
    }
    a += k_step;
    b += ldb;
  }
  if (t->rows == MR && t->cols == W)
    store_tile(sum, t);
  else
    store_edge(sum, t);
}

/* Asks for rows of A, which lie too far apart to be foreseen. */
static inline void fetch_rows(__global const A_TYPE *a, const int lda, const int rows, const int k) {
  for (int i = 0; i < rows; i++)
    for (int p = 0; p < k; p += LINE) PREFETCH(a + (long)i * lda + p);
}

/* Asks for part `turn` of `turns` of a block that comes next, k rows of `cols`, in the order in which it lies. For A
 * [k, m] and the B that goes with it, both long: rows are short runs of longer ones, which nobody foresees. */
#define DEFINE_FETCH(name, type)                                                                                 \
  static inline void name(__global const type *block, const int ld, const int cols, const int k, const int turn, \
                          const int turns) {                                                                     \
    for (int p = (int)((long)turn * k / turns); p < (int)((long)(turn + 1) * k / turns); p++)                    \
      for (int x = 0; x < cols; x += LINE) PREFETCH(block + (long)p * ld + x);                                   \
  }
DEFINE_FETCH(fetch_block_a, A_TYPE)
DEFINE_FETCH(fetch_block_b, B_TYPE)

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void gemm_panels(
    IN(A_TYPE, a), const int lda, const int batch_a, IN(B_TYPE, b), const int ldb, const int panel_b, const int batch_b,
    OUT(C_TYPE, c), const int ldc, const int batch_c, IN(float, bias), IN(C_TYPE, residual), const int ldr, const int m,
    const int n, const int k, const int batch, const int splits, const int k_run, const int row_run,
    const int panel_run, const int flags) {
  OPEN_IN(A_TYPE, a);
  OPEN_IN(B_TYPE, b);
  OPEN_OUT(C_TYPE, c);
  OPEN_IN(float, bias);
  OPEN_IN(C_TYPE, residual);
  const long row_step = flags & TRANS_A ? 1 : lda, k_step = flags & TRANS_A ? lda : 1;
  const int panels = (n + W - 1) / W, across = (panels + panel_run - 1) / panel_run, down = (m + row_run - 1) / row_run;
  FOR_ITEMS(item, across * down * batch * splits) {
    const int panel_first = item % across * panel_run, panel_end = min(panels, panel_first + panel_run);
    const int row_first = item / across % down * row_run, row_end = min(m, row_first + row_run);
    const int part = item / (across * down), product = part / splits;
    const int k_first = part % splits * k_run, k_end = min(k, k_first + k_run);
    const int depth_most = flags & TRANS_A ? TRANS_DEPTH : DEPTH;
    const int strips = (row_end - row_first + MR - 1) / MR, tiles = strips * (panel_end - panel_first);
    for (int p = k_first; p < k_end; p += depth_most) {
      const int depth = min(depth_most, k_end - p), next = min(depth_most, k_end - p - depth);
      if (flags & SUMS && panel_first == 0) {
        __global float *sums = (__global float *)c + (long)part * batch_c + (long)m * n + row_first;
        for (int i = 0; p == k_first && i < row_end - row_first; i++) sums[i] = 0.0f;
        add_rows(sums, a + (long)p * lda + row_first, depth, row_end - row_first, lda);
      }
      int tile = 0;
      const int now = (p + depth == k_end ? flags : flags & BETA) | (p > k_first ? BETA : 0);
      for (int panel = panel_first; panel < panel_end; panel++) {
        const int col = panel * W;
        __global const B_TYPE *of_b = b + (long)product * batch_b + (long)panel * panel_b + (long)p * ldb;
        const bool last = panel + 1 == panel_end; /* then comes the first of the next block of k */
        __global const B_TYPE *next_b =
            last ? of_b - (long)(panel - panel_first) * panel_b + (long)depth * ldb : of_b + panel_b;
        for (int row = row_first; row < row_end; row += MR) {
          __global const A_TYPE *of_a = a + (long)product * batch_a + row * row_step + p * k_step;
          if (panel == panel_first && !(flags & TRANS_A))
            fetch_rows(of_a + MR * lda, lda, clamp(row_end - row - MR, 0, MR), depth);
          if (flags & TRANS_A) {
            fetch_block_a(a + (long)product * batch_a + (long)(p + depth) * lda + row_first, lda, row_end - row_first,
                          next, tile++, tiles);
            fetch_block_b(next_b, ldb, W, last ? next : depth, (row - row_first) / MR, strips);
          }
          const target to = {.c = c + (long)part * batch_c + (long)row * ldc + col,
                             .bias = bias + col,
                             .residual = residual + (long)row * ldr + col,
                             .ldc = ldc,
                             .ldr = ldr,
                             .rows = min(MR, row_end - row),
                             .cols = min(W, n - col),
                             .flags = now};
          make_tile(of_a, row_step, k_step, of_b, ldb, depth, &to);
        }
      }
    }
  }
}
