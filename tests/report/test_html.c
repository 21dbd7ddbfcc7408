/* Escaping: what comes from drivers and files cannot become markup. */
#include "testing.h"

#include "report/html.h"

static const char *written(const char *text) {
  static char result[256];
  FILE *out = fmemopen(result, sizeof result, "w");
  assert_non_null(out);
  csa_html_text(out, text);
  fclose(out);
  return result;
}

static void test_markup(void **state) {
  (void)state;
  assert_string_equal(written("<script>alert(\"1\" & '2')</script>"),
                      "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
  assert_string_equal(written("plain, \n\t and \xC2\xB5s"), "plain, \n\t and \xC2\xB5s");
}

/* Each is one replacement character a byte that cannot be read, and nothing after it is swallowed. */
static void test_damage(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {"a\x01z", "a\xEF\xBF\xBDz"},                                             /* control */
      {"a\x80z", "a\xEF\xBF\xBDz"},                                             /* continuation without a beginning */
      {"a\xC0\xBCz", "a\xEF\xBF\xBD\xEF\xBF\xBDz"},                             /* a '<' written too long */
      {"a\xE0\x80\xBCz", "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz"},             /* likewise, in three bytes */
      {"a\xE2\x82<", "a\xEF\xBF\xBD\xEF\xBF\xBD&lt;"},                          /* cut short before markup */
      {"a\xC3", "a\xEF\xBF\xBD"},                                               /* cut short at the end */
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* a surrogate */
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* beyond U+10FFFF */
      {"\xF0\x9F\x90\x84", "\xF0\x9F\x90\x84"},                                 /* four bytes, fine */
      {"\xE2\x82\xAC", "\xE2\x82\xAC"},                                         /* three */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_string_equal(written(cases[i].text), cases[i].expected);
}

static void test_element(void **state) {
  (void)state;
  char result[256] = "";
  FILE *out = fmemopen(result, sizeof result, "w");
  assert_non_null(out);
  csa_html_element(out, "td class=\"number\"", "%d < %s", 3, "<b>");
  fclose(out);
  assert_string_equal(result, "<td class=\"number\">3 &lt; &lt;b&gt;</td>\n");
}

/* Nothing is loaded from anywhere, and every tag that the frame opens is closed. */
static void test_page(void **state) {
  (void)state;
  char *page = NULL;
  size_t size;
  FILE *out = open_memstream(&page, &size);
  assert_non_null(out);
  csa_html_begin(out, "a < b");
  csa_html_end(out);
  fclose(out);
  static const char *const forbidden[] = {"<script", "<link", "<img", "url(", "@import", "http:", "https:"};
  for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) assert_null(strstr(page, forbidden[i]));
  assert_non_null(strstr(page, "<title>a &lt; b</title>"));
  assert_non_null(strstr(page, "prefers-color-scheme: dark"));
  static const char *const tags[] = {"html", "head", "body", "main", "style"};
  for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
    char open[16], close[16];
    snprintf(open, sizeof open, "<%s", tags[i]);
    snprintf(close, sizeof close, "</%s>", tags[i]);
    assert_non_null(strstr(page, open));
    assert_non_null(strstr(strstr(page, open), close));
  }
  free(page);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_markup), cmocka_unit_test(test_damage),
                                     cmocka_unit_test(test_element), cmocka_unit_test(test_page)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
