/* The core of multi-head attention: formulas and arguments of cl/attention.cl. One work-item takes an (image, head) and
 * works on 16 queries at once, one to a lane, while keys and values are broadcast; for dk and dv 16 keys take the
 * lanes. HEADS, HEAD: number and size of heads; QUERIES: Tq; TOKENS: T (16 * T floats are held at a time). */

#define COLS (HEADS * HEAD)
#ifndef SCALE
#define SCALE (1.0f / sqrt((float)HEAD))
#endif

/* Up to 16 rows, `stride` apart, of one head as columns: to[d] has element d of every row, and 0 in lanes beyond
 * `rows`. */
static inline void load_columns(float16 *to, __global const storage *from, const int rows, const int stride) {
  float lanes[16];
  for (int d = 0; d < HEAD; d++) {
    for (int r = 0; r < 16; r++) lanes[r] = r < rows ? LOAD(from, r * stride + d) : 0.0f;
    to[d] = vload16(0, lanes);
  }
}

/* The other way; only `rows` lanes are written. */
static inline void store_columns(__global storage *to, const float16 *from, const int rows, const int stride) {
  float lanes[16];
  for (int d = 0; d < HEAD; d++) {
    vstore16(from[d], 0, lanes);
    for (int r = 0; r < rows; r++) STORE(to, r * stride + d, lanes[r]);
  }
}

/* The dot products of 16 rows in lanes with one row. */
static inline float16 dot_lanes(const float16 *a, __global const storage *b) {
  float16 sum = a[0] * LOAD(b, 0);
#pragma unroll
  for (int d = 1; d < HEAD; d++) sum = fma(a[d], (float16)LOAD(b, d), sum);
  return sum;
}

/* sum += weight * row, in every lane. */
static inline void add_row(float16 *sum, const float16 weight, __global const storage *row) {
#pragma unroll
  for (int d = 0; d < HEAD; d++) sum[d] = fma(weight, (float16)LOAD(row, d), sum[d]);
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void attention_forward(IN(storage, q), IN(storage, kv),
                                                                             OUT(storage, y), OUT(float, lse),
                                                                             const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, lse);
  FOR_ITEMS(item, images * HEADS) {
    const int image = item / HEADS, column = item % HEADS * HEAD;
    __global const storage *keys = kv + (long)image * TOKENS * 2 * COLS + column, *values = keys + COLS;
    for (int i = 0; i < QUERIES; i += 16) {
      const int rows = min(16, QUERIES - i);
      const long at = ((long)image * QUERIES + i) * COLS + column;
      float16 query[HEAD], sum[HEAD], score[TOKENS], most = -INFINITY, total = 0.0f;
      load_columns(query, q + at, rows, COLS);
      for (int j = 0; j < TOKENS; j++) {
        score[j] = SCALE * dot_lanes(query, keys + j * 2 * COLS);
        most = fmax(most, score[j]);
      }
      for (int d = 0; d < HEAD; d++) sum[d] = 0.0f;
      for (int j = 0; j < TOKENS; j++) {
        const float16 p = exp(score[j] - most);
        total += p;
        add_row(sum, p, values + j * 2 * COLS);
      }
      for (int d = 0; d < HEAD; d++) sum[d] /= total;
      store_columns(y + at, sum, rows, COLS);
      float norm[16];
      vstore16(most + log(total), 0, norm);
      for (int r = 0; r < rows; r++) lse[(long)item * QUERIES + i + r] = norm[r];
    }
  }
}

/* Up to 16 floats, 0 beyond `count`. */
static inline float16 load_lanes(__global const float *from, const int count) {
  float lanes[16];
  for (int r = 0; r < 16; r++) lanes[r] = r < count ? from[r] : 0.0f;
  return vload16(0, lanes);
}

/* dq of one (image, head), and D = dy . y of its queries into delta. */
static inline void queries_backward(__global const storage *q, __global const storage *keys, __global const storage *y,
                                    __global const float *lse, __global const storage *dy, __global storage *dq,
                                    __global float *delta) {
  for (int i = 0; i < QUERIES; i += 16) {
    const int rows = min(16, QUERIES - i);
    float16 query[HEAD], grad[HEAD], sum[HEAD], own = 0.0f;
    load_columns(sum, y + i * COLS, rows, COLS);
    load_columns(grad, dy + i * COLS, rows, COLS);
    for (int d = 0; d < HEAD; d++) own += grad[d] * sum[d];
    load_columns(query, q + i * COLS, rows, COLS);
    for (int d = 0; d < HEAD; d++) sum[d] = 0.0f;
    const float16 norm = load_lanes(lse + i, rows);
    for (int j = 0; j < TOKENS; j++) {
      __global const storage *key = keys + j * 2 * COLS;
      const float16 p = exp(SCALE * dot_lanes(query, key) - norm);
      add_row(sum, SCALE * p * (dot_lanes(grad, key + COLS) - own), key);
    }
    store_columns(dq + i * COLS, sum, rows, COLS);
    float lanes[16];
    vstore16(own, 0, lanes);
    for (int r = 0; r < rows; r++) delta[i + r] = lanes[r];
  }
}

/* dk and dv of one (image, head). */
static inline void keys_backward(__global const storage *q, __global const storage *keys, __global const float *lse,
                                 __global const storage *dy, __global const float *delta, __global storage *dkeys) {
  for (int j = 0; j < TOKENS; j += 16) {
    const int rows = min(16, TOKENS - j);
    float16 key[HEAD], value[HEAD], dk[HEAD], dv[HEAD];
    load_columns(key, keys + j * 2 * COLS, rows, 2 * COLS);
    load_columns(value, keys + j * 2 * COLS + COLS, rows, 2 * COLS);
    for (int d = 0; d < HEAD; d++) dk[d] = dv[d] = 0.0f;
    for (int i = 0; i < QUERIES; i++) {
      const float16 p = exp(SCALE * dot_lanes(key, q + i * COLS) - lse[i]);
      add_row(dk, SCALE * p * (dot_lanes(value, dy + i * COLS) - delta[i]), q + i * COLS);
      add_row(dv, p, dy + i * COLS);
    }
    store_columns(dkeys + j * 2 * COLS, dk, rows, 2 * COLS);
    store_columns(dkeys + j * 2 * COLS + COLS, dv, rows, 2 * COLS);
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void attention_backward(IN(storage, q), IN(storage, kv),
                                                                              IN(storage, y), IN(float, lse),
                                                                              IN(storage, dy), OUT(storage, dq),
                                                                              OUT(storage, dkv), OUT(float, delta),
                                                                              const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_IN(storage, y);
  OPEN_IN(float, lse);
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dq);
  OPEN_OUT(storage, dkv);
  OPEN_OUT(float, delta);
  FOR_ITEMS(item, images * HEADS) {
    const int image = item / HEADS, column = item % HEADS * HEAD;
    const long queries = (long)image * QUERIES * COLS + column, keys = (long)image * TOKENS * 2 * COLS + column;
    const long stats = (long)item * QUERIES;
    queries_backward(q + queries, kv + keys, y + queries, lse + stats, dy + queries, dq + queries, delta + stats);
    keys_backward(q + queries, kv + keys, lse + stats, dy + queries, delta + stats, dkv + keys);
  }
}
