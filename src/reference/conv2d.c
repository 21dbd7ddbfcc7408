/* K x K convolution, K odd, with padding K / 2, and ReLU where asked: y[n, y, x, o] = b[o] + the sum over taps and
 * channels of x[n, y + ky - K / 2, x + kx - K / 2, i] w[ky, kx, i, o]. */
#include <string.h>

#include "reference/reference.h"

/* Offset of the pixel that tap k of pixel (y, x) reads, or -1 outside the image. */
static int64_t tap(const csa_ref_conv2d *s, int64_t y, int64_t x, int64_t k) {
  const int64_t from_y = y + k / s->kernel - s->kernel / 2, from_x = x + k % s->kernel - s->kernel / 2;
  if (from_y < 0 || from_y >= s->height || from_x < 0 || from_x >= s->width) return -1;
  return from_y * s->width + from_x;
}

void csa_ref_conv2d_forward(const csa_ref_conv2d *s, const double *x, const double *w, const double *b, double *y) {
  const int64_t pixels = s->height * s->width;
  for (int64_t n = 0; n < s->images * pixels; n++, y += s->out) {
    const double *image = x + n / pixels * pixels * s->in;
    for (int64_t o = 0; o < s->out; o++) y[o] = b != NULL ? b[o] : 0;
    for (int64_t k = 0; k < s->kernel * s->kernel; k++) {
      const int64_t from = tap(s, n % pixels / s->width, n % s->width, k);
      for (int64_t i = 0; i < s->in && from >= 0; i++)
        for (int64_t o = 0; o < s->out; o++) y[o] += image[from * s->in + i] * w[(k * s->in + i) * s->out + o];
    }
    for (int64_t o = 0; o < s->out; o++)
      if (s->relu && y[o] < 0) y[o] = 0;
  }
}

/* The gradient of element `at` before the ReLU. */
static double through(const csa_ref_conv2d *s, const double *y, const double *dy, int64_t at) {
  return s->relu && y[at] <= 0 ? 0 : dy[at];
}

void csa_ref_conv2d_backward(const csa_ref_conv2d *s, const double *x, const double *w, const double *y,
                             const double *dy, double *dx, double *dw, double *db) {
  const int64_t pixels = s->height * s->width;
  memset(dx, 0, (size_t)(s->images * pixels * s->in) * sizeof *dx);
  memset(dw, 0, (size_t)(s->kernel * s->kernel * s->in * s->out) * sizeof *dw);
  for (int64_t o = 0; o < s->out && db != NULL; o++) db[o] = 0;
  for (int64_t n = 0; n < s->images * pixels; n++) {
    for (int64_t o = 0; o < s->out && db != NULL; o++) db[o] += through(s, y, dy, n * s->out + o);
    for (int64_t k = 0; k < s->kernel * s->kernel; k++) {
      const int64_t from = tap(s, n % pixels / s->width, n % s->width, k);
      for (int64_t i = 0; i < s->in && from >= 0; i++) {
        const int64_t at = (n / pixels * pixels + from) * s->in + i, row = (k * s->in + i) * s->out;
        double sum = 0;
        for (int64_t o = 0; o < s->out; o++) {
          const double d = through(s, y, dy, n * s->out + o);
          sum += d * w[row + o];
          dw[row + o] += d * x[at];
        }
        dx[at] += sum;
      }
    }
  }
}
