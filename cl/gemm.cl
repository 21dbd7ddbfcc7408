/* Matrix product of the portable family: C = op(A) op(B) + beta C, row-major; + bias, ReLU, + residual.
 *
 * A group of WX x WY work-items makes a tile of C of ROWS x COLS elements, TM x TN for each, from strips of A and B,
 * DEPTH elements of k deep, that pass through local memory (as in Volkov and Demmel 2008).
 *
 * op(A) is [m, k]: A [m, k], or [k, m] if TRANS_A; op(B) is [k, n]: B [k, n], or [n, k] if TRANS_B; at most one is
 * transposed. lda, ldb, ldc: elements from row to row. Products of a batch are batch_a, batch_b, batch_c elements
 * apart. With splits > 1 (one product only) the sum over k is cut in `splits` runs of k_run, and C is [splits, m, n],
 * dense. BETA: add to what C has. BIAS [n], RELU, RESIDUAL [m, n]: only with batch = splits = 1; a kernel without them
 * takes the arguments and leaves them alone.
 *
 * The tile, any of which is right for every m, n and k; gemm_native.c knows what a device can hold:
 * - WX, WY: work-items across and down, any numbers.
 * - TM, TN: rows and columns of a work-item. VEC, a divisor of both: so many of them lie beside each other; what
 *   belongs to one work-item is otherwise spread over the tile, so that neighbours touch neighbours.
 * - DEPTH: of a strip. LOADS, 1 or 4, a divisor of DEPTH, ROWS and COLS: elements that are loaded at a time.
 * - PAD: floats between rows of a strip, against conflicts of local memory's banks.
 * Local memory: 4 * DEPTH * (ROWS + COLS + 2 * PAD) bytes. */

#ifndef WX
#define WX 8
#endif
#ifndef WY
#define WY 8
#endif
#ifndef TM
#define TM 4
#endif
#ifndef TN
#define TN 4
#endif
#ifndef VEC
#define VEC 1
#endif
#ifndef DEPTH
#define DEPTH 16
#endif
#ifndef LOADS
#define LOADS 4
#endif
#ifndef PAD
#define PAD 0
#endif
/* float or half */
#ifndef A_TYPE
#define A_TYPE float
#endif
#ifndef B_TYPE
#define B_TYPE float
#endif
#ifndef C_TYPE
#define C_TYPE float
#endif
#define LOAD_C(p, i) OF_TYPE(LOAD, C_TYPE)(p, i)
#define STORE_C(p, i, v) OF_TYPE(STORE, C_TYPE)(p, i, v)

#if TM * TN <= 64 /* then all sums are in registers; more would only make the code long */
#define EACH(i, n) _Pragma("unroll") for (int i = 0; i < (n); i++)
#else
#define EACH(i, n) for (int i = 0; i < (n); i++)
#endif
#define ROWS (WY * TM)
#define COLS (WX * TN)
/* of a work-item's i-th row or column */
#define PLACE(i, me, width) ((i) / VEC * ((width)*VEC) + (me)*VEC + (i) % VEC)

#ifdef TRANS_A
#define A_BY_K 0
#else
#define A_BY_K 1
#endif
#ifdef TRANS_B
#define B_BY_K 1
#else
#define B_BY_K 0
#endif

/* strip [DEPTH][size + PAD] from x: `size` rows (or columns) of op(x) from `first` on, of those before `end`, by DEPTH
 * elements of k from k0 on, of those before k_end; zeros beyond. by_k: elements beside each other in x follow each
 * other in k. A function for each operand, as each has a type. */
#define DEFINE_FETCH(name, type, size, by_k)                                                                           \
  GROUP_FUNCTION void name(__local float *strip, __global const type *x, const int ld, const int first, const int end, \
                           const int k0, const int k_end, const int me) {                                              \
    for (int e = me * LOADS; e < DEPTH * size; e += WX * WY * LOADS) {                                                 \
      const int p = by_k ? e % DEPTH : e / size, i = by_k ? e / DEPTH : e % size; /* neighbours read neighbours */     \
      const int left = by_k ? k_end - k0 - p : end - first - i;                   /* so many are there */              \
      const bool inside = k0 + p < k_end && first + i < end;                                                           \
      const long at = by_k ? (long)(first + i) * ld + k0 + p : (long)(k0 + p) * ld + first + i;                        \
      __local float *to = strip + p * (size + PAD) + i;                                                                \
      float got[LOADS];                                                                                                \
      FETCH(got, type, x, at, inside, left);                                                                           \
      for (int l = 0; l < LOADS; l++) to[l * (by_k ? size + PAD : 1)] = got[l];                                        \
    }                                                                                                                  \
  }
#if LOADS == 4
#define FETCH(got, type, x, at, inside, left)     \
  if (inside && left >= 4)                        \
    vstore4(OF_TYPE(LOAD4, type)(x, at), 0, got); \
  else                                            \
    for (int l = 0; l < 4; l++) got[l] = inside && l < left ? OF_TYPE(LOAD, type)(x, at + l) : 0.0f
#else
#define FETCH(got, type, x, at, inside, left) got[0] = inside && left > 0 ? OF_TYPE(LOAD, type)(x, at) : 0.0f
#endif
DEFINE_FETCH(fetch_a, A_TYPE, ROWS, A_BY_K)
DEFINE_FETCH(fetch_b, B_TYPE, COLS, B_BY_K)

/* sum [TM][TN] += the products of two strips. */
GROUP_FUNCTION void add_products(float sum[TM][TN], __local const float *strip_a, __local const float *strip_b,
                                 const int row, const int col) {
  for (int p = 0; p < DEPTH; p++) {
    float of_a[TM], of_b[TN];
    EACH(i, TM) of_a[i] = strip_a[p * (ROWS + PAD) + PLACE(i, row, WY)];
    EACH(j, TN) of_b[j] = strip_b[p * (COLS + PAD) + PLACE(j, col, WX)];
    EACH(i, TM) EACH(j, TN) sum[i][j] += of_a[i] * of_b[j];
  }
}

kernel __attribute__((reqd_work_group_size(WX * WY, 1, 1))) void gemm_tile(
    IN(A_TYPE, a), const int lda, const int batch_a, IN(B_TYPE, b), const int ldb, const int batch_b, OUT(C_TYPE, c),
    const int ldc, const int batch_c, IN(float, bias), IN(C_TYPE, residual), const int m, const int n, const int k,
    const int batch, const int splits, const int k_run) {
  OPEN_IN(A_TYPE, a);
  OPEN_IN(B_TYPE, b);
  OPEN_OUT(C_TYPE, c);
  OPEN_IN(float, bias);
  OPEN_IN(C_TYPE, residual);
  __local float strip_a[DEPTH * (ROWS + PAD)], strip_b[DEPTH * (COLS + PAD)];
  const int me = (int)get_local_id(0), row = me / WX, col = me % WX;
  const int across = (n + COLS - 1) / COLS, down = (m + ROWS - 1) / ROWS;
  FOR_ITEMS(item, across * down * batch * splits) {
    const int left = item % across * COLS, top = item / across % down * ROWS, part = item / (across * down);
    const int split = splits > 1 ? part : 0, product = splits > 1 ? 0 : part;
    const int k_first = split * k_run, k_end = min(k, k_first + k_run);
    float sum[TM][TN];
    EACH(i, TM) EACH(j, TN) sum[i][j] = 0.0f;
    for (int k0 = k_first; k0 < k_end; k0 += DEPTH) {
      fetch_a(strip_a, a + (long)product * batch_a, lda, top, m, k0, k_end, me);
      fetch_b(strip_b, b + (long)product * batch_b, ldb, left, n, k0, k_end, me);
      barrier(CLK_LOCAL_MEM_FENCE);
      add_products(sum, strip_a, strip_b, row, col);
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    EACH(i, TM) EACH(j, TN) {
      const int y = top + PLACE(i, row, WY), x = left + PLACE(j, col, WX);
      if (y >= m || x >= n) continue;
      const long at = splits > 1 ? ((long)split * m + y) * n + x : (long)product * batch_c + (long)y * ldc + x;
      float value = sum[i][j];
#ifdef BETA
      value += LOAD_C(c, at);
#endif
#ifdef BIAS
      value += bias[x];
#endif
#ifdef RELU
      value = value < 0.0f ? 0.0f : value; /* keeps NaN */
#endif
#ifdef RESIDUAL
      value += LOAD_C(residual, (long)y * n + x);
#endif
      STORE_C(c, at, value);
    }
  }
}

/* What follows a product that another provider made: C [m, n] = x, + C if BETA, and the same epilogue. x may be C. */
kernel void gemm_epilogue(SAME_IN(float, x), const int ldx, SAME_OUT(C_TYPE, c), const int ldc, IN(float, bias),
                          IN(C_TYPE, residual), const int m, const int n) {
  OPEN_SAME_IN(float, x);
  OPEN_SAME_OUT(C_TYPE, c);
  OPEN_IN(float, bias);
  OPEN_IN(C_TYPE, residual);
  const int i = (int)get_global_id(0);
  if (i >= m * n) return;
  const long at = (long)(i / n) * ldc + i % n;
  float value = x[(long)(i / n) * ldx + i % n];
#ifdef BETA
  value += LOAD_C(c, at);
#endif
#ifdef BIAS
  value += bias[i % n];
#endif
#ifdef RELU
  value = value < 0.0f ? 0.0f : value; /* keeps NaN */
#endif
#ifdef RESIDUAL
  value += LOAD_C(residual, i);
#endif
  STORE_C(c, at, value);
}
