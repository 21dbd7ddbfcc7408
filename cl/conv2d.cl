/* Convolution of 3 x 3 with padding 1, in the form of matrix products (im2col; Chellapilla et al. 2006).
 * x [images, H, W, CI], weights [3, 3, CI, CO].
 *
 * columns: cols[image, y, x, ky, kx, c] = x[image, y + ky - 1, x + kx - 1, c], 0 outside; then y = cols W + b.
 * image:   the reverse: dx sums the up to nine dcols that read it, in the order of (ky, kx).
 *
 * An item makes one of the n elements of cols or dx. HEIGHT, WIDTH: H, W; CI. */

kernel void conv2d_columns(IN(storage, x), OUT(storage, cols), const int n) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, cols);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  const int from = tap(i / (9 * CI), i / CI % 9, HEIGHT, WIDTH);
  STORE(cols, i, from < 0 ? 0.0f : LOAD(x, (long)from * CI + i % CI));
}

kernel void conv2d_image(IN(storage, dcols), OUT(storage, dx), const int n) {
  OPEN_IN(storage, dcols);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  float sum = 0.0f;
  for (int k = 0; k < 9; k++) {
    const int to = tap(i / CI, 8 - k, HEIGHT, WIDTH); /* the pixel that meets this one at k */
    if (to >= 0) sum += LOAD(dcols, ((long)to * 9 + k) * CI + i % CI);
  }
  STORE(dx, i, sum);
}
