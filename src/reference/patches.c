/* Cutting images into patches: a permutation of each image's values, so backward is the same walk the other way. */
#include "reference/reference.h"

static int64_t image_values(const csa_ref_patches *s) { return s->height * s->width * s->channels; }

static int64_t at_pixel(const csa_ref_patches *s, int64_t c, int64_t y, int64_t x) {
  return (y * s->width + x) * s->channels + c;
}

/* Value `at` of an image laid out as [channels, height, width]. */
static int64_t rows_source(const csa_ref_patches *s, int64_t at) {
  const int64_t plane = s->height * s->width;
  return at_pixel(s, at / plane, at % plane / s->width, at % s->width);
}

/* Value `at` of an image laid out as [height / patch, width / patch, channels, patch, patch]. */
static int64_t grid_source(const csa_ref_patches *s, int64_t at) {
  const int64_t p = s->patch, across = s->width / p;
  const int64_t dx = at % p, dy = at / p % p, c = at / (p * p) % s->channels, square = at / (p * p * s->channels);
  return at_pixel(s, c, square / across * p + dy, square % across * p + dx);
}

/* Where value `at` of an image's patches lies in the image. */
static int64_t source(const csa_ref_patches *s, int64_t at) {
  return s->grid ? grid_source(s, at) : rows_source(s, at);
}

void csa_ref_patches_forward(const csa_ref_patches *s, const double *x, double *y) {
  const int64_t values = image_values(s);
  for (int64_t n = 0; n < s->images; n++)
    for (int64_t i = 0; i < values; i++) y[n * values + i] = x[n * values + source(s, i)];
}

void csa_ref_patches_backward(const csa_ref_patches *s, const double *dy, double *dx) {
  const int64_t values = image_values(s);
  for (int64_t n = 0; n < s->images; n++)
    for (int64_t i = 0; i < values; i++) dx[n * values + source(s, i)] = dy[n * values + i];
}
