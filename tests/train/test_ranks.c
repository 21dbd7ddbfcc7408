/* Ranks, of which this process is one; the others are numbers that a link adds. */
#include "train/ranks.h"

#include <stdlib.h>
#include <string.h>

#include "testing.h"

static const char *others; /* what the other ranks' words add up to, from here on */
static int64_t *words;     /* of the sum under way */
static int64_t count;
static int asked;
static bool fails;

static csa_status begin(void **request, void *values, int64_t n, csa_ranks_type type) {
  assert_int_equal(type, CSA_RANKS_INT64);
  words = values;
  count = n;
  asked = 0;
  *request = &count;
  return CSA_OK;
}

/* Done when it is asked for the third time. */
static csa_status test(void *request, bool *done) {
  assert_ptr_equal(request, &count);
  if (fails) return csa_fail(CSA_FAILED, "ranks: rank 2 was lost");
  *done = ++asked == 3;
  for (int64_t i = 0; i < count && *done; i++) {
    int64_t word;
    memcpy(&word, others + i * 8, 8);
    words[i] += word;
  }
  if (*done) others += count * 8;
  return CSA_OK;
}

static const csa_ranks_link second = {3, 1, begin, test}, first = {3, 0, begin, test}, alone = {.count = 1};

static void test_alone(void **state) {
  (void)state;
  int64_t values[2] = {3, -4};
  float floats[1] = {0.5f};
  csa_ranks_sum sum;
  bool done = false;
  assert_int_equal(csa_ranks_count(), 1);
  assert_ok(csa_ranks_add(values, 2));
  assert_ok(csa_ranks_gather(values, sizeof values));
  assert_ok(csa_ranks_share(values, sizeof values));
  assert_ok(csa_ranks_sum_begin(&sum, floats, 1));
  assert_ok(csa_ranks_sum_test(&sum, &done));
  assert_true(done && values[0] == 3 && values[1] == -4 && floats[0] == 0.5f);
}

static void test_add(void **state) {
  (void)state;
  const int64_t rest[2] = {5, INT64_C(-9000000000)};
  int64_t values[2] = {3, -4};
  csa_ranks_join(&second);
  others = (const char *)rest;
  assert_ok(csa_ranks_add(values, 2));
  assert_true(values[0] == 8 && values[1] == INT64_C(-9000000004));
}

/* Of a size that is no number of words; bits of any kind. */
static void test_gather(void **state) {
  (void)state;
  static const char theirs[16] =
      "\xff\x80z\0\x01"
      "\0\0\0\0\0"
      "\xfe\xff\xff\xff\x7f";
  char all[3][5] = {"????", "own", "????"}, wanted[16];
  memcpy(wanted, theirs, 16);
  memcpy(wanted + 5, all[1], 5);
  csa_ranks_join(&second);
  others = theirs;
  assert_ok(csa_ranks_gather(all, 5));
  assert_memory_equal(all, wanted, 15);
}

/* More than is shared at once; rank 0 keeps its own, the others get it. */
static void test_share(void **state) {
  (void)state;
  const size_t size = (size_t)9 << 20 | 13;
  unsigned char *given = calloc(size + 8, 1), *got = malloc(size), *nothing = calloc(size + 8, 1);
  assert_true(given != NULL && got != NULL && nothing != NULL);
  for (size_t i = 0; i < size; i++) given[i] = (unsigned char)(i * 2654435761u >> 13);
  memset(got, 7, size);
  csa_ranks_join(&second);
  others = (const char *)given;
  assert_ok(csa_ranks_share(got, size));
  assert_memory_equal(got, given, size);
  csa_ranks_join(&first);
  others = (const char *)nothing;
  assert_ok(csa_ranks_share(got, size));
  assert_memory_equal(got, given, size);
  free(given);
  free(got);
  free(nothing);
}

static void test_broken(void **state) {
  (void)state;
  int64_t value = 1;
  csa_ranks_join(&second);
  assert_false(csa_ranks_broken());
  fails = true;
  assert_fails(CSA_FAILED, "rank 2 was lost", csa_ranks_add(&value, 1));
  assert_true(csa_ranks_broken());
  fails = false;
  csa_ranks_join(&alone);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone), cmocka_unit_test(test_add),
                                     cmocka_unit_test(test_gather), cmocka_unit_test(test_share),
                                     cmocka_unit_test(test_broken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
