/* Lines: axes between round numbers that hold every point, points where they belong, nothing that is not a number. */
#include "testing.h"

#include <jansson.h>
#include <math.h>

#include "report/plot.h"

static csa_point points[] = {{1.0, 2.25, 2.0, 2.5}, {2.0, 1.5, 1.0, 2.0}, {4.0, 0.75, 0.5, 1.0}};

static csa_plot plot_of(csa_point *of, size_t count) {
  return (csa_plot){.title = "a <b>",
                    .x_name = "epoch",
                    .unit = " &",
                    .scale = 1.0,
                    .lines = {{.name = "</script><!--", .colour = 1, .points = of, .count = count}},
                    .count = 1};
}

static const char *printed(const csa_plot *plot) {
  static char text[16384];
  FILE *out = fmemopen(text, sizeof text, "w");
  assert_non_null(out);
  assert_ok(csa_plot_print(out, plot));
  fclose(out);
  return text;
}

/* What the axis of y spans for values from `low` to `high`. */
static void test_axes(void **state) {
  (void)state;
  static const struct {
    double first, second, most, low, high, step;
  } cases[] = {
      {0.75, 2.25, 0.0, 0.5, 2.5, 0.5},  {0.82, 0.91, 1.0, 0.82, 0.92, 0.02}, {0.1, 0.999, 1.0, 0.0, 1.0, 0.2},
      {0.5, 0.5, 1.0, 0.48, 0.52, 0.02}, {1.0, 1.0, 1.0, 0.95, 1.0, 0.05},    {0.0, 0.0, 0.0, -0.2, 0.2, 0.2},
      {-3.0, 7.0, 0.0, -4.0, 8.0, 2.0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_point two[] = {{1.0, cases[i].first, 0.0, 0.0}, {2.0, cases[i].second, 0.0, 0.0}};
    csa_plot plot = plot_of(two, 2);
    csa_plot_axes a;
    plot.most = cases[i].most;
    csa_plot_axes_of(&plot, &a);
    if (fabs(a.low - cases[i].low) > 1e-9 || fabs(a.high - cases[i].high) > 1e-9 || fabs(a.step - cases[i].step) > 1e-9)
      fail_msg("case %zu: %g .. %g by %g", i, a.low, a.high, a.step);
    assert_true(a.x_end == 2.0 && a.x_step == 0.5);
  }
}

/* 4 is the right end; y from 0.5 to 2.5. */
static void test_places(void **state) {
  (void)state;
  csa_plot plot = plot_of(points, 3);
  const char *text = printed(&plot);
  assert_non_null(strstr(text, "points=\"2500,1250 5000,5000 10000,8750 \""));
  assert_null(strstr(text, "class=\"band"));
  assert_null(strstr(text, "a <b>"));
  assert_non_null(strstr(text, "a &lt;b&gt;"));
  assert_non_null(strstr(text, ">2.5 &amp;<"));
  plot.lines[0].band = true;
  text = printed(&plot);
  assert_non_null(strstr(text, "points=\"2500,2500 5000,7500 10000,10000 10000,7500 5000,2500 2500,0 \""));
}

/* The points stand in the page digit for digit, and a name cannot end the script they stand in. */
static void test_figures(void **state) {
  (void)state;
  points[1].y = 1.0 / 3.0;
  const csa_plot plot = plot_of(points, 3);
  const char *json = strstr(printed(&plot), "<script type=\"application/json\">");
  assert_non_null(json);
  json += strlen("<script type=\"application/json\">");
  json_t *figures = json_loadb(json, (size_t)(strstr(json, "</script>") - json), 0, NULL);
  assert_non_null(figures);
  const json_t *line = json_array_get(json_object_get(figures, "lines"), 0);
  assert_string_equal(json_string_value(json_object_get(line, "name")), plot.lines[0].name);
  const json_t *point = json_array_get(json_object_get(line, "points"), 1);
  assert_true(json_number_value(json_array_get(point, 1)) == 1.0 / 3.0);
  json_decref(figures);
  points[1].y = 1.5;
}

static void test_odd(void **state) {
  (void)state;
  csa_point odd[] = {{1.0, 5.0, 5.0, 5.0}};
  csa_plot plot = plot_of(odd, 1);
  const char *text = printed(&plot);
  assert_non_null(strstr(text, "<circle class=\"dot c1\" cx=\"100%\"")); /* one point is no line, but can be seen */
  assert_null(strstr(text, "<polyline"));
  plot.lines[0].count = 0;
  text = printed(&plot);
  assert_null(strstr(text, "nan"));
}

/* A picture by itself says what its colours are, in both schemes, and takes nothing from outside. */
static void test_picture(void **state) {
  (void)state;
  static char text[16384];
  FILE *out = fmemopen(text, sizeof text, "w");
  assert_non_null(out);
  const csa_plot plot = plot_of(points, 3);
  csa_plot_picture(out, "x & y", &plot, 1);
  fclose(out);
  assert_int_equal(strncmp(text, "<svg xmlns=", 11), 0);
  assert_non_null(strstr(text, "<title>x &amp; y</title>"));
  assert_non_null(strstr(text, "prefers-color-scheme: dark"));
  assert_null(strstr(text, "<script"));
  assert_null(strstr(text, "href"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_axes), cmocka_unit_test(test_places),
                                     cmocka_unit_test(test_figures), cmocka_unit_test(test_odd),
                                     cmocka_unit_test(test_picture)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
