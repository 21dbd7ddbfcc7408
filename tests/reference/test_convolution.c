/* The reference of what only the CNN is made of: each backward against central differences of its forward. */
#include "reference/gradients.h"
#include "reference/reference.h"

typedef struct {
  csa_ref_conv2d size;
  double *x, *w, *b, *y, *dy;
} conv2d_problem;

static double conv2d_objective(const void *problem) {
  const conv2d_problem *const p = problem;
  csa_ref_conv2d_forward(&p->size, p->x, p->w, p->b, p->y);
  return test_dot(p->y, p->dy, p->size.images * p->size.height * p->size.width * p->size.out);
}

static void check_conv2d(const csa_ref_conv2d *s) {
  const int64_t pixels = s->images * s->height * s->width, given = pixels * s->in, made = pixels * s->out;
  const int64_t weights = s->kernel * s->kernel * s->in * s->out;
  conv2d_problem p = {*s,
                      test_random(given, 1),
                      test_random(weights, 1),
                      test_random(s->out, 1),
                      test_fresh(made),
                      test_random(made, 1)};
  double *const dx = test_fresh(given), *const dw = test_fresh(weights), *const db = test_fresh(s->out);
  p.size.relu = false;
  test_avoid_kink(conv2d_objective, &p, p.y, made, p.x, given, 1);
  p.size.relu = s->relu;
  conv2d_objective(&p);
  csa_ref_conv2d_backward(s, p.x, p.w, p.y, p.dy, dx, dw, db);
  assert_gradient("conv2d dx", conv2d_objective, &p, p.x, dx, given);
  assert_gradient("conv2d dw", conv2d_objective, &p, p.w, dw, weights);
  assert_gradient("conv2d db", conv2d_objective, &p, p.b, db, s->out);
}

static void test_conv2d(void **state) {
  static const csa_ref_conv2d sizes[] = {
      {1, 1, 1, 1, 1, 3, false}, {2, 3, 5, 2, 3, 3, true}, {1, 4, 4, 5, 2, 3, false}, {2, 2, 3, 4, 3, 1, true}};
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) check_conv2d(&sizes[i]);
}

typedef struct {
  csa_ref_nonlocal size;
  csa_ref_nonlocal_params params;
  double *x, *y, *dy;
} nonlocal_problem;

static double nonlocal_objective(const void *problem) {
  const nonlocal_problem *const p = problem;
  assert_ok(csa_ref_nonlocal_forward(&p->size, &p->params, p->x, p->y));
  return test_dot(p->y, p->dy, p->size.images * p->size.height * p->size.width * p->size.channels);
}

static void check_nonlocal(const csa_ref_nonlocal *s) {
  const int64_t c = s->channels, d = c / s->reduction, all = s->images * s->height * s->width * c;
  const int64_t counts[] = {d * c, d, 2 * d * c, 2 * d, c * d, c};
  static const char *const names[] = {"theta", "theta bias", "phi and g", "phi and g bias", "o", "o bias"};
  double *value[6], *gradient[6], *const dx = test_fresh(all);
  for (int i = 0; i < 6; i++) {
    value[i] = test_random(counts[i], 1);
    gradient[i] = test_fresh(counts[i]);
  }
  const csa_ref_nonlocal_grads grads = {gradient[0], gradient[1], gradient[2], gradient[3], gradient[4], gradient[5]};
  const nonlocal_problem p = {*s,
                              {value[0], value[1], value[2], value[3], value[4], value[5]},
                              test_random(all, 1),
                              test_fresh(all),
                              test_random(all, 1)};
  assert_ok(csa_ref_nonlocal_backward(s, &p.params, p.x, p.dy, dx, &grads));
  assert_gradient("nonlocal dx", nonlocal_objective, &p, p.x, dx, all);
  for (int i = 0; i < 6; i++) assert_gradient(names[i], nonlocal_objective, &p, value[i], gradient[i], counts[i]);
}

static void test_nonlocal(void **state) {
  static const csa_ref_nonlocal sizes[] = {{1, 2, 2, 2, 1}, {2, 4, 5, 6, 2}};
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) check_nonlocal(&sizes[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_conv2d, test_release),
                                     cmocka_unit_test_teardown(test_nonlocal, test_release)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
