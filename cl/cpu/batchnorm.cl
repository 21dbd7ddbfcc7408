/* Batch normalisation: formulas and arguments of cl/batchnorm.cl, which has the other kernels. One work-item takes a
 * chunk of rows, 16 * AT_ONCE columns at a time, and keeps what belongs to them in registers. Sums are taken over
 * BLOCK rows, and then over blocks. normalize and backward take chunk_rows, too, and `streamed`: the result, which no
 * cache would hold, is stored past them. RELU, RESIDUAL; COLS: a multiple of 16. */

#define AT_ONCE (COLS % 64 == 0 ? 4 : COLS % 32 == 0 ? 2 : 1)
#define BLOCK 64
#define EACH_STRIP(c) for (int c = 0; c < COLS; c += 16 * AT_ONCE)

#define STREAM16_float(p, i, v) STREAM(float16, v, (p) + (i))
#define STREAM16_half(p, i, v) STORE16_half(p, i, v)
#define PUT(p, i, v)                       \
  if (streamed)                            \
    OF_TYPE(STREAM16, STORAGE)(p, i, (v)); \
  else                                     \
    STORE16(p, i, (v))

static inline int count_of(__global const step_state *state, const int pixels, const int first, const int chunk_rows) {
  return clamp(state->active * pixels - first, 0, chunk_rows);
}

/* dy where the ReLU let it pass; `far` is x - mean. */
static inline float16 passed(const float16 dy, const float16 far, const float16 scale, const float16 bias) {
#ifdef RELU
  return select(dy, (float16)0.0f, far * scale + bias <= 0.0f);
#else
  return dy;
#endif
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void batchnorm_statistics(IN(storage, x), STATE(state),
                                                                                OUT(float, parts), const int pixels,
                                                                                const int chunks,
                                                                                const int chunk_rows) {
  OPEN_IN(storage, x);
  OPEN_STATE(state);
  OPEN_OUT(float, parts);
  if (state->training == 0) return;
  FOR_ITEMS(chunk, chunks) {
    const int first = chunk * chunk_rows, count = count_of(state, pixels, first, chunk_rows);
    if (count == 0) return; /* nor do later chunks */
    EACH_STRIP(c) {
      __global const storage *from = x + (long)first * COLS + c;
      float16 shift[AT_ONCE], sum[AT_ONCE], squares[AT_ONCE];
      EACH(v, AT_ONCE) {
        shift[v] = LOAD16(from, 16 * v);
        sum[v] = squares[v] = 0.0f;
      }
      for (int block = 0; block < count; block += BLOCK) {
        float16 s[AT_ONCE], q[AT_ONCE];
        EACH(v, AT_ONCE) s[v] = q[v] = 0.0f;
        for (int r = block; r < min(count, block + BLOCK); r++, from += COLS) EACH(v, AT_ONCE) {
            const float16 d = LOAD16(from, 16 * v) - shift[v];
            s[v] += d;
            q[v] += d * d;
          }
        EACH(v, AT_ONCE) {
          sum[v] += s[v];
          squares[v] += q[v];
        }
      }
      __global float *to = parts + (long)(2 * chunk) * COLS + c;
      EACH(v, AT_ONCE) {
        const float16 mean = sum[v] / count;
        STORE16_float(to, 16 * v, shift[v] + mean);
        STORE16_float(to, COLS + 16 * v, squares[v] - sum[v] * mean);
      }
    }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void batchnorm_normalize(IN(storage, x), IN(float, weight),
                                                                               IN(float, bias), IN(float, stats),
                                                                               IN(storage, residual), OUT(storage, y),
                                                                               const int rows, const int chunk_rows,
                                                                               const int streamed) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_IN(float, stats);
  OPEN_IN(storage, residual);
  OPEN_OUT(storage, y);
  FOR_ITEMS(chunk, (rows + chunk_rows - 1) / chunk_rows) {
    EACH_STRIP(c) {
      float16 mean[AT_ONCE], scale[AT_ONCE], shift[AT_ONCE];
      EACH(v, AT_ONCE) {
        mean[v] = LOAD16_float(stats, c + 16 * v);
        scale[v] = LOAD16_float(weight, c + 16 * v) * LOAD16_float(stats, COLS + c + 16 * v);
        shift[v] = LOAD16_float(bias, c + 16 * v);
      }
      for (int r = chunk * chunk_rows; r < min(rows, (chunk + 1) * chunk_rows); r++) EACH(v, AT_ONCE) {
          const long at = (long)r * COLS + c + 16 * v;
          float16 value = (LOAD16(x, at) - mean[v]) * scale[v] + shift[v];
#ifdef RELU
          value = select(value, (float16)0.0f, value < 0.0f); /* keeps NaN */
#endif
#ifdef RESIDUAL
          value += LOAD16(residual, at);
#endif
          PUT(y, at, value);
        }
    }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void batchnorm_sums(IN(storage, x), IN(float, weight),
                                                                          IN(float, bias), IN(float, stats),
                                                                          IN(storage, dy), STATE(state),
                                                                          OUT(float, parts), const int pixels,
                                                                          const int chunks, const int chunk_rows) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_IN(float, stats);
  OPEN_IN(storage, dy);
  OPEN_STATE(state);
  OPEN_OUT(float, parts);
  FOR_ITEMS(chunk, chunks) {
    const int first = chunk * chunk_rows, count = count_of(state, pixels, first, chunk_rows);
    EACH_STRIP(c) {
      float16 mean[AT_ONCE], scale[AT_ONCE], shift[AT_ONCE], dots[AT_ONCE], sums[AT_ONCE];
      EACH(v, AT_ONCE) {
        mean[v] = LOAD16_float(stats, c + 16 * v);
        scale[v] = LOAD16_float(weight, c + 16 * v) * LOAD16_float(stats, COLS + c + 16 * v);
        shift[v] = LOAD16_float(bias, c + 16 * v);
        dots[v] = sums[v] = 0.0f;
      }
      for (int block = 0; block < count; block += BLOCK) {
        float16 p[AT_ONCE], s[AT_ONCE];
        EACH(v, AT_ONCE) p[v] = s[v] = 0.0f;
        for (int r = block; r < min(count, block + BLOCK); r++) EACH(v, AT_ONCE) {
            const long at = (long)(first + r) * COLS + c + 16 * v;
            const float16 far = LOAD16(x, at) - mean[v], d = passed(LOAD16(dy, at), far, scale[v], shift[v]);
            p[v] += d * far;
            s[v] += d;
          }
        EACH(v, AT_ONCE) {
          dots[v] += p[v];
          sums[v] += s[v];
        }
      }
      __global float *to = parts + (long)(2 * chunk) * COLS + c;
      EACH(v, AT_ONCE) {
        STORE16_float(to, 16 * v, dots[v] * LOAD16_float(stats, COLS + c + 16 * v));
        STORE16_float(to, COLS + 16 * v, sums[v]);
      }
    }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void batchnorm_backward(
    IN(storage, x), IN(float, weight), IN(float, bias), IN(float, stats), IN(float, sums), SAME_IN(storage, dy),
    STATE(state), SAME_OUT(storage, dx), const int pixels, const int rows, const int chunk_rows, const int streamed) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_IN(float, stats);
  OPEN_IN(float, sums);
  OPEN_SAME_IN(storage, dy);
  OPEN_STATE(state);
  OPEN_SAME_OUT(storage, dx);
  const int counted = state->active * pixels;
  const float share = state->training != 0 ? 1.0f / counted : 0.0f;
  FOR_ITEMS(chunk, (rows + chunk_rows - 1) / chunk_rows) {
    const int first = chunk * chunk_rows, end = min(rows, first + chunk_rows);
    const int last = first + count_of(state, pixels, first, end - first);
    EACH_STRIP(c) {
      float16 mean[AT_ONCE], scale[AT_ONCE], shift[AT_ONCE], offset[AT_ONCE], slope[AT_ONCE];
      EACH(v, AT_ONCE) {
        const float16 inverse = LOAD16_float(stats, COLS + c + 16 * v);
        mean[v] = LOAD16_float(stats, c + 16 * v);
        scale[v] = LOAD16_float(weight, c + 16 * v) * inverse;
        shift[v] = LOAD16_float(bias, c + 16 * v);
        offset[v] = share * LOAD16_float(sums, COLS + c + 16 * v);
        slope[v] = inverse * share * LOAD16_float(sums, c + 16 * v);
      }
      for (int r = first; r < last; r++) EACH(v, AT_ONCE) {
          const long at = (long)r * COLS + c + 16 * v;
          const float16 far = LOAD16(x, at) - mean[v], d = passed(LOAD16(dy, at), far, scale[v], shift[v]);
          PUT(dx, at, scale[v] * (d - offset[v] - far * slope[v]));
        }
      for (int r = last; r < end; r++) EACH(v, AT_ONCE) PUT(dx, (long)r * COLS + c + 16 * v, (float16)0.0f);
    }
  }
}
