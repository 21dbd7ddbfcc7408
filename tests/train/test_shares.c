/* Who takes how many images: all of them are taken, each once, whatever the weights and however small the batch. */
#include "train/shares.h"

#include "core/rng.h"
#include "testing.h"

static void assert_shares(const char *weights, int batch, const char *expected) {
  csa_shares s;
  double values[CSA_REPLICAS_MAX];
  char text[CSA_SETTING_BYTES];
  bool measured;
  int count = 1;
  for (const char *c = weights; *c != '\0'; c++) count += *c == ',';
  assert_ok(csa_shares_weights(weights, NULL, count, "vit", values, &measured));
  assert_ok(csa_shares_create(&s, values, count, batch));
  assert_string_equal(csa_shares_text(&s, 0, count, text), expected);
  csa_shares_fini(&s);
}

static void test_known(void **state) {
  (void)state;
  assert_shares("1", 100, "100");
  assert_shares("1,1", 100, "50,50");
  assert_shares("1,1", 101, "51,50"); /* a tie: to the first */
  assert_shares("1,1,1", 10, "4,3,3");
  assert_shares("1,1,1", 11, "4,4,3");
  assert_shares("2,1", 100, "67,33"); /* 66.67 and 33.33: to whom lacks most */
  assert_shares("1,2", 100, "33,67");
  assert_shares("0.5,1", 3, "1,2");
  assert_shares("99,1", 100, "99,1");
  assert_shares("1000,1", 10, "9,1"); /* nobody is left out */
  assert_shares("1,1000,1", 3, "1,1,1");
  assert_shares("1,1000,1", 5, "1,3,1");
  assert_shares("1,100,100,1", 7, "1,2,3,1"); /* what some were raised by is taken from others, a tie from the first */
}

static void test_text(void **state) {
  (void)state;
  int images[] = {67, 33, 5};
  const csa_shares s = {images, 3};
  char text[CSA_SETTING_BYTES];
  assert_string_equal(csa_shares_text(&s, 1, 2, text), "33,5");
}

/* Drawn weights, some of them next to nothing. */
static int draw(uint32_t number, double weights[CSA_REPLICAS_MAX], int *batch) {
  const csa_rng rng = {7, CSA_RNG_TEST, number};
  const int count = 1 + (int)(csa_rng_u32(&rng, 0) % CSA_REPLICAS_MAX);
  *batch = count + (int)(csa_rng_u32(&rng, 1) % 200);
  for (int i = 0; i < count; i++) {
    const uint32_t word = csa_rng_u32(&rng, (uint64_t)(2 + i));
    weights[i] = word % 4 == 0 ? 1e-3 : (double)(1 + word % 1000);
  }
  return count;
}

/* Each has its share rounded down or up, but for those that were raised to 1, and those who gave for that. */
static void assert_fair(const csa_shares *s, const double *weights, int batch) {
  double sum = 0.0;
  int total = 0, raised = 0;
  for (int i = 0; i < s->count; i++) sum += weights[i];
  for (int i = 0; i < s->count; i++) raised += batch * (weights[i] / sum) < 1.0;
  for (int i = 0; i < s->count; i++) {
    const double off = s->images[i] - batch * (weights[i] / sum);
    assert_in_range(s->images[i], 1, batch);
    if (raised == 0) assert_true(off > -1.0 && off < 1.0);
    if (raised > 0 && off > 0.0) assert_true(off <= 1.0);
    total += s->images[i];
  }
  assert_int_equal(total, batch);
}

/* Smaller batches: in order, without a gap, nobody more than of a whole one. */
static void assert_parts(const csa_shares *s, int whole) {
  for (int batch = 1; batch <= whole; batch++) {
    int next = 0;
    for (int i = 0; i < s->count; i++) {
      int first, images;
      csa_shares_part(s, batch, i, &first, &images);
      assert_int_equal(first, next);
      assert_in_range(images, 0, s->images[i]);
      if (batch == whole) assert_int_equal(images, s->images[i]);
      next += images;
    }
    assert_int_equal(next, batch);
  }
}

static void test_drawn(void **state) {
  (void)state;
  for (uint32_t number = 0; number < 500; number++) {
    double weights[CSA_REPLICAS_MAX];
    csa_shares s;
    int batch;
    const int count = draw(number, weights, &batch);
    assert_ok(csa_shares_create(&s, weights, count, batch));
    assert_fair(&s, weights, batch);
    assert_parts(&s, batch);
    csa_shares_fini(&s);
  }
}

/* `parts` turns suffice, and a turn less large would not do. */
static void test_turns(void **state) {
  (void)state;
  for (int images = 1; images <= 60; images++)
    for (int parts = 1; parts <= 70; parts++) {
      const int turn = csa_shares_turn(images, parts);
      assert_in_range(turn, 1, images);
      assert_true(turn * parts >= images);
      assert_true((turn - 1) * parts < images);
    }
}

static void test_measured(void **state) {
  (void)state;
  csa_device first = {.info = {.compute_units = 8}}, second = {.info = {.compute_units = 2}};
  csa_device *const devices[] = {&first, &second};
  csa_tuning_entry entry = {.kernel = "train", .shape = "vit"};
  double weights[2];
  bool measured;
  assert_ok(csa_tuning_create(&first.tuning, NULL));
  assert_ok(csa_tuning_create(&second.tuning, NULL));
  assert_ok(csa_shares_weights("", devices, 2, "vit", weights, &measured));
  assert_true(!measured && weights[0] == 8.0 && weights[1] == 2.0);
  csa_tuning_set(&entry, "IMAGES_PER_S", 900);
  assert_ok(csa_tuning_put(second.tuning, &entry));
  assert_ok(csa_shares_weights("", devices, 2, "vit", weights, &measured)); /* one alone says nothing */
  assert_true(!measured && weights[0] == 8.0 && weights[1] == 2.0);
  csa_tuning_set(&entry, "IMAGES_PER_S", 500);
  assert_ok(csa_tuning_put(first.tuning, &entry));
  assert_ok(csa_shares_weights("", devices, 2, "vit", weights, &measured));
  assert_true(measured && weights[0] == 500.0 && weights[1] == 900.0);
  assert_ok(csa_shares_weights("", devices, 2, "cnn", weights, &measured));
  assert_true(!measured && weights[0] == 8.0);
  assert_ok(csa_shares_weights("3,1", devices, 2, "vit", weights, &measured));
  assert_true(measured && weights[0] == 3.0 && weights[1] == 1.0);
  csa_tuning_destroy(first.tuning);
  csa_tuning_destroy(second.tuning);
}

static void test_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"1",     "1,",    ",1",    "1,2,3", "1,2,", "a,b",  "0,1", "1,-1",
                                    "nan,1", "inf,1", "1e9,1", " 1,2",  "1, 2", "1,2 ", "1;2", "1,,2"};
  double weights[2];
  bool measured;
  csa_shares s;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_fails(CSA_USAGE, "--shares: ", csa_shares_weights(bad[i], NULL, 2, "vit", weights, &measured));
  assert_fails(CSA_USAGE, "--batch: 1", csa_shares_create(&s, (double[]){1.0, 1.0}, 2, 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_known),    cmocka_unit_test(test_text),
                                     cmocka_unit_test(test_drawn),    cmocka_unit_test(test_turns),
                                     cmocka_unit_test(test_measured), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
