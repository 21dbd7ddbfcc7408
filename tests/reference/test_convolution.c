/* The reference of what the CNN is made of: each backward against central differences of its forward, along random
 * directions, and pooling's choice among equals. */
#include <math.h>

#include "core/rng.h"
#include "reference/reference.h"
#include "testing.h"

#define DIRECTIONS 20

static uint32_t streams;

static double *drawn(int64_t count) {
  const csa_rng rng = {3, CSA_RNG_TEST, streams++};
  double *values = calloc((size_t)count, sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < count; i++) values[i] = (double)csa_rng_normal(&rng, (uint64_t)i);
  return values;
}

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

/* A problem: forward fills y from whatever `x` is part of; the objective is dy . y. */
typedef struct {
  void (*forward)(const void *problem, double *y);
  const void *problem;
  const double *dy;
  int64_t outputs;
} objective;

static double value(const objective *o) {
  double *y = calloc((size_t)o->outputs, sizeof *y);
  assert_non_null(y);
  o->forward(o->problem, y);
  const double sum = dot(y, o->dy, o->outputs);
  free(y);
  return sum;
}

static double value_along(const objective *o, double *x, const double *direction, int64_t count, double step) {
  for (int64_t i = 0; i < count; i++) x[i] += step * direction[i];
  const double v = value(o);
  for (int64_t i = 0; i < count; i++) x[i] -= step * direction[i];
  return v;
}

static void check(const char *what, const objective *o, double *x, const double *gradient, int64_t count) {
  for (int d = 0; d < DIRECTIONS; d++) {
    const double step = 1e-6;
    double *direction = drawn(count);
    const double slope =
        (value_along(o, x, direction, count, step) - value_along(o, x, direction, count, -step)) / (2 * step);
    const double told = dot(gradient, direction, count);
    const double size = sqrt(dot(gradient, gradient, count)) + 1e-3;
    if (!(fabs(slope - told) <= 1e-6 * size * sqrt((double)count)))
      fail_msg("%s: slope %.12g, gradient says %.12g", what, slope, told);
    free(direction);
  }
}

typedef struct {
  csa_ref_conv2d sizes;
  double *x, *w, *b;
} conv_problem;

static void conv_forward(const void *problem, double *y) {
  const conv_problem *p = problem;
  csa_ref_conv2d_forward(&p->sizes, p->x, p->w, p->b, y);
}

static void test_conv2d(void **state) {
  (void)state;
  static const csa_ref_conv2d cases[] = {
      {1, 1, 1, 1, 1, 3, false}, {2, 3, 5, 2, 3, 3, true}, {1, 4, 4, 5, 2, 3, false}, {2, 2, 3, 4, 3, 1, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const csa_ref_conv2d s = cases[i];
    const int64_t pixels = s.images * s.height * s.width, nx = pixels * s.in, nw = s.kernel * s.kernel * s.in * s.out,
                  ny = pixels * s.out;
    const conv_problem p = {s, drawn(nx), drawn(nw), drawn(s.out)};
    double *y = drawn(ny), *dy = drawn(ny), *dx = drawn(nx), *dw = drawn(nw), *db = drawn(s.out);
    const objective o = {conv_forward, &p, dy, ny};
    csa_ref_conv2d_forward(&s, p.x, p.w, p.b, y);
    csa_ref_conv2d_backward(&s, p.x, p.w, y, dy, dx, dw, db);
    check("conv2d dx", &o, p.x, dx, nx);
    check("conv2d dw", &o, p.w, dw, nw);
    check("conv2d db", &o, p.b, db, s.out);
    free(p.x), free(p.w), free(p.b), free(y), free(dy), free(dx), free(dw), free(db);
  }
}

/* By hand: a 2 x 2 image of one channel under a kernel that picks the pixel to the right. */
static void test_conv2d_by_hand(void **state) {
  (void)state;
  const csa_ref_conv2d s = {1, 2, 2, 1, 1, 3, false};
  const double x[] = {1, 2, 3, 4}, b[] = {10};
  double w[9] = {0}, y[4];
  w[1 * 3 + 2] = 1;
  csa_ref_conv2d_forward(&s, x, w, b, y);
  const double want[] = {12, 10, 14, 10};
  assert_memory_equal(y, want, sizeof want);
}

static void test_pool(void **state) {
  (void)state;
  const csa_ref_pool s = {1, 3, 5, 1}; /* the last row and column are left out */
  const double x[] = {1, 1, 0, 7, 9, 1, 1, 7, 0, 9, 9, 9, 9, 9, 9}, dy[] = {5, 6};
  double y[2], dx[15];
  csa_ref_pool_forward(&s, x, y);
  assert_true(y[0] == 1 && y[1] == 7);
  csa_ref_pool_backward(&s, x, dy, dx);
  for (int i = 0; i < 15; i++) assert_true(dx[i] == (i == 0 ? 5 : i == 3 ? 6 : 0)); /* the first of equals */
}

static void test_average(void **state) {
  (void)state;
  const csa_ref_pool s = {2, 1, 2, 2};
  const double x[] = {1, 10, 3, 30, 5, 50, 7, 70}, want[] = {2, 20, 6, 60};
  double y[4], dx[8];
  csa_ref_average_forward(&s, x, y);
  assert_memory_equal(y, want, sizeof want);
  csa_ref_average_backward(&s, want, dx);
  for (int i = 0; i < 8; i++) assert_true(dx[i] == want[i / 4 * 2 + i % 2] / 2);
}

typedef struct {
  csa_ref_nonlocal sizes;
  csa_ref_nonlocal_params params;
  double *x;
} nonlocal_problem;

static void nonlocal_forward(const void *problem, double *y) {
  const nonlocal_problem *p = problem;
  assert_ok(csa_ref_nonlocal_forward(&p->sizes, &p->params, p->x, y));
}

static void test_nonlocal(void **state) {
  (void)state;
  static const csa_ref_nonlocal cases[] = {{1, 2, 2, 2, 1}, {2, 4, 5, 6, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const csa_ref_nonlocal s = cases[i];
    const int64_t c = s.channels, d = c / s.reduction, n = s.images * s.height * s.width * c;
    const int64_t counts[] = {d * c, d, 2 * d * c, 2 * d, c * d, c};
    double *p[6], *g[6], *dy = drawn(n), *dx = drawn(n);
    for (int j = 0; j < 6; j++) p[j] = drawn(counts[j]), g[j] = drawn(counts[j]);
    const nonlocal_problem problem = {s, {p[0], p[1], p[2], p[3], p[4], p[5]}, drawn(n)};
    const csa_ref_nonlocal_grads grads = {g[0], g[1], g[2], g[3], g[4], g[5]};
    const objective o = {nonlocal_forward, &problem, dy, n};
    assert_ok(csa_ref_nonlocal_backward(&s, &problem.params, problem.x, dy, dx, &grads));
    check("nonlocal dx", &o, problem.x, dx, n);
    static const char *const names[] = {"theta", "theta bias", "phi and g", "phi and g bias", "o", "o bias"};
    for (int j = 0; j < 6; j++) check(names[j], &o, p[j], g[j], counts[j]);
    for (int j = 0; j < 6; j++) free(p[j]), free(g[j]);
    free(problem.x), free(dy), free(dx);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv2d), cmocka_unit_test(test_conv2d_by_hand),
                                     cmocka_unit_test(test_pool), cmocka_unit_test(test_average),
                                     cmocka_unit_test(test_nonlocal)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
