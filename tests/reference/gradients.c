#include "reference/gradients.h"

#include <math.h>

#include "core/rng.h"

#define TOLERANCE 1e-7

/* Arrays of the case at hand, released together. */
static double *arrays[64];
static size_t array_count;
static uint64_t drawn;

double *test_fresh(int64_t count) {
  assert_true(array_count < LENGTH(arrays));
  double *const array = calloc((size_t)count, sizeof *array);
  assert_non_null(array);
  return arrays[array_count++] = array;
}

static void draw(double *array, int64_t count, double scale) {
  const csa_rng rng = {1, CSA_RNG_TEST, 0};
  for (int64_t i = 0; i < count; i++) array[i] = scale * (double)csa_rng_normal(&rng, drawn++);
}

double *test_random(int64_t count, double scale) {
  double *const array = test_fresh(count);
  draw(array, count, scale);
  return array;
}

int test_release(void **state) {
  (void)state;
  while (array_count > 0) free(arrays[--array_count]);
  return 0;
}

double test_dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

void assert_gradient(const char *what, test_objective *f, const void *problem, double *x, const double *gradient,
                     int64_t count) {
  const double step = 1e-5 * sqrt(test_dot(x, x, count) / (double)count);
  double largest = 1e-2, error = 0;
  for (int64_t i = 0; i < count; i++) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = f(problem);
    x[i] = kept - step;
    const double below = f(problem);
    x[i] = kept;
    largest = fmax(largest, fabs(gradient[i]));
    error = fmax(error, fabs((above - below) / (2 * step) - gradient[i]));
  }
  if (!(error <= TOLERANCE * largest)) fail_msg("%s: off by %g of %g", what, error, largest);
}

static bool near_kink(const double *y, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (fabs(y[i]) < 1e-3) return true;
  return false;
}

void test_avoid_kink(test_objective *f, const void *problem, const double *y, int64_t y_count, double *x,
                     int64_t x_count, double scale) {
  for (f(problem); near_kink(y, y_count);) {
    draw(x, x_count, scale);
    f(problem);
  }
}
