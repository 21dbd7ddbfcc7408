/* Batch normalisation per channel (Ioffe and Szegedy 2015), with an optional ReLU after it, and after that a residual.
 * x, y [rows, COLS]; an image has `pixels` rows, and only those of the active images count.
 *
 * statistics: parts [chunks, 2, COLS] has the mean of each chunk's rows and the sum of squared distances from it, in
 *             training. Values are taken relative to the chunk's first row: the square of its distance from the mean is
 *             at most rows times the variance, so what cancels does not depend on how large the mean is.
 * finish:     stats [2, COLS]: mean and 1 / sqrt(var + eps): in training the batch's, in evaluation the running ones.
 *             Where SEEN is defined, seen_mean and seen_var [COLS] become beta * what they were, and in training
 *             + share * mean and unbiased variance, share: active / images of the step. The optimizer moves the
 *             running ones towards that (cl/optimizer.cl).
 * normalize:  h = (x - mean) / sqrt(var + eps),  y = weight * h + bias,  then max(y, 0) if RELU is defined,
 *             + residual if RESIDUAL is.
 * sums:       d = dy (0 where RELU cut);  parts [chunks, 2, COLS]: sums of d * h and of d. Added up, sums [2, COLS],
 *             they are the gradients of weight and bias.
 * backward:   dx = weight * (d - mean(d) - h * mean(d * h)) / sqrt(var + eps), 0 beyond the active images; in
 *             evaluation, where statistics are constants, without the means. The means come of sums; dx may be dy.
 *
 * COLS: any. In statistics and sums a group takes a chunk of rows and a strip of columns, in finish a strip and all
 * chunks: up to WG columns side by side, and where they are fewer, several rows (chunks) at a time. In normalize and
 * backward an item takes an element. */

#define WIDTH (group_width(COLS))
#define STRIPS ((COLS + WIDTH - 1) / WIDTH)
#define ACTIVATED(value) ((value) < 0.0f ? 0.0f : (value)) /* keeps NaN */

/* Rows that count of those from `first` on. */
static inline int count_of(__global const step_state *state, const int pixels, const int first, const int chunk_rows) {
  return clamp(state->active * pixels - first, 0, chunk_rows);
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void batchnorm_statistics(IN(storage, x), STATE(state),
                                                                                 OUT(float, parts), const int pixels,
                                                                                 const int chunks,
                                                                                 const int chunk_rows) {
  OPEN_IN(storage, x);
  OPEN_STATE(state);
  OPEN_OUT(float, parts);
  __local float scratch[WG];
  if (state->training == 0) return;
  const int me = (int)get_local_id(0), lane = me / WIDTH;
  FOR_ITEMS(item, chunks * STRIPS) {
    const int chunk = item / STRIPS, c = item % STRIPS * WIDTH + me % WIDTH, first = chunk * chunk_rows;
    const int count = count_of(state, pixels, first, chunk_rows);
    if (count == 0) return; /* nor do later chunks */
    const float shift = c < COLS ? LOAD(x, (long)first * COLS + c) : 0.0f;
    float sum = 0.0f, squares = 0.0f;
    for (int r = lane; r < count && c < COLS; r += WG / WIDTH) {
      const float d = LOAD(x, (long)(first + r) * COLS + c) - shift;
      sum += d;
      squares += d * d;
    }
    sum = lane_sum(sum, WIDTH, scratch);
    squares = lane_sum(squares, WIDTH, scratch);
    if (lane > 0 || c >= COLS) continue;
    parts[(long)(2 * chunk) * COLS + c] = shift + sum / (float)count;
    parts[(long)(2 * chunk + 1) * COLS + c] = squares - sum * (sum / (float)count);
  }
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void batchnorm_finish(
    IN(float, parts), IN(float, running_mean), IN(float, running_var), STATE(state), OUT(float, seen_mean),
    OUT(float, seen_var), OUT(float, stats), const int pixels, const int chunks, const int chunk_rows,
    const float epsilon, const float beta) {
  OPEN_IN(float, parts);
  OPEN_IN(float, running_mean);
  OPEN_IN(float, running_var);
  OPEN_STATE(state);
  OPEN_OUT(float, seen_mean);
  OPEN_OUT(float, seen_var);
  OPEN_OUT(float, stats);
  __local float scratch[WG];
  const int me = (int)get_local_id(0), lane = me / WIDTH, rows = state->active * pixels;
  FOR_ITEMS(strip, STRIPS) {
    const int c = strip * WIDTH + me % WIDTH;
    const bool mine = lane == 0 && c < COLS;
    float mean = mine ? running_mean[c] : 0.0f, var = mine ? running_var[c] : 0.0f;
#ifdef SEEN
    float unbiased = var, share = 0.0f;
#endif
    if (state->training != 0) {
      const float shift = c < COLS ? parts[c] : 0.0f;
      float sum = 0.0f, squares = 0.0f;
      for (int k = lane; k < chunks && c < COLS; k += WG / WIDTH) {
        const int count = count_of(state, pixels, k * chunk_rows, chunk_rows);
        if (count == 0) break;
        const float d = parts[(long)(2 * k) * COLS + c] - shift;
        sum += (float)count * d;
        squares += parts[(long)(2 * k + 1) * COLS + c] + (float)count * d * d;
      }
      sum = lane_sum(sum, WIDTH, scratch);
      squares = lane_sum(squares, WIDTH, scratch) - sum * (sum / (float)rows);
      if (squares < 0.0f) squares = 0.0f;
      mean = shift + sum / (float)rows;
      var = squares / (float)rows;
#ifdef SEEN
      unbiased = squares / (float)max(rows - 1, 1);
      share = (float)state->active / (float)state->images;
#endif
    }
    if (!mine) continue;
#ifdef SEEN
    seen_mean[c] = (beta > 0.0f ? beta * seen_mean[c] : 0.0f) + (share > 0.0f ? share * mean : 0.0f);
    seen_var[c] = (beta > 0.0f ? beta * seen_var[c] : 0.0f) + (share > 0.0f ? share * unbiased : 0.0f);
#endif
    stats[c] = mean;
    stats[COLS + c] = 1.0f / sqrt(var + epsilon);
  }
}

kernel void batchnorm_normalize(IN(storage, x), IN(float, weight), IN(float, bias), IN(float, stats),
                                IN(storage, residual), OUT(storage, y), const int rows) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_IN(float, stats);
  OPEN_IN(storage, residual);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0), c = i % COLS;
  if (i >= rows * COLS) return;
  float v = (LOAD(x, i) - stats[c]) * (weight[c] * stats[COLS + c]) + bias[c];
#ifdef RELU
  v = ACTIVATED(v);
#endif
#ifdef RESIDUAL
  v += LOAD(residual, i);
#endif
  STORE(y, i, v);
}

/* dy where the ReLU let it pass; `far` is x - mean. */
static inline float passed(const float dy, const float far, const float scale, const float bias) {
#ifdef RELU
  return far * scale + bias <= 0.0f ? 0.0f : dy;
#else
  return dy;
#endif
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void batchnorm_sums(IN(storage, x), IN(float, weight),
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
  __local float scratch[WG];
  const int me = (int)get_local_id(0), lane = me / WIDTH;
  FOR_ITEMS(item, chunks * STRIPS) {
    const int chunk = item / STRIPS, c = item % STRIPS * WIDTH + me % WIDTH, first = chunk * chunk_rows;
    const int count = count_of(state, pixels, first, chunk_rows), known = min(c, COLS - 1);
    const float mean = stats[known], inverse = stats[COLS + known], scale = weight[known] * inverse;
    float dot_h = 0.0f, sum = 0.0f;
    for (int r = lane; r < count && c < COLS; r += WG / WIDTH) {
      const long at = (long)(first + r) * COLS + c;
      const float far = LOAD(x, at) - mean, d = passed(LOAD(dy, at), far, scale, bias[c]);
      dot_h += d * far;
      sum += d;
    }
    dot_h = lane_sum(dot_h, WIDTH, scratch);
    sum = lane_sum(sum, WIDTH, scratch);
    if (lane > 0 || c >= COLS) continue;
    parts[(long)(2 * chunk) * COLS + c] = dot_h * inverse;
    parts[(long)(2 * chunk + 1) * COLS + c] = sum;
  }
}

kernel void batchnorm_backward(IN(storage, x), IN(float, weight), IN(float, bias), IN(float, stats), IN(float, sums),
                               SAME_IN(storage, dy), STATE(state), SAME_OUT(storage, dx), const int pixels,
                               const int rows) {
  OPEN_IN(storage, x);
  OPEN_IN(float, weight);
  OPEN_IN(float, bias);
  OPEN_IN(float, stats);
  OPEN_IN(float, sums);
  OPEN_SAME_IN(storage, dy);
  OPEN_STATE(state);
  OPEN_SAME_OUT(storage, dx);
  const int i = (int)get_global_id(0), c = i % COLS, counted = state->active * pixels;
  if (i >= rows * COLS) return;
  const float inverse = stats[COLS + c], scale = weight[c] * inverse, far = LOAD(x, i) - stats[c];
  const float share = state->training != 0 ? 1.0f / (float)counted : 0.0f;
  const float d = passed(LOAD(dy, i), far, scale, bias[c]);
  const float grad = scale * (d - share * sums[COLS + c] - far * (inverse * share * sums[c]));
  STORE(dx, i, i / COLS < counted ? grad : 0.0f);
}
