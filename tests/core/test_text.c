/* Bytes from outside, made UTF-8. */
#include "core/text.h"

#include "testing.h"

static void test_utf8(void **state) {
  (void)state;
  static const struct {
    const char *text, *safe;
    size_t size;
  } cases[] = {
      {"plain", "plain", 64},
      {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x88", "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x88", 64},
      {"a\xFFz", "a\xEF\xBF\xBDz", 64},
      {"cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD", 64},
      {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD", 64},                 /* longer than need be */
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 64}, /* a surrogate */
      {"abc\xC3\xBC", "abc", 5},                                    /* no half of a character */
      {"abc\xC3\xBC", "abc\xC3\xBC", 6},
      {"", "", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char safe[64];
    assert_string_equal(csa_text_utf8(cases[i].text, safe, cases[i].size), cases[i].safe);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_utf8)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
