/* Folders of class folders: what they give, in which order, and every way in which they can be wrong. */
#include <png.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "data/image.h"
#include "images.h"
#include "testing.h"

static void make_folder(const char *path) { assert_int_equal(mkdir(path, 0700), 0); }

/* A grey picture of 5 x 3. */
static void write_grey(const char *folder, const char *name, int grey) {
  uint8_t rows[15];
  memset(rows, grey, sizeof rows);
  test_write_png(test_path(folder, name),
                 &(test_png){.width = 5, .height = 3, .color = PNG_COLOR_TYPE_GRAY, .depth = 8}, rows);
}

/* Ten of b, whose grey is the number in the name, and five of a to train on; two of b and one of a to test on. */
static const char *good_folder(void) {
  static const char *const parts[] = {"train", "train/b", "train/a", "test", "test/a", "test/b"};
  static const char *const of_a[] = {"A.jpg", "Z.png", "a.png", "a1.png", "a02.png"};
  const char *folder = test_folder();
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) make_folder(test_path(folder, parts[i]));
  for (int i = 10; i >= 1; i--) {
    char name[32];
    snprintf(name, sizeof name, "train/b/%d.png", i);
    write_grey(folder, name, i);
  }
  for (int i = 0; i < 5; i++) write_grey(test_path(folder, "train/a"), of_a[i], 100 + i);
  write_grey(folder, "test/a/1", 201);
  write_grey(folder, "test/b/1.png", 202);
  write_grey(folder, "test/b/2.png", 203);
  return folder;
}

static csa_dataset *load(const char *folder, csa_dataset_limits limits) {
  csa_dataset *d;
  assert_ok(csa_dataset_open(&d, folder, limits));
  return d;
}

static void assert_refused(const char *folder, const char *text) {
  csa_dataset *d = NULL;
  assert_fails(CSA_INPUT, text, csa_dataset_open(&d, folder, (csa_dataset_limits){0}));
  assert_null(d);
}

static void assert_greys(const csa_split *split, int side, const int *greys, int count) {
  assert_int_equal(split->count, count);
  for (int i = 0; i < count; i++)
    for (int p = 0; p < 3 * side * side; p++)
      if (split->images[i * 3 * side * side + p] != greys[i])
        fail_msg("image %d is %d, not %d", i, split->images[i * 3 * side * side + p], greys[i]);
}

/* (k + 1/2) / n: b at .05 .15 .25 …, a at .1 .3 .5 … */
static const int order[] = {1, 100, 2, 3, 101, 4, 5, 102, 6, 7, 103, 8, 9, 104, 10};

static void test_order(void **state) {
  (void)state;
  csa_dataset *d = load(good_folder(), (csa_dataset_limits){0});
  assert_string_equal(d->format, "image folders");
  assert_int_equal(d->classes, 2);
  assert_string_equal(d->class_names[0], "a");
  assert_string_equal(d->class_names[1], "b");
  assert_int_equal(d->height, 32);
  assert_int_equal(d->width, 32);
  assert_int_equal(d->channels, 3);
  assert_greys(&d->train, 32, order, 15);
  for (int i = 0; i < 15; i++) assert_int_equal(d->train.labels[i], order[i] < 100);
  assert_greys(&d->test, 32, (const int[]){202, 201, 203}, 3);
  assert_int_equal(d->other_files, 0);
  csa_dataset_close(d);
}

static void test_limits(void **state) {
  (void)state;
  const char *folder = good_folder();
  for (int n = 1; n <= 16; n += 5) {
    csa_dataset *d = load(folder, (csa_dataset_limits){.train = n, .test = 1, .image = 7});
    assert_int_equal(d->height, 7);
    assert_int_equal(d->width, 7);
    assert_greys(&d->train, 7, order, n < 15 ? n : 15);
    assert_greys(&d->test, 7, (const int[]){202}, 1);
    csa_dataset_close(d);
  }
}

/* What the data set holds is what image.h gives. */
static void test_pixels(void **state) {
  (void)state;
  const char *folder = good_folder(), *path = test_path(folder, "test/b/1.png");
  uint8_t rows[9 * 20 * 3], wanted[3 * 6 * 6];
  csa_image image;
  for (size_t i = 0; i < sizeof rows; i++) rows[i] = (uint8_t)(i * 37);
  test_write_jpeg(path, &(test_jpeg){.width = 20, .height = 9, .channels = 3, .orientation = 6}, rows);
  assert_ok(csa_image_read(&image, path));
  assert_ok(csa_image_resize(&image, 6, wanted));
  csa_image_fini(&image);
  csa_dataset *d = load(folder, (csa_dataset_limits){.image = 6});
  assert_memory_equal(d->test.images, wanted, sizeof wanted);
  csa_dataset_close(d);
}

static void test_val(void **state) {
  (void)state;
  const char *folder = good_folder(), *val = test_path(folder, "val");
  make_folder(val);
  make_folder(test_path(val, "a"));
  write_grey(val, "a/1.png", 77);
  csa_dataset *d = load(folder, (csa_dataset_limits){0});
  assert_int_equal(d->test.count, 3); /* test is what counts */
  csa_dataset_close(d);
  assert_int_equal(rename(test_path(folder, "test"), test_path(folder, "other")), 0);
  d = load(folder, (csa_dataset_limits){0});
  assert_greys(&d->test, 32, (const int[]){77}, 1);
  assert_int_equal(d->test.labels[0], 0);
  csa_dataset_close(d);
  assert_int_equal(rename(val, test_path(folder, "other2")), 0);
  assert_refused(folder, "neither test nor val");
}

/* Files go by numbers, classes by bytes, as torchvision has them. */
static void test_class_order(void **state) {
  (void)state;
  static const char *const renamed[][2] = {
      {"train/a", "train/2"}, {"train/b", "train/10"}, {"test/a", "test/2"}, {"test/b", "test/10"}};
  const char *folder = good_folder();
  for (int i = 0; i < 4; i++)
    assert_int_equal(rename(test_path(folder, renamed[i][0]), test_path(folder, renamed[i][1])), 0);
  csa_dataset *d = load(folder, (csa_dataset_limits){0});
  assert_string_equal(d->class_names[0], "10");
  assert_string_equal(d->class_names[1], "2");
  assert_greys(&d->train, 32, order, 15);
  assert_int_equal(d->train.labels[0], 0);
  csa_dataset_close(d);
}

static void test_classes(void **state) {
  (void)state;
  const char *folder = good_folder();
  make_folder(test_path(folder, "test/zebra"));
  assert_refused(folder, "test/zebra: no class is called so");
  rmdir(test_path(folder, "test/zebra"));
  make_folder(test_path(folder, "train/c"));
  assert_refused(folder, "train/c: has no images");
  write_grey(folder, "train/c/1.png", 9);
  csa_dataset *d = load(folder, (csa_dataset_limits){0}); /* a class without test images is fine */
  assert_int_equal(d->classes, 3);
  csa_dataset_close(d);
  make_folder(test_path(folder, "train/\xff"));
  assert_refused(folder, "UTF-8");
  const char *single = test_folder();
  make_folder(test_path(single, "train"));
  make_folder(test_path(single, "train/a"));
  make_folder(test_path(single, "test"));
  assert_refused(single, "has 1 folder in it");
  make_folder(test_path(single, "train/b"));
  write_grey(single, "train/a/1.png", 1);
  write_grey(single, "train/b/1.png", 1);
  assert_refused(single, "test: has no images");
}

/* What is hidden, or neither an image nor called one, is passed over; what is an image by another name is not. */
static void test_other_files(void **state) {
  (void)state;
  const char *folder = good_folder();
  test_write(test_path(folder, "train/readme.txt"), "x", 1);
  test_write(test_path(folder, "train/a/.hidden.png"), "x", 1);
  make_folder(test_path(folder, "train/a/.folder"));
  make_folder(test_path(folder, "train/.class"));
  test_write(test_path(folder, "train/a/Thumbs.db"), "x", 1);
  test_write(test_path(folder, "train/b/notes.txt"), "", 0);
  assert_int_equal(mkfifo(test_path(folder, "train/b/pipe"), 0600), 0);
  csa_dataset *d = load(folder, (csa_dataset_limits){0});
  assert_int_equal(d->train.count, 15);
  assert_int_equal(d->other_files, 3);
  csa_dataset_close(d);
  write_grey(folder, "train/b/99.picture", 11);
  d = load(folder, (csa_dataset_limits){0});
  assert_int_equal(d->train.count, 16);
  csa_dataset_close(d);
  make_folder(test_path(folder, "train/b/deep"));
  assert_refused(folder, "train/b/deep: a folder, where only images belong");
}

static void note(void *user, const char *path, const char *sentence) {
  char *text = user;
  assert_non_null(strstr(sentence, path));
  strcat(text, sentence);
  strcat(text, "\n");
}

static void test_damaged(void **state) {
  (void)state;
  const char *folder = good_folder();
  char told[4096] = "";
  test_write(test_path(folder, "train/b/3.png"), "this is text", 12);
  assert_refused(folder, "train/b/3.png: neither a PNG nor a JPEG");
  test_write(test_path(folder, "test/a/animation.GIF"), "GIF89a", 6);
  assert_int_equal(symlink("nowhere", test_path(folder, "test/b/link.jpg")), 0);
  assert_int_equal(truncate(test_path(folder, "test/b/2.png"), 50), 0);
  csa_dataset *d = load(folder, (csa_dataset_limits){.damaged = note, .user = told});
  assert_int_equal(d->train.count, 14);
  assert_int_equal(d->test.count, 2);
  csa_dataset_close(d);
  int lines = 0;
  for (const char *at = told; (at = strchr(at, '\n')) != NULL; at++) lines++;
  assert_int_equal(lines, 4);
  static const char *const wanted[] = {"train/b/3.png: neither", "test/a/animation.GIF: neither",
                                       "test/b/link.jpg: No such file", "test/b/2.png: "};
  for (int i = 0; i < 4; i++)
    if (strstr(told, wanted[i]) == NULL) fail_msg("%s is not in: %s", wanted[i], told);
}

static void test_hash(void **state) {
  (void)state;
  const char *folder = good_folder();
  char hash[33];
  csa_dataset *d = load(folder, (csa_dataset_limits){0});
  memcpy(hash, d->hash, sizeof hash);
  csa_dataset_close(d);
  d = load(folder, (csa_dataset_limits){0});
  assert_string_equal(d->hash, hash);
  csa_dataset_close(d);
  write_grey(folder, "train/b/5.png", 6);
  d = load(folder, (csa_dataset_limits){0});
  assert_string_not_equal(d->hash, hash);
  csa_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order),       cmocka_unit_test(test_limits),  cmocka_unit_test(test_pixels),
      cmocka_unit_test(test_val),         cmocka_unit_test(test_classes), cmocka_unit_test(test_class_order),
      cmocka_unit_test(test_other_files), cmocka_unit_test(test_damaged), cmocka_unit_test(test_hash)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
