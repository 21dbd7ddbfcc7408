/* Holding back: every image is in one of the two parts, with its label, in its old order. */
#include "data/holdout.h"

#include "testing.h"

enum { COUNT = 500, BYTES = 3 };

static void check(int64_t held, uint64_t seed, uint8_t in_out[COUNT]) {
  uint8_t images[COUNT * BYTES];
  int32_t labels[COUNT];
  for (int i = 0; i < COUNT; i++) {
    labels[i] = i;
    for (int b = 0; b < BYTES; b++) images[i * BYTES + b] = (uint8_t)(i * 3 + b);
  }
  const csa_split from = {images, labels, COUNT};
  csa_split parts[2];
  assert_ok(csa_split_hold_out(&from, BYTES, held, seed, &parts[0], &parts[1]));
  assert_int_equal(parts[0].count, held);
  assert_int_equal(parts[1].count, COUNT - held);
  memset(in_out, 9, COUNT);
  for (int p = 0; p < 2; p++)
    for (int64_t i = 0; i < parts[p].count; i++) {
      const int32_t which = parts[p].labels[i];
      assert_in_range(which, 0, COUNT - 1);
      assert_int_equal(in_out[which], 9); /* not twice */
      in_out[which] = (uint8_t)p;
      assert_memory_equal(parts[p].images + i * BYTES, images + which * BYTES, BYTES);
      if (i > 0) assert_true(which > parts[p].labels[i - 1]);
    }
  csa_split_fini(&parts[0]);
  csa_split_fini(&parts[1]);
}

static void test_parts(void **state) {
  (void)state;
  uint8_t a[COUNT], b[COUNT];
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
