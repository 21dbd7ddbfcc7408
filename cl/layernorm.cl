/* Layer normalisation over the last dimension (Ba et al. 2016), with an optional ReLU after it. x, y [rows, COLS].
 *
 * forward:   h = (x - mean) / sqrt(var + eps),  y = gamma * h + beta,  then max(y, 0) if RELU is defined;
 *            stats [rows, 2] keeps mean and 1 / sqrt(var + eps) for backward.
 * backward:  d = dy (0 where RELU cut),  g = d * gamma,
 *            dx = (g - mean(g) - h * mean(g * h)) / sqrt(var + eps), + other, the rest of the gradient of x, if
 *            JOIN_OTHER is defined; dx may be dy;
 *            parts [chunks, 2 * COLS]: sums of d * h and of d over the rows of a chunk, for dgamma and dbeta.
 *
 * One group of WG work-items a row; COLS: any. */

#define PER_ITEM ((COLS + WG - 1) / WG) /* columns of a work-item: c = local id + j * WG */

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void layernorm_forward(IN(storage, x), IN(float, gamma),
                                                                              IN(float, beta), OUT(storage, y),
                                                                              OUT(float, stats), const int rows,
                                                                              const float epsilon) {
  OPEN_IN(storage, x);
  OPEN_IN(float, gamma);
  OPEN_IN(float, beta);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, stats);
  __local float scratch[WG];
  const int me = (int)get_local_id(0);
  FOR_ITEMS(row, rows) {
    __global const storage *from = x + (long)row * COLS;
    __global storage *to = y + (long)row * COLS;
    float sum = 0.0f, squares = 0.0f;
    for (int c = me; c < COLS; c += WG) sum += LOAD(from, c);
    const float mean = group_sum(sum, scratch) / COLS;
    for (int c = me; c < COLS; c += WG) {
      const float d = LOAD(from, c) - mean;
      squares += d * d;
    }
    const float scale = 1.0f / sqrt(group_sum(squares, scratch) / COLS + epsilon);
    for (int c = me; c < COLS; c += WG) {
      const float v = gamma[c] * ((LOAD(from, c) - mean) * scale) + beta[c];
#ifdef RELU
      STORE(to, c, v < 0.0f ? 0.0f : v); /* keeps NaN */
#else
      STORE(to, c, v);
#endif
    }
    if (me == 0) {
      stats[2 * row] = mean;
      stats[2 * row + 1] = scale;
    }
  }
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void layernorm_backward(IN(storage, x), IN(float, gamma),
                                                                               IN(float, beta), IN(float, stats),
                                                                               SAME_IN(storage, dy), IN(storage, other),
                                                                               SAME_OUT(storage, dx), OUT(float, parts),
                                                                               const int rows, const int chunk_rows) {
  OPEN_IN(storage, x);
  OPEN_IN(float, gamma);
  OPEN_IN(float, beta);
  OPEN_IN(float, stats);
  OPEN_SAME_IN(storage, dy);
  OPEN_IN(storage, other);
  OPEN_SAME_OUT(storage, dx);
  OPEN_OUT(float, parts);
  __local float scratch[WG];
  const int me = (int)get_local_id(0);
  FOR_ITEMS(chunk, (rows + chunk_rows - 1) / chunk_rows) {
    const int end = min(rows, (chunk + 1) * chunk_rows);
    float dgamma[PER_ITEM], dbeta[PER_ITEM], h[PER_ITEM], g[PER_ITEM];
    for (int j = 0; j < PER_ITEM; j++) dgamma[j] = dbeta[j] = h[j] = g[j] = 0.0f;
    for (int row = chunk * chunk_rows; row < end; row++) {
      const float mean = stats[2 * row], scale = stats[2 * row + 1];
      float sum = 0.0f, dot_h = 0.0f;
      for (int j = 0, c = me; c < COLS; j++, c += WG) {
        h[j] = (LOAD(x, (long)row * COLS + c) - mean) * scale;
        float d = LOAD(dy, (long)row * COLS + c);
#ifdef RELU
        if (gamma[c] * h[j] + beta[c] <= 0.0f) d = 0.0f;
#endif
        g[j] = d * gamma[c];
        dgamma[j] += d * h[j];
        dbeta[j] += d;
        sum += g[j];
        dot_h += g[j] * h[j];
      }
      sum = group_sum(sum, scratch) / COLS;
      dot_h = group_sum(dot_h, scratch) / COLS;
      for (int j = 0, c = me; c < COLS; j++, c += WG) {
        float d = (g[j] - sum - h[j] * dot_h) * scale;
#ifdef JOIN_OTHER
        d += LOAD(other, (long)row * COLS + c);
#endif
        STORE(dx, (long)row * COLS + c, d);
      }
    }
    for (int j = 0, c = me; c < COLS; j++, c += WG) {
      parts[(long)chunk * 2 * COLS + c] = dgamma[j];
      parts[(long)chunk * 2 * COLS + COLS + c] = dbeta[j];
    }
  }
}
