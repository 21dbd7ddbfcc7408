/* Layer normalisation with an optional ReLU: formulas and arguments of cl/layernorm.cl, but parts [chunks, 2 * COLS].
 * One work-item takes whole rows, 16 columns to a vector. The columns beyond the last whole vector go one by one. RELU,
 * JOIN_OTHER; COLS: any; CHUNK (forward): rows of a work-item's turn. */

#define VECTORS (COLS / 16)
#define TAIL (VECTORS * 16)

#ifndef CHUNK
#define CHUNK 16
#endif

#ifdef RELU
#define ACTIVATE(T, v) ((v) < (T)0.0f ? (T)0.0f : (v)) /* keeps NaN */
#else
#define ACTIVATE(T, v) (v)
#endif

#ifdef JOIN_OTHER
#define OTHER(load, i) load(other, i)
#else
#define OTHER(load, i) 0.0f
#endif

static inline float add_lanes(const float16 v) {
  const float8 a = v.lo + v.hi;
  const float4 b = a.lo + a.hi;
  return (b.x + b.z) + (b.y + b.w);
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void layernorm_forward(IN(storage, x), IN(float, weight),
                                                                             IN(float, bias), OUT(storage, y),
                                                                             OUT(float, stats), const int rows,
                                                                             const float epsilon) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, stats);
  FOR_ITEMS(chunk, (rows + CHUNK - 1) / CHUNK) {
    for (int row = chunk * CHUNK; row < min(rows, (chunk + 1) * CHUNK); row++) {
      __global const storage *from = x + (long)row * COLS;
      __global storage *to = y + (long)row * COLS;
      float16 sums = 0.0f, squares = 0.0f;
      for (int v = 0; v < VECTORS; v++) sums += LOAD16(from, 16 * v);
      float sum = add_lanes(sums), square = 0.0f;
      for (int c = TAIL; c < COLS; c++) sum += LOAD(from, c);
      const float mean = sum / COLS;
      for (int v = 0; v < VECTORS; v++) {
        const float16 d = LOAD16(from, 16 * v) - mean;
        squares += d * d;
      }
      square = add_lanes(squares);
      for (int c = TAIL; c < COLS; c++) {
        const float d = LOAD(from, c) - mean;
        square += d * d;
      }
      const float scale = 1.0f / sqrt(square / COLS + epsilon);
      for (int v = 0; v < VECTORS; v++) {
        const float16 h = (LOAD16(from, 16 * v) - mean) * scale;
        STORE16(to, 16 * v, ACTIVATE(float16, LOAD16_float(weight, 16 * v) * h + LOAD16_float(bias, 16 * v)));
      }
      for (int c = TAIL; c < COLS; c++) {
        const float h = (LOAD(from, c) - mean) * scale;
        STORE(to, c, ACTIVATE(float, weight[c] * h + bias[c]));
      }
      stats[2 * row] = mean;
      stats[2 * row + 1] = scale;
    }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void layernorm_backward(IN(storage, x), IN(float, weight),
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
  FOR_ITEMS(chunk, (rows + chunk_rows - 1) / chunk_rows) {
    float16 g[VECTORS + 1], h[VECTORS + 1]; /* of one row; + 1, since an array has a size */
    float g_tail[16], h_tail[16];
    __global float *dweight = parts + (long)chunk * 2 * COLS, *dbias = dweight + COLS;
    for (int c = 0; c < 2 * COLS; c++) dweight[c] = 0.0f;
    for (int row = chunk * chunk_rows; row < min(rows, (chunk + 1) * chunk_rows); row++) {
      __global const storage *from = x + (long)row * COLS, *grad = dy + (long)row * COLS;
      __global storage *to = dx + (long)row * COLS;
      const float mean = stats[2 * row], scale = stats[2 * row + 1];
      float16 sums = 0.0f, dots = 0.0f;
      for (int v = 0; v < VECTORS; v++) {
        h[v] = (LOAD16(from, 16 * v) - mean) * scale;
        float16 d = LOAD16(grad, 16 * v);
#ifdef RELU
        d = select(d, (float16)0.0f, LOAD16_float(weight, 16 * v) * h[v] + LOAD16_float(bias, 16 * v) <= 0.0f);
#endif
        g[v] = d * LOAD16_float(weight, 16 * v);
        STORE16_float(dweight, 16 * v, LOAD16_float(dweight, 16 * v) + d * h[v]);
        STORE16_float(dbias, 16 * v, LOAD16_float(dbias, 16 * v) + d);
        sums += g[v];
        dots += g[v] * h[v];
      }
      float sum = add_lanes(sums), dot_h = add_lanes(dots);
      for (int c = TAIL; c < COLS; c++) {
        const float normal = (LOAD(from, c) - mean) * scale;
        float d = LOAD(grad, c);
#ifdef RELU
        if (weight[c] * normal + bias[c] <= 0.0f) d = 0.0f;
#endif
        h_tail[c - TAIL] = normal;
        g_tail[c - TAIL] = d * weight[c];
        dweight[c] += d * normal;
        dbias[c] += d;
        sum += g_tail[c - TAIL];
        dot_h += g_tail[c - TAIL] * normal;
      }
      sum /= COLS;
      dot_h /= COLS;
      for (int v = 0; v < VECTORS; v++)
        STORE16(to, 16 * v, (g[v] - sum - h[v] * dot_h) * scale + OTHER(LOAD16, (long)row * COLS + 16 * v));
      for (int c = TAIL; c < COLS; c++)
        STORE(to, c, (g_tail[c - TAIL] - sum - h_tail[c - TAIL] * dot_h) * scale + OTHER(LOAD, (long)row * COLS + c));
    }
  }
}
