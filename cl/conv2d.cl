/* Convolution of 3 x 3 with padding 1, in the form of matrix products (im2col; Chellapilla et al. 2006).
 * x [images, H, W, CI], weights [3, 3, CI, CO].
 *
 * columns: cols[image, y, x, ky, kx, c] = x[image, y + ky - 1, x + kx - 1, c], 0 outside; then y = cols W + b.
 * image:   the reverse: dx sums the up to nine dcols that read it, in the order of (ky, kx).
 *
 * An item makes one of the n elements of cols or dx. HEIGHT, WIDTH: H, W; CI. */

#define PIXELS (HEIGHT * WIDTH)

/* The element of x that tap (ky, kx) of pixel p reads, channel 0, or -1 outside the image. */
static inline long tap(const long image, const int p, const int ky, const int kx) {
  const int y = p / WIDTH + ky - 1, x = p % WIDTH + kx - 1;
  if (y < 0 || y >= HEIGHT || x < 0 || x >= WIDTH) return -1;
  return (image * PIXELS + y * WIDTH + x) * CI;
}

kernel void conv2d_columns(IN(storage, x), OUT(storage, cols), const int n) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, cols);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  const int c = i % CI, k = i / CI % 9, pixel = i / (9 * CI);
  const long from = tap(pixel / PIXELS, pixel % PIXELS, k / 3, k % 3);
  STORE(cols, i, from < 0 ? 0.0f : LOAD(x, from + c));
}

kernel void conv2d_image(IN(storage, dcols), OUT(storage, dx), const int n) {
  OPEN_IN(storage, dcols);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  const int c = i % CI, pixel = i / CI, p = pixel % PIXELS;
  float sum = 0.0f;
  for (int k = 0; k < 9; k++) {
    const int y = p / WIDTH - (k / 3 - 1), x = p % WIDTH - (k % 3 - 1);
    if (y < 0 || y >= HEIGHT || x < 0 || x >= WIDTH) continue;
    sum += LOAD(dcols, (((long)(pixel / PIXELS) * PIXELS + y * WIDTH + x) * 9 + k) * CI + c);
  }
  STORE(dx, i, sum);
}
