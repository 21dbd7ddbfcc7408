/* Programs compiled ahead by helpers: all that can be are in the cache afterwards, and nothing else happens. */
#include "device/apart.h"
#include "device/compile.h"

#include "testing.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const csa_program_name names[] = {
    {"join", "-DWG=64"}, {"linear", "-DWG=64"}, {"nothing", ""}, {"join", "-DWG=64"}, {"select", "-DNO -DSIZES"}};

/* How many of them are in an otherwise cold cache, after a helper that is `program`. */
static int ready_after(const char *program, bool ready[LENGTH(names)]) {
  csa_device *device;
  int count = 0;
  setenv("XDG_CACHE_HOME", test_folder(), 1);
  csa_apart_with(program);
  assert_ok(csa_device_open(&device, NULL));
  csa_compile_ahead(device, names, LENGTH(names), 2);
  for (size_t i = 0; i < LENGTH(names); i++)
    count += ready[i] = csa_program_is_ready(device, names[i].name, names[i].options);
  csa_device_close(device);
  return count;
}

static void test_all_that_compile(void **state) {
  (void)state;
  bool ready[LENGTH(names)];
  assert_non_null(getenv("CLSATTN_TEST_PROGRAM"));
  assert_int_equal(ready_after(getenv("CLSATTN_TEST_PROGRAM"), ready), 3);
  assert_true(ready[0] && ready[1] && ready[3]);
}

static void test_no_helper(void **state) {
  (void)state;
  bool ready[LENGTH(names)];
  assert_int_equal(ready_after(NULL, ready), 0);
  assert_int_equal(ready_after("/there/is/no/such/program", ready), 0);
  assert_int_equal(ready_after("/bin/false", ready), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_that_compile), cmocka_unit_test(test_no_helper)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
