/* Matrix product of the portable family: C = op(A) op(B) + beta C, row-major; + bias, ReLU, + residual.
 *
 * A group of SIDE x SIDE work-items makes a tile of C of 4 SIDE x 4 SIDE elements, 4 x 4 for each, from strips of A and
 * B that pass through local memory (as in Volkov and Demmel 2008).
 *
 * op(A) is [m, k]: A [m, k], or [k, m] if TRANS_A; op(B) is [k, n]: B [k, n], or [n, k] if TRANS_B; at most one is
 * transposed. lda, ldb, ldc: elements from row to row. Products of a batch are batch_a, batch_b, batch_c elements
 * apart. With splits > 1 (one product only) the sum over k is cut in `splits` runs of k_run, and C is [splits, m, n],
 * dense. BETA: add to what C has. BIAS [n], RELU, RESIDUAL [m, n]: only with batch = splits = 1; a kernel without them
 * takes the arguments and leaves them alone. SIDE: 8, 4, 2 or 1; WG = SIDE * SIDE. */

#ifndef SIDE
#define SIDE 8
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

#define TILE (4 * SIDE)
#define DEPTH 16 /* of a strip */

kernel __attribute__((reqd_work_group_size(SIDE * SIDE, 1, 1))) void gemm_tile(
    IN(A_TYPE, a), const int lda, const int batch_a, IN(B_TYPE, b), const int ldb, const int batch_b, OUT(C_TYPE, c),
    const int ldc, const int batch_c, IN(float, bias), IN(C_TYPE, residual), const int m, const int n, const int k,
    const int batch, const int splits, const int k_run) {
  OPEN_IN(A_TYPE, a);
  OPEN_IN(B_TYPE, b);
  OPEN_OUT(C_TYPE, c);
  OPEN_IN(float, bias);
  OPEN_IN(C_TYPE, residual);
  __local float strip_a[DEPTH][TILE], strip_b[DEPTH][TILE];
  const int me = (int)get_local_id(0), row = me / SIDE, col = me % SIDE;
  const int across = (n + TILE - 1) / TILE, down = (m + TILE - 1) / TILE;
  FOR_ITEMS(item, across * down * batch * splits) {
    const int left = item % across * TILE, top = item / across % down * TILE, part = item / (across * down);
    const int split = splits > 1 ? part : 0, product = splits > 1 ? 0 : part;
    const int k_first = split * k_run, k_end = min(k, k_first + k_run);
    float sum[4][4];
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 4; j++) sum[i][j] = 0.0f;
    for (int k0 = k_first; k0 < k_end; k0 += DEPTH) {
      for (int e = me; e < DEPTH * TILE; e += SIDE * SIDE) {
#ifdef TRANS_A
        const int ka = e / TILE, ia = e % TILE; /* neighbours read neighbours */
        const long at_a = (long)(k0 + ka) * lda + top + ia;
#else
        const int ka = e % DEPTH, ia = e / DEPTH;
        const long at_a = (long)(top + ia) * lda + k0 + ka;
#endif
#ifdef TRANS_B
        const int kb = e % DEPTH, jb = e / DEPTH;
        const long at_b = (long)(left + jb) * ldb + k0 + kb;
#else
        const int kb = e / TILE, jb = e % TILE;
        const long at_b = (long)(k0 + kb) * ldb + left + jb;
#endif
        strip_a[ka][ia] =
            k0 + ka < k_end && top + ia < m ? OF_TYPE(LOAD, A_TYPE)(a, (long)product * batch_a + at_a) : 0.0f;
        strip_b[kb][jb] =
            k0 + kb < k_end && left + jb < n ? OF_TYPE(LOAD, B_TYPE)(b, (long)product * batch_b + at_b) : 0.0f;
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      for (int kk = 0; kk < DEPTH; kk++)
        for (int i = 0; i < 4; i++)
          for (int j = 0; j < 4; j++) sum[i][j] += strip_a[kk][row + i * SIDE] * strip_b[kk][col + j * SIDE];
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 4; j++) {
        const int y = top + row + i * SIDE, x = left + col + j * SIDE;
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
