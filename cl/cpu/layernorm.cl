/* Layer normalisation with an optional ReLU: formulas and arguments of cl/layernorm.cl, but parts [chunks, 2 * COLS].
 * One work-item takes whole rows, 16 columns to a vector. The columns beyond the last whole vector go one by one. RELU,
 * JOIN_OTHER; COLS: any; CHUNK (forward): rows of a work-item's turn. */

#define TAIL (COLS / 16 * 16)

#ifndef CHUNK
#define CHUNK 16
#endif

/* NaN stays, and the gradient of NaN passes. */
#ifdef RELU
#define ACTIVATE(T, v) ((v) < (T)0.0f ? (T)0.0f : (v))
#define PASS(T, d, v) ((v) <= (T)0.0f ? (T)0.0f : (d))
#else
#define ACTIVATE(T, v) (v)
#define PASS(T, d, v) (d)
#endif

#ifdef JOIN_OTHER
#define OTHER(load, i) load(other, i)
#else
#define OTHER(load, i) 0.0f
#endif

/* h and d of one column, c, or of 16. Backward makes them twice, as a row of them may be too long to keep. */
#define NORMAL(load, c) ((load(from, c) - mean) * scale)
#define GRADIENT(T, load, c, h) PASS(T, load(grad, c), load##_float(weight, c) * (h) + load##_float(bias, c))

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
      for (int c = 0; c < TAIL; c += 16) sums += LOAD16(from, c);
      float sum = add_lanes(sums);
      for (int c = TAIL; c < COLS; c++) sum += LOAD(from, c);
      const float mean = sum / COLS;
      for (int c = 0; c < TAIL; c += 16) {
        const float16 d = LOAD16(from, c) - mean;
        squares += d * d;
      }
      float square = add_lanes(squares);
      for (int c = TAIL; c < COLS; c++) {
        const float d = LOAD(from, c) - mean;
        square += d * d;
      }
      const float scale = 1.0f / sqrt(square / COLS + epsilon);
      for (int c = 0; c < TAIL; c += 16) {
        const float16 h = NORMAL(LOAD16, c);
        STORE16(to, c, ACTIVATE(float16, LOAD16_float(weight, c) * h + LOAD16_float(bias, c)));
      }
      for (int c = TAIL; c < COLS; c++) {
        const float h = NORMAL(LOAD, c);
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
    __global float *dweight = parts + (long)chunk * 2 * COLS, *dbias = dweight + COLS;
    for (int c = 0; c < 2 * COLS; c++) dweight[c] = 0.0f;
    for (int row = chunk * chunk_rows; row < min(rows, (chunk + 1) * chunk_rows); row++) {
      __global const storage *from = x + (long)row * COLS, *grad = dy + (long)row * COLS;
      __global storage *to = dx + (long)row * COLS;
      const float mean = stats[2 * row], scale = stats[2 * row + 1];
      float16 sums = 0.0f, dots = 0.0f;
      for (int c = 0; c < TAIL; c += 16) {
        const float16 h = NORMAL(LOAD16, c), d = GRADIENT(float16, LOAD16, c, h), g = d * LOAD16_float(weight, c);
        STORE16_float(dweight, c, LOAD16_float(dweight, c) + d * h);
        STORE16_float(dbias, c, LOAD16_float(dbias, c) + d);
        sums += g;
        dots += g * h;
      }
      float sum = add_lanes(sums), dot_h = add_lanes(dots);
      for (int c = TAIL; c < COLS; c++) {
        const float h = NORMAL(LOAD, c), d = GRADIENT(float, LOAD, c, h), g = d * weight[c];
        dweight[c] += d * h;
        dbias[c] += d;
        sum += g;
        dot_h += g * h;
      }
      sum /= COLS;
      dot_h /= COLS;
      for (int c = 0; c < TAIL; c += 16) {
        const float16 h = NORMAL(LOAD16, c), g = GRADIENT(float16, LOAD16, c, h) * LOAD16_float(weight, c);
        STORE16(to, c, (g - sum - h * dot_h) * scale + OTHER(LOAD16, (long)row * COLS + c));
      }
      for (int c = TAIL; c < COLS; c++) {
        const float h = NORMAL(LOAD, c), g = GRADIENT(float, LOAD, c, h) * weight[c];
        STORE(to, c, (g - sum - h * dot_h) * scale + OTHER(LOAD, (long)row * COLS + c));
      }
    }
  }
}
