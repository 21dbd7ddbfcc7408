/* Winograd's minimal filtering F(4x4, 3x3) for 3 x 3 convolution with padding 1 (Lavin and Gray 2016): 36 products of
 * transformed images and filters, one for each point, in place of 144 multiply-adds for every 4 x 4 pixels and pair of
 * channels. y = A^T [(G w G^T) * (B^T x B)] A for tiles of 4 x 4 outputs, which read 6 x 6 inputs.
 *
 * image:    v = B^T x B of tiles [first, first + tiles);
 * filter:   u = G w G^T; TURNED: for the gradient of x, which is a convolution of dy with the filters turned by 180
 *           degrees and channels exchanged;
 * pixels:   y = A^T m A, then + bias if BIAS, max(y, 0) if RELU, + residual if RESIDUAL are defined;
 * gradient: m = A dy A^T, what `pixels` is the transpose of;
 * weights:  dw = G^T du G, + what dw has if `add`.
 *
 * x, y, dy, residual [images, HEIGHT, WIDTH, CHANNELS], v, m [36, tiles, CHANNELS]; w, dw [3, 3, CI, CO], u, du [36,
 * CI, CO] (turned: u [36, CO, CI]). The products m = v u, or du = v^T m, are gemm's. Points stay in float: they are
 * sums of terms larger than they are. One item for a tile and channel, or for a filter, neighbours for neighbouring
 * channels; what lies beyond the image is zero or not written. HEIGHT, WIDTH, CHANNELS: any, not needed by filter and
 * weights. */

#ifndef CHANNELS
#define CHANNELS 1
#endif
#ifndef HEIGHT
#define HEIGHT 4
#define WIDTH 4
#endif
#define DOWN ((HEIGHT + 3) / 4) /* tiles of an image */
#define ACROSS ((WIDTH + 3) / 4)

/* The first output of a tile: its row and column, and the first pixel of its image. */
typedef struct {
  int y, x;
  long image;
} place;

static inline place place_of(const int tile) {
  const place p = {tile / ACROSS % DOWN * 4, tile % ACROSS * 4, (long)(tile / (DOWN * ACROSS)) * (HEIGHT * WIDTH)};
  return p;
}

/* Element of channel 0 of a tile's pixel (y, x), which may lie outside the image. */
static inline long element(const place at, const int y, const int x) {
  return (at.image + (long)(at.y + y) * WIDTH + at.x + x) * CHANNELS;
}

static inline bool is_inside(const place at, const int y, const int x) {
  return at.y + y >= 0 && at.y + y < HEIGHT && at.x + x >= 0 && at.x + x < WIDTH;
}

kernel void winograd_image(IN(storage, x), OUT(float, v), const int first, const int tiles) {
  OPEN_IN(storage, x);
  OPEN_OUT(float, v);
  const int i = (int)get_global_id(0);
  if (i >= tiles * CHANNELS) return;
  const int c = i % CHANNELS;
  const place at = place_of(first + i / CHANNELS);
  float d[36];
#pragma unroll
  for (int r = 0; r < 6; r++) {
#pragma unroll
    for (int s = 0; s < 6; s++)
      d[r * 6 + s] = is_inside(at, r - 1, s - 1) ? LOAD(x, element(at, r - 1, s - 1) + c) : 0.0f;
    image_points(d + r * 6, 1);
  }
#pragma unroll
  for (int s = 0; s < 6; s++) image_points(d + s, 6);
#pragma unroll
  for (int p = 0; p < 36; p++) v[(long)p * tiles * CHANNELS + i] = d[p];
}

kernel void winograd_gradient(IN(storage, dy), OUT(float, m), const int first, const int tiles) {
  OPEN_IN(storage, dy);
  OPEN_OUT(float, m);
  const int i = (int)get_global_id(0);
  if (i >= tiles * CHANNELS) return;
  const int c = i % CHANNELS;
  const place at = place_of(first + i / CHANNELS);
  float d[36];
#pragma unroll
  for (int r = 0; r < 4; r++) {
#pragma unroll
    for (int s = 0; s < 4; s++) d[r * 6 + s] = is_inside(at, r, s) ? LOAD(dy, element(at, r, s) + c) : 0.0f;
    pixel_points(d + r * 6, 1);
  }
#pragma unroll
  for (int s = 0; s < 6; s++) pixel_points(d + s, 6);
#pragma unroll
  for (int p = 0; p < 36; p++) m[(long)p * tiles * CHANNELS + i] = d[p];
}

kernel void winograd_pixels(IN(float, m), IN(float, bias), IN(storage, residual), OUT(storage, y), const int first,
                            const int tiles) {
  OPEN_IN(float, m);
  OPEN_IN(float, bias);
  OPEN_IN(storage, residual);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0);
  if (i >= tiles * CHANNELS) return;
  const int c = i % CHANNELS;
  const place at = place_of(first + i / CHANNELS);
  float d[36];
#pragma unroll
  for (int p = 0; p < 36; p++) d[p] = m[(long)p * tiles * CHANNELS + i];
#pragma unroll
  for (int s = 0; s < 6; s++) point_pixels(d + s, 6);
#pragma unroll
  for (int r = 0; r < 4; r++) {
    point_pixels(d + r * 6, 1);
#pragma unroll
    for (int s = 0; s < 4; s++) {
      if (!is_inside(at, r, s)) continue;
      float value = d[r * 6 + s];
#ifdef BIAS
      value += bias[c];
#endif
#ifdef RELU
      value = value < 0.0f ? 0.0f : value; /* keeps NaN */
#endif
#ifdef RESIDUAL
      value += LOAD(residual, element(at, r, s) + c);
#endif
      STORE(y, element(at, r, s) + c, value);
    }
  }
}

kernel void winograd_filter(IN(float, w), OUT(float, u), const int ci, const int co) {
  OPEN_IN(float, w);
  OPEN_OUT(float, u);
  const int i = (int)get_global_id(0), n = ci * co;
  if (i >= n) return;
  float d[36];
#pragma unroll
  for (int r = 0; r < 3; r++) {
#pragma unroll
    for (int s = 0; s < 3; s++) {
#ifdef TURNED
      d[r * 6 + s] = w[(long)(8 - r * 3 - s) * n + i % ci * co + i / ci]; /* i: of [co, ci] */
#else
      d[r * 6 + s] = w[(long)(r * 3 + s) * n + i];
#endif
    }
    filter_points(d + r * 6, 1);
  }
#pragma unroll
  for (int s = 0; s < 6; s++) filter_points(d + s, 6);
#pragma unroll
  for (int p = 0; p < 36; p++) u[(long)p * n + i] = d[p];
}

kernel void winograd_weights(IN(float, du), OUT(float, dw), const int n, const int add) {
  OPEN_IN(float, du);
  OPEN_OUT(float, dw);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  float d[36];
#pragma unroll
  for (int p = 0; p < 36; p++) d[p] = du[(long)p * n + i];
#pragma unroll
  for (int s = 0; s < 6; s++) point_filter(d + s, 6);
#pragma unroll
  for (int r = 0; r < 3; r++) {
    point_filter(d + r * 6, 1);
#pragma unroll
    for (int s = 0; s < 3; s++) {
      const long to = (long)(r * 3 + s) * n + i;
      dw[to] = add ? dw[to] + d[r * 6 + s] : d[r * 6 + s];
    }
  }
}
