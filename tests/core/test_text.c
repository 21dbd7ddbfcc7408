/* Bytes from outside, made UTF-8, and kept from steering a terminal. */
#include "core/text.h"

#include "core/log.h"
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

static void test_plain(void **state) {
  (void)state;
  static const char *const plain[] = {"", "a b", "gr\xC3\xBC\xC3\x9F", "\xC2\xA0"}, *const others[] = {"a\nb",
                                                                                                       "\x1b[2J",
                                                                                                       "\x7f",
                                                                                                       "\xff",
                                                                                                       "cut \xE2\x82",
                                                                                                       "\xC2\x9b"
                                                                                                       "2J",
                                                                                                       "\t"};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    assert_true(csa_text_is_plain(plain[i], strlen(plain[i])));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_false(csa_text_is_plain(others[i], strlen(others[i])));
  assert_false(csa_text_is_plain("a\0b", 3));
}

/* Whatever name is in it: a sentence is for people to read. */
static void test_sentences(void **state) {
  (void)state;
  (void)csa_fail(CSA_INPUT, "weights: %s: bad\n\twhat to do",
                 "a\x1b[2J\r\x7f\xC2\x9b"
                 "b\xC3\xBC");
  assert_string_equal(csa_last_error(), "weights: a?[2J????b\xC3\xBC: bad\n\twhat to do");
  (void)csa_fail(CSA_INPUT, "bad");
  (void)csa_fail_in(CSA_INPUT, "%s", "\x1b]0;x\a");
  assert_string_equal(csa_last_error(), "?]0;x?: bad");
}

static char logged[64];
static void keep_line(const char *line) { snprintf(logged, sizeof logged, "%s", line); }

static void test_log(void **state) {
  (void)state;
  csa_log_to(keep_line);
  csa_log("tuning: %s", "\x1b[31m");
  csa_log_to(NULL);
  assert_string_equal(logged, "tuning: ?[31m");
}

static void test_meant(void **state) {
  (void)state;
  static const char *const names[] = {"train", "eval", "predict", "cnn", "fashion-mnist"};
  static const struct {
    const char *text, *hint;
  } cases[] = {{"tarin", "; did you mean train?"},
               {"trian", "; did you mean train?"},
               {"rain", "; did you mean train?"},
               {"evil", "; did you mean eval?"},
               {"predikt", "; did you mean predict?"},
               {"cn", "; did you mean cnn?"},
               {"fashion", "; did you mean fashion-mnist?"},
               {"predictions", "; did you mean predict?"},
               {"ranks", ""},
               {"", ""},
               {"trainxtrainxtrainxtrainxtrainxtrainxtrainxtrainxtrainxtrainxtrainx", ""}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    csa_meant meant = {.text = cases[c].text};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) csa_meant_try(&meant, names[i]);
    assert_string_equal(meant.hint, cases[c].hint);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_utf8), cmocka_unit_test(test_plain),
                                     cmocka_unit_test(test_sentences), cmocka_unit_test(test_log),
                                     cmocka_unit_test(test_meant)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
