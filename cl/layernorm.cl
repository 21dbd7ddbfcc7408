/* Layer normalisation over the last dimension (Ba et al. 2016), with an optional ReLU after it. x, y [rows, COLS].
 *
 * forward:   h = (x - mean) / sqrt(var + eps),  y = weight * h + bias,  then max(y, 0) if RELU is defined;
 *            stats [rows, 2] keeps mean and 1 / sqrt(var + eps) for backward.
 * backward:  d = dy (0 where RELU cut),  g = d * weight,
 *            dx = (g - mean(g) - h * mean(g * h)) / sqrt(var + eps), + other, the rest of the gradient of x, if
 *            JOIN_OTHER is defined; dx may be dy;
 *            parts [chunks * GROUP_ROWS, 2 * COLS]: sums of d * h and of d, for dweight and dbias. A group takes a
 *            chunk of rows, GROUP_ROWS at a time; every GROUP_ROWS-th row of a chunk goes into the same sums.
 *
 * A row belongs to ROW_ITEMS work-items (common.clh), each of which takes every ROW_ITEMS-th column. COLS: any. */

#define PER_ITEM ((COLS + ROW_ITEMS - 1) / ROW_ITEMS)
#if PER_ITEM <= 8 /* longer rows keep their columns in private memory: unrolled, they compile for minutes on PoCL */
#define EACH_COLUMN _Pragma("unroll") for (int j = 0; j < PER_ITEM; j++)
#else
#define EACH_COLUMN for (int j = 0; j < PER_ITEM; j++)
#endif

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void layernorm_forward(IN(storage, x), IN(float, weight),
                                                                              IN(float, bias), OUT(storage, y),
                                                                              OUT(float, stats), const int rows,
                                                                              const float epsilon) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, stats);
  __local float scratch[WG];
  const int me = (int)get_local_id(0), item = me % ROW_ITEMS;
  FOR_ITEMS(turn, (rows + GROUP_ROWS - 1) / GROUP_ROWS) {
    const int row = turn * GROUP_ROWS + me / ROW_ITEMS;
    const bool there = row < rows;
    const long at = (long)min(row, rows - 1) * COLS;
    float sum = 0.0f, squares = 0.0f, d[PER_ITEM];
    EACH_COLUMN {
      const int c = item + j * ROW_ITEMS;
      d[j] = c < COLS ? LOAD(x, at + c) : 0.0f;
      sum += d[j];
    }
    const float mean = row_sum(sum, scratch) / COLS;
    EACH_COLUMN {
      d[j] = item + j * ROW_ITEMS < COLS ? d[j] - mean : 0.0f;
      squares += d[j] * d[j];
    }
    const float scale = 1.0f / sqrt(row_sum(squares, scratch) / COLS + epsilon);
    EACH_COLUMN {
      const int c = item + j * ROW_ITEMS;
      if (!there || c >= COLS) continue;
      const float v = weight[c] * (d[j] * scale) + bias[c];
#ifdef RELU
      STORE(y, at + c, v < 0.0f ? 0.0f : v); /* keeps NaN */
#else
      STORE(y, at + c, v);
#endif
    }
    if (there && item == 0) {
      stats[2 * row] = mean;
      stats[2 * row + 1] = scale;
    }
  }
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void layernorm_backward(IN(storage, x), IN(float, weight),
                                                                               IN(float, bias), IN(float, stats),
                                                                               SAME_IN(storage, dy), IN(storage, other),
                                                                               SAME_OUT(storage, dx), OUT(float, parts),
                                                                               const int rows, const int chunk_rows) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_IN(float, stats);
  OPEN_SAME_IN(storage, dy);
  OPEN_IN(storage, other);
  OPEN_SAME_OUT(storage, dx);
  OPEN_OUT(float, parts);
  __local float scratch[WG];
  const int me = (int)get_local_id(0), item = me % ROW_ITEMS;
  FOR_ITEMS(chunk, (rows + chunk_rows - 1) / chunk_rows) {
    const int end = min(rows, (chunk + 1) * chunk_rows);
    float dweight[PER_ITEM], dbias[PER_ITEM];
    EACH_COLUMN dweight[j] = dbias[j] = 0.0f;
    for (int first = chunk * chunk_rows; first < end; first += GROUP_ROWS) {
      const int row = first + me / ROW_ITEMS;
      const bool there = row < end;
      const long at = (long)min(row, end - 1) * COLS;
      const float mean = stats[2 * min(row, end - 1)], scale = stats[2 * min(row, end - 1) + 1];
      float h[PER_ITEM], g[PER_ITEM], sum = 0.0f, dot_h = 0.0f;
      EACH_COLUMN {
        const int c = item + j * ROW_ITEMS;
        const bool inside = there && c < COLS;
        h[j] = inside ? (LOAD(x, at + c) - mean) * scale : 0.0f;
        float d = inside ? LOAD(dy, at + c) : 0.0f;
#ifdef RELU
        if (inside && weight[c] * h[j] + bias[c] <= 0.0f) d = 0.0f;
#endif
        g[j] = inside ? d * weight[c] : 0.0f;
        dweight[j] += d * h[j];
        dbias[j] += d;
        sum += g[j];
        dot_h += g[j] * h[j];
      }
      sum = row_sum(sum, scratch) / COLS;
      dot_h = row_sum(dot_h, scratch) / COLS;
      EACH_COLUMN {
        const int c = item + j * ROW_ITEMS;
        if (!there || c >= COLS) continue;
        float d = (g[j] - sum - h[j] * dot_h) * scale;
#ifdef JOIN_OTHER
        d += LOAD(other, at + c);
#endif
        STORE(dx, at + c, d);
      }
    }
    __global float *part = parts + ((long)chunk * GROUP_ROWS + me / ROW_ITEMS) * 2 * COLS;
    EACH_COLUMN {
      const int c = item + j * ROW_ITEMS;
      if (c >= COLS) continue;
      part[c] = dweight[j];
      part[COLS + c] = dbias[j];
    }
  }
}
