/* Bars: the axis begins at zero and reaches the longest, lengths are in proportion, text is escaped. */
#include "testing.h"

#include <math.h>

#include "report/svg.h"

/* Ticks are 1, 2 or 5 with zeros, at most five, and the end is the first that reaches `most`. */
static void test_axis(void **state) {
  (void)state;
  for (double most = 1e-6; most < 1e9; most *= 1.37) {
    double end, step;
    csa_axis_of(most, &end, &step);
    const double mantissa = step / pow(10.0, floor(log10(step) + 1e-9));
    assert_true(fabs(mantissa - 1.0) < 1e-6 || fabs(mantissa - 2.0) < 1e-6 || fabs(mantissa - 5.0) < 1e-6);
    assert_true(end >= most * (1.0 - 1e-9) && end - step < most);
    const double ticks = end / step;
    assert_true(fabs(ticks - round(ticks)) < 1e-6 && ticks >= 1.0 && ticks <= 5.0 + 1e-6);
  }
}

static void test_axis_exact(void **state) {
  (void)state;
  static const struct {
    double most, end, step;
  } cases[] = {{100.0, 100.0, 20.0}, {101.0, 150.0, 50.0}, {5.0, 5.0, 1.0}, {0.3, 0.3, 0.1},
               {0.0, 1.0, 0.2},      {-4.0, 1.0, 0.2},     {NAN, 1.0, 0.2}, {INFINITY, 1.0, 0.2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double end, step;
    csa_axis_of(cases[i].most, &end, &step);
    assert_true(fabs(end - cases[i].end) < 1e-9 && fabs(step - cases[i].step) < 1e-9);
  }
}

static char *drawn(const csa_bar *bars, int count) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  assert_non_null(out);
  csa_svg_bars(out, "a & b", "<ms>", bars, count);
  fclose(out);
  return text;
}

static void test_bars(void **state) {
  (void)state;
  const csa_bar bars[] = {{"<one>", "80 & more", 80.0, 80.0}, {"two", "40", 40.0, 10.0}};
  char *svg = drawn(bars, 2);
  assert_non_null(strstr(svg, "<title>a &amp; b</title>"));
  assert_non_null(strstr(svg, "&lt;one&gt;"));
  assert_non_null(strstr(svg, "80 &amp; more"));
  assert_non_null(strstr(svg, "&lt;ms&gt;"));
  assert_null(strstr(svg, "<one>"));
  /* The axis ends at 80, so lengths are 100 %, and 50 % with 12.5 % of it solid. */
  assert_non_null(strstr(svg, "class=\"part\" x=\"0\" y=\"20\" width=\"100%\""));
  assert_non_null(strstr(svg, "class=\"whole\" x=\"0\" y=\"62\" width=\"50%\""));
  assert_non_null(strstr(svg, "class=\"part\" x=\"0\" y=\"62\" width=\"12.5%\""));
  free(svg);
}

/* Values that are no lengths draw nothing, and a part is never longer than its bar. */
static void test_odd_values(void **state) {
  (void)state;
  const csa_bar bars[] = {{"a", "", -3.0, 1.0}, {"b", "", NAN, NAN}, {"c", "", 2.0, 7.0}, {"d", "", INFINITY, 0.0}};
  char *svg = drawn(bars, 4);
  assert_null(strstr(svg, "nan"));
  assert_null(strstr(svg, "inf"));
  assert_null(strstr(svg, "width=\"-"));
  assert_null(strstr(svg, "class=\"whole\""));
  assert_non_null(strstr(svg, "class=\"part\" x=\"0\" y=\"104\" width=\"100%\""));
  free(svg);
  svg = drawn(bars, 0);
  assert_non_null(strstr(svg, "</svg>"));
  free(svg);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_axis), cmocka_unit_test(test_axis_exact),
                                     cmocka_unit_test(test_bars), cmocka_unit_test(test_odd_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
