/* Schedules against values worked out by hand. */
#include "model/lr.h"

#include <math.h>

#include "testing.h"

static void assert_near(double got, double want) {
  if (!(fabs(got - want) <= 1e-12)) fail_msg("%.15g, not %.15g", got, want);
}

static void test_constant(void **state) {
  (void)state;
  const csa_lr lr = {.base = 0.5, .total = 10, .interval = 1};
  for (int step = 0; step < 20; step++) assert_true(csa_lr_at(&lr, step) == 0.5);
}

static void test_warmup(void **state) {
  (void)state;
  csa_lr lr = {.base = 0.5, .warmup = 4, .total = 10, .interval = 1};
  const double want[] = {0.125, 0.25, 0.375, 0.5, 0.5, 0.5};
  for (int step = 0; step < 6; step++) assert_near(csa_lr_at(&lr, step), want[step]);
  lr.warmup = 20; /* longer than the training */
  assert_near(csa_lr_at(&lr, 9), 0.25);
}

static void test_cosine(void **state) {
  (void)state;
  const csa_lr lr = {.kind = CSA_LR_COSINE, .base = 2.0, .warmup = 2, .total = 14, .interval = 1};
  assert_near(csa_lr_at(&lr, 0), 1.0);
  assert_near(csa_lr_at(&lr, 1), 2.0);
  assert_near(csa_lr_at(&lr, 2), 2.0);
  assert_near(csa_lr_at(&lr, 2 + 4), 1.5); /* cos 60 degrees */
  assert_near(csa_lr_at(&lr, 2 + 6), 1.0);
  assert_near(csa_lr_at(&lr, 2 + 8), 0.5);
  assert_true(csa_lr_at(&lr, 13) > 0.0);
  assert_near(csa_lr_at(&lr, 14), 0.0);
  assert_near(csa_lr_at(&lr, 1000), 0.0);
}

static void test_step(void **state) {
  (void)state;
  const csa_lr lr = {.kind = CSA_LR_STEP, .base = 1.0, .warmup = 1, .total = 10, .interval = 3, .factor = 0.5};
  const double want[] = {1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25};
  for (int step = 0; step < 8; step++) assert_near(csa_lr_at(&lr, step), want[step]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_constant), cmocka_unit_test(test_warmup),
                                     cmocka_unit_test(test_cosine), cmocka_unit_test(test_step)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
