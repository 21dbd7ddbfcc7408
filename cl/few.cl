/* Convolution of 3 x 3 with padding 1 for images of few channels, directly. x [images, H, W, CI], y and residual
 * [images, H, W, CO], w [3, 3, CI, CO].
 *
 * forward: y = W * x, then + b if BIAS is defined, max(y, 0) if RELU is, + residual if RESIDUAL is.
 * weights: parts[chunk, ky, kx, c, o] = sum of x * dy over the chunk_rows rows of pixels of a chunk, for dW; `rows` in
 *          all images.
 *
 * An item makes one of the n elements of y or parts. HEIGHT, WIDTH: H, W; CI; CO. */

kernel void few_forward(IN(storage, x), IN(float, w), IN(float, bias), IN(storage, residual), OUT(storage, y),
                        const int n) {
  OPEN_IN(storage, x);
  OPEN_IN(float, w);
  OPEN_IN(float, bias);
  OPEN_IN(storage, residual);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  const int o = i % CO;
#ifdef BIAS
  float sum = bias[o];
#else
  float sum = 0.0f;
#endif
  for (int k = 0; k < 9; k++) {
    const int from = tap(i / CO, k, HEIGHT, WIDTH);
    if (from < 0) continue;
    for (int c = 0; c < CI; c++) sum += LOAD(x, (long)from * CI + c) * w[(k * CI + c) * CO + o];
  }
#ifdef RELU
  sum = sum < 0.0f ? 0.0f : sum; /* keeps NaN */
#endif
#ifdef RESIDUAL
  sum += LOAD(residual, i);
#endif
  STORE(y, i, sum);
}

kernel void few_weights(IN(storage, x), IN(storage, dy), OUT(float, parts), const int rows, const int chunk_rows,
                        const int n) {
  OPEN_IN(storage, x);
  OPEN_IN(storage, dy);
  OPEN_OUT(float, parts);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  const int o = i % CO, c = i / CO % CI, k = i / (CO * CI) % 9, chunk = i / (CO * CI * 9);
  const int end = min(rows, (chunk + 1) * chunk_rows) * WIDTH;
  float sum = 0.0f;
  for (int pixel = chunk * chunk_rows * WIDTH; pixel < end; pixel++) {
    const int from = tap(pixel, k, HEIGHT, WIDTH);
    if (from >= 0) sum += LOAD(x, (long)from * CI + c) * LOAD(dy, (long)pixel * CO + o);
  }
  parts[i] = sum;
}
