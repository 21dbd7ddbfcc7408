/* Holding back: every image is in one of the two parts, in its old order. */
#include "data/holdout.h"

#include "testing.h"

enum { COUNT = 500 };

/* out: which part each image is in. */
static void check(int64_t held, uint64_t seed, uint8_t part_of[COUNT]) {
  int32_t list[COUNT];
  csa_hold_out(list, COUNT, held, seed);
  memset(part_of, 9, COUNT);
  for (int i = 0; i < COUNT; i++) {
    assert_in_range(list[i], 0, COUNT - 1);
    assert_int_equal(part_of[list[i]], 9); /* not twice */
    part_of[list[i]] = i >= held;
    if (i > 0 && i != held) assert_true(list[i] > list[i - 1]);
  }
}

static void test_parts(void **state) {
  (void)state;
  uint8_t a[COUNT], b[COUNT];
  check(0, 0, a);
  check(1, 0, a);
  check(COUNT - 1, 0, a);
  check(50, 3, a);
  check(50, 3, b);
  assert_memory_equal(a, b, COUNT);
  check(50, 4, b);
  assert_memory_not_equal(a, b, COUNT); /* another seed, another choice */
  int first_half = 0;
  check(COUNT / 2, 5, a);
  for (int i = 0; i < COUNT / 2; i++) first_half += a[i] == 0;
  assert_in_range(first_half, COUNT / 4 - 40, COUNT / 4 + 40); /* from everywhere */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
