/* Tables: the same cells in every form; nothing in a cell ends it, or becomes markup. */
#include "testing.h"

#include "report/table.h"

static const char *written(csa_form form) {
  static const csa_column columns[] = {{"", -6}, {"n", 5}, {"words", -7}};
  static char text[1024];
  FILE *out = fmemopen(text, sizeof text, "w");
  assert_non_null(out);
  csa_table t = csa_table_begin(out, form, columns, 3);
  csa_cell_link(&t, "a&b", "one");
  csa_cell(&t, "%.1f", 2.25);
  csa_cell(&t, "%s", "a|<b>");
  csa_cell(&t, "%s", "two");
  csa_cell(&t, "%d %%", 3);
  csa_cell(&t, "%s", "\"c\",\n`d");
  csa_table_end(&t);
  fclose(out);
  return text;
}

/* Words after numbers are set off, and no line ends with blanks. */
static void test_text(void **state) {
  (void)state;
  assert_string_equal(written(CSA_AS_TEXT), "           n  words\none      2.2  a|<b>\ntwo      3 %  \"c\",\n`d\n");
}

static void test_markdown(void **state) {
  (void)state;
  assert_string_equal(written(CSA_AS_MARKDOWN),
                      "| | n | words |\n|---|--:|---|\n| one | 2.2 | a\\|\\<b> |\n| two | 3 % | \"c\", \\`d |\n");
}

static void test_csv(void **state) {
  (void)state;
  assert_string_equal(written(CSA_AS_CSV), ",n,words\none,2.2,a|<b>\ntwo,3 %,\"\"\"c\"\",\n`d\"\n");
}

static void test_html(void **state) {
  (void)state;
  assert_string_equal(
      written(CSA_AS_HTML),
      "<div class=\"scroll\"><table>\n"
      "<tr><th></th>\n<th class=\"number\">n</th>\n<th>words</th>\n</tr>\n"
      "<tr><td><a href=\"a&amp;b\">one</a></td><td class=\"number\">2.2</td>\n<td>a|&lt;b&gt;</td>\n</tr>\n"
      "<tr><td>two</td>\n<td class=\"number\">3 %</td>\n<td>&quot;c&quot;,\n`d</td>\n</tr>\n</table></div>\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_markdown),
                                     cmocka_unit_test(test_csv), cmocka_unit_test(test_html)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
