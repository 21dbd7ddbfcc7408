/* Failures: codes, the sentence with what is put before it, a thread's own. */
#include "core/status.h"

#include <pthread.h>

#include "testing.h"

static void test_codes(void **state) {
  (void)state;
#define CHECK_CODE(code, text, exit_code)             \
  assert_string_equal(csa_status_text(code), (text)); \
  assert_int_equal(csa_exit_code(code), (exit_code));
  CSA_STATUS_LIST(CHECK_CODE)
#undef CHECK_CODE
  assert_non_null(csa_status_text((csa_status)1000)); /* of a program that knows more codes */
}

static void test_sentence(void **state) {
  (void)state;
  char context[2000];
  assert_int_equal(csa_fail(CSA_INPUT, "file: %d: %s", 7, "why"), CSA_INPUT);
  assert_string_equal(csa_last_error(), "file: 7: why");
  assert_int_equal(csa_fail_in(CSA_USAGE, "run %s", "a"), CSA_USAGE);
  assert_string_equal(csa_last_error(), "run a: file: 7: why");
  memset(context, 'x', sizeof context - 1);
  context[sizeof context - 1] = '\0';
  for (int i = 0; i < 20; i++) csa_fail_in(CSA_INPUT, "%s", context); /* more than there is room for */
  assert_int_equal(strncmp(csa_last_error(), context, 100), 0);
}

/* What cannot be is refused, and the array stays. */
static void test_grow(void **state) {
  (void)state;
  char kept, *array = &kept;
  size_t capacity = SIZE_MAX / 16;
  assert_fails(CSA_MEMORY, "the host has no more", csa_grow(&array, capacity, &capacity, 16));
  assert_ptr_equal(array, &kept);
  assert_int_equal(capacity, SIZE_MAX / 16);
}

/* `arg` is a word that only this thread's failures have; NULL: they all had. */
static void *fail_often(void *arg) {
  for (int i = 0; i < 2000; i++) {
    csa_fail(CSA_FAILED, "%s %d", (const char *)arg, i);
    csa_fail_in(CSA_FAILED, "%s", (const char *)arg);
    char want[64];
    snprintf(want, sizeof want, "%s: %s %d", (const char *)arg, (const char *)arg, i);
    if (strcmp(csa_last_error(), want) != 0) return arg;
  }
  return NULL;
}

static void test_threads(void **state) {
  (void)state;
  char words[4][8] = {"one", "two", "three", "four"};
  pthread_t threads[4];
  void *failed;
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, fail_often, words[i]), 0);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_codes), cmocka_unit_test(test_sentence),
                                     cmocka_unit_test(test_grow), cmocka_unit_test(test_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
