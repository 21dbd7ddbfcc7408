/* What is drawn for augmentation, and how it is said. */
#include "data/augment.h"

#include "testing.h"

static void test_text(void **state) {
  (void)state;
  static const struct {
    const char *given, *full;
    csa_augment augment;
  } cases[] = {{"none", "none", {false, 0, 0}},
               {"flip", "flip", {true, 0, 0}},
               {"crop", "crop=4", {false, 4, 0}},
               {"cutout=16,crop=64,flip", "flip,crop=64,cutout=16", {true, 64, 16}},
               {"flip,cutout", "flip,cutout=8", {true, 0, 8}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_augment a = {true, 9, 9}, again = {true, 9, 9};
    char text[CSA_AUGMENT_TEXT];
    assert_true(csa_augment_parse(cases[i].given, &a));
    assert_true(a.flip == cases[i].augment.flip && a.crop == cases[i].augment.crop &&
                a.cutout == cases[i].augment.cutout);
    assert_string_equal(csa_augment_text(&a, text), cases[i].full);
    assert_true(csa_augment_parse(text, &again));
    assert_true(a.flip == again.flip && a.crop == again.crop && a.cutout == again.cutout);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "Flip",
                                      "flip,",
                                      ",flip",
                                      "flip=1",
                                      "crop=",
                                      "crop=0",
                                      "crop=-1",
                                      "crop=65",
                                      "crop=4x",
                                      "cutout=+3",
                                      "crop4",
                                      "none,flip",
                                      "crop= 4",
                                      "flip crop",
                                      "crops=4",
                                      "crop=99999999999999999999"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    csa_augment a = {false, 3, 0};
    assert_false(csa_augment_parse(texts[i], &a));
    assert_int_equal(a.crop, 3); /* left as it was */
  }
}

/* Every shift and every place of the hole comes about equally often; half are flipped; and never one beyond. */
static void test_draws(void **state) {
  (void)state;
  enum { COUNT = 40000, CROP = 4, SHIFTS = 2 * CROP + 1, HEIGHT = 10, WIDTH = 20 };
  const csa_augment a = {true, CROP, 8};
  int flips = 0, down[SHIFTS] = {0}, right[SHIFTS] = {0}, y[HEIGHT] = {0}, x[WIDTH] = {0}, same = 0;
  for (int i = 0; i < COUNT; i++) {
    const csa_augment_draw d = csa_augment_of(&a, 7, (uint32_t)(i / 100), i % 100, HEIGHT, WIDTH);
    const csa_augment_draw e = csa_augment_of(&a, 7, (uint32_t)(i / 100) + 1, i % 100, HEIGHT, WIDTH);
    assert_in_range(d.down + CROP, 0, SHIFTS - 1);
    assert_in_range(d.right + CROP, 0, SHIFTS - 1);
    assert_in_range(d.hole_y, 0, HEIGHT - 1);
    assert_in_range(d.hole_x, 0, WIDTH - 1);
    flips += d.flip;
    down[d.down + CROP]++, right[d.right + CROP]++, y[d.hole_y]++, x[d.hole_x]++;
    same += d.flip == e.flip && d.down == e.down && d.right == e.right;
  }
  assert_in_range(flips, COUNT / 2 - 500, COUNT / 2 + 500); /* five standard deviations */
  for (int i = 0; i < SHIFTS; i++) assert_in_range(down[i], COUNT / SHIFTS - 320, COUNT / SHIFTS + 320);
  for (int i = 0; i < SHIFTS; i++) assert_in_range(right[i], COUNT / SHIFTS - 320, COUNT / SHIFTS + 320);
  for (int i = 0; i < HEIGHT; i++) assert_in_range(y[i], COUNT / HEIGHT - 300, COUNT / HEIGHT + 300);
  for (int i = 0; i < WIDTH; i++) assert_in_range(x[i], COUNT / WIDTH - 220, COUNT / WIDTH + 220);
  assert_in_range(same, 1, COUNT / 100); /* 1 in 162: each step draws anew */
  const csa_augment none = {false, 0, 0};
  for (int i = 0; i < 100; i++) {
    const csa_augment_draw d = csa_augment_of(&none, 7, 0, i, HEIGHT, WIDTH);
    assert_true(!d.flip && d.down == 0 && d.right == 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_refused),
                                     cmocka_unit_test(test_draws)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
