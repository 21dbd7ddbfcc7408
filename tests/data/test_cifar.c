/* CIFAR-10's binary layout: what a folder of it gives, and every way in which one can be wrong. */
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "testing.h"

enum { PIXELS = 3072, RECORD = 1 + PIXELS };

static uint8_t pixel_of(int label, int i) { return (uint8_t)(label * 31 + i); }

/* A file of one record for each label, then `more` bytes of an unfinished one. */
static void write_batch(const char *folder, const char *name, const uint8_t *labels, int count, size_t more) {
  const size_t size = (size_t)count * RECORD + more;
  uint8_t *bytes = calloc(size + 1, 1);
  assert_non_null(bytes);
  for (int r = 0; r < count; r++) {
    bytes[r * RECORD] = labels[r];
    for (int i = 0; i < PIXELS; i++) bytes[r * RECORD + 1 + i] = pixel_of(labels[r], i);
  }
  test_write(test_path(folder, name), bytes, size);
  free(bytes);
}

/* A folder that is fine: 3 images to train on, 2 to test on. */
static const char *good_folder(void) {
  const char *folder = test_folder();
  write_batch(folder, "data_batch_1.bin", (const uint8_t[]){4, 9, 0}, 3, 0);
  write_batch(folder, "test_batch.bin", (const uint8_t[]){1, 7}, 2, 0);
  return folder;
}

static csa_dataset *load(const char *folder, int64_t train, int64_t test) {
  csa_dataset *d;
  assert_ok(csa_dataset_open(&d, folder, (csa_dataset_limits){.train = train, .test = test}));
  return d;
}

static void assert_refused(const char *folder, csa_dataset_limits limits, const char *text) {
  csa_dataset *d = NULL;
  assert_fails(CSA_INPUT, text, csa_dataset_open(&d, folder, limits));
  assert_null(d);
}

static void assert_labels(const csa_split *split, const int *labels, int count) {
  assert_int_equal(split->count, count);
  for (int n = 0; n < count; n++) {
    assert_int_equal(split->labels[n], labels[n]);
    for (int i = 0; i < PIXELS; i++)
      if (split->images[n * PIXELS + i] != pixel_of(labels[n], i)) fail_msg("image %d differs at byte %d", n, i);
  }
}

static void test_records(void **state) {
  (void)state;
  csa_dataset *d = load(good_folder(), 0, 0);
  assert_labels(&d->train, (const int[]){4, 9, 0}, 3);
  assert_labels(&d->test, (const int[]){1, 7}, 2);
  assert_int_equal(d->channels, 3);
  assert_int_equal(d->height, 32);
  assert_int_equal(d->width, 32);
  assert_string_equal(d->format, "CIFAR-10 binary");
  csa_dataset_close(d);
}

static void test_natural_order(void **state) {
  (void)state;
  const char *folder = good_folder();
  write_batch(folder, "data_batch_10.bin", (const uint8_t[]){8}, 1, 0);
  write_batch(folder, "data_batch_2.bin", (const uint8_t[]){5, 6}, 2, 0);
  write_batch(folder, "data_batch_100.bin", NULL, 0, 0);
  write_batch(folder, "data_batch_0.bin", (const uint8_t[]){3}, 1, 0);
  csa_dataset *d = load(folder, 0, 0);
  assert_labels(&d->train, (const int[]){3, 4, 9, 0, 5, 6, 8}, 7);
  csa_dataset_close(d);
}

/* Names that are nearly those of training files do not count, least of all as a file that is read twice. */
static void test_other_files(void **state) {
  (void)state;
  static const char *const names[] = {"data_batch_01.bin", "data_batch_+1.bin", "data_batch_1.bin.part",
                                      "data_batch_.bin",   "data_batch_-1.bin", "readme.html"};
  const char *folder = good_folder();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) test_write(test_path(folder, names[i]), "x", 1);
  csa_dataset *d = load(folder, 0, 0);
  assert_labels(&d->train, (const int[]){4, 9, 0}, 3);
  csa_dataset_close(d);
}

static void test_class_names(void **state) {
  (void)state;
  const char *folder = good_folder();
  csa_dataset *d = load(folder, 0, 0);
  assert_int_equal(d->classes, 10);
  assert_string_equal(d->class_names[9], "9");
  csa_dataset_close(d);
  const char meta[] = "airplane\r\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
  test_write(test_path(folder, "batches.meta.txt"), meta, strlen(meta));
  d = load(folder, 0, 0);
  assert_int_equal(d->classes, 10);
  assert_string_equal(d->class_names[0], "airplane");
  assert_string_equal(d->class_names[9], "truck");
  csa_dataset_close(d);
}

static void test_limits(void **state) {
  (void)state;
  static const struct {
    int64_t limits[2];
    int train, test;
  } cases[] = {{{1, 1}, 1, 1}, {{3, 2}, 3, 2}, {{4, 0}, 4, 2}, {{5, 0}, 5, 2}, {{99, INT64_MAX}, 5, 2}};
  const char *folder = good_folder();
  write_batch(folder, "data_batch_2.bin", (const uint8_t[]){2, 2}, 2, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_dataset *d = load(folder, cases[i].limits[0], cases[i].limits[1]);
    assert_labels(&d->train, (const int[]){4, 9, 0, 2, 2}, cases[i].train);
    assert_labels(&d->test, (const int[]){1, 7}, cases[i].test);
    csa_dataset_close(d);
  }
}

/* What a limit leaves out is not read, but a file that was cut off is still found. */
static void test_limit_and_other_files(void **state) {
  (void)state;
  const char *folder = good_folder();
  write_batch(folder, "data_batch_2.bin", (const uint8_t[]){200}, 1, 0);
  csa_dataset_close(load(folder, 3, 0));
  write_batch(folder, "data_batch_2.bin", (const uint8_t[]){2}, 1, 1000);
  assert_refused(folder, (csa_dataset_limits){.train = 1, .test = 1}, "data_batch_2.bin: 4073 bytes");
}

static void test_truncated(void **state) {
  (void)state;
  const char *folder = good_folder();
  write_batch(folder, "data_batch_1.bin", (const uint8_t[]){4, 9}, 2, RECORD - 1);
  assert_refused(folder, (csa_dataset_limits){0}, "data_batch_1.bin: 9218 bytes");
  assert_refused(folder, (csa_dataset_limits){0}, "byte 6146");
  write_batch(folder, "data_batch_1.bin", (const uint8_t[]){4, 9}, 2, 0);
  write_batch(folder, "test_batch.bin", NULL, 0, 1);
  assert_refused(folder, (csa_dataset_limits){0}, "test_batch.bin: 1 bytes");
}

static void test_labels(void **state) {
  (void)state;
  const char *folder = good_folder();
  write_batch(folder, "data_batch_2.bin", (const uint8_t[]){9, 0, 10}, 3, 0);
  assert_refused(folder, (csa_dataset_limits){0}, "data_batch_2.bin: byte 6146: label 10");
  write_batch(folder, "data_batch_2.bin", (const uint8_t[]){2}, 1, 0);
  write_batch(folder, "test_batch.bin", (const uint8_t[]){255}, 1, 0);
  assert_refused(folder, (csa_dataset_limits){0}, "test_batch.bin: byte 0: label 255");
  write_batch(folder, "test_batch.bin", (const uint8_t[]){2}, 1, 0);
  test_write(test_path(folder, "batches.meta.txt"), "a\nb\nc\n", 6);
  assert_refused(folder, (csa_dataset_limits){0}, "data_batch_1.bin: byte 0: label 4");
}

static void test_missing(void **state) {
  (void)state;
  const char *folder = good_folder();
  unlink(test_path(folder, "test_batch.bin"));
  assert_refused(folder, (csa_dataset_limits){0}, "has no test_batch.bin");
  const char *other = test_folder();
  write_batch(other, "test_batch.bin", (const uint8_t[]){1}, 1, 0);
  assert_refused(other, (csa_dataset_limits){0}, "data_batch_1.bin");
}

static void test_empty(void **state) {
  (void)state;
  const char *folder = good_folder();
  test_write(test_path(folder, "test_batch.bin"), "", 0);
  assert_refused(folder, (csa_dataset_limits){0}, "test_batch.bin: has no images");
  write_batch(folder, "test_batch.bin", (const uint8_t[]){1}, 1, 0);
  test_write(test_path(folder, "data_batch_1.bin"), "", 0);
  assert_refused(folder, (csa_dataset_limits){0}, "data_batch_1.bin: has no images");
}

/* No file is left out in silence. */
static void test_too_many(void **state) {
  (void)state;
  const char *folder = good_folder();
  for (int i = 2; i <= 1002; i++) {
    char name[32];
    snprintf(name, sizeof name, "data_batch_%d.bin", i);
    test_write(test_path(folder, name), "", 0);
  }
  assert_refused(folder, (csa_dataset_limits){0}, "more than 1002 files");
  unlink(test_path(folder, "data_batch_500.bin"));
  csa_dataset_close(load(folder, 0, 0));
}

/* Neither a folder nor a pipe, which would wait for a writer without end, is read as a file. */
static void test_not_files(void **state) {
  (void)state;
  const char *folder = good_folder();
  assert_int_equal(mkfifo(test_path(folder, "data_batch_2.bin"), 0600), 0);
  assert_refused(folder, (csa_dataset_limits){0}, "data_batch_2.bin: not a regular file");
  unlink(test_path(folder, "data_batch_2.bin"));
  assert_int_equal(mkdir(test_path(folder, "data_batch_2.bin"), 0700), 0);
  assert_refused(folder, (csa_dataset_limits){0}, "data_batch_2.bin: not a regular file");
}

static void test_hostile_names(void **state) {
  (void)state;
  char lines[1200], large[70000];
  uint8_t binary[256];
  for (int i = 0; i < 300; i++) memcpy(lines + 4 * i, "abc\n", 4);
  for (int i = 0; i < 256; i++) binary[i] = (uint8_t)(255 - i);
  memset(large, 'a', sizeof large);
  const struct {
    const void *meta;
    size_t size;
    const char *text;
  } cases[] = {
      {"", 0, "names 0 classes"},       {"\n\r\n\n", 4, "names 0 classes"}, {lines, sizeof lines, "names 300 classes"},
      {binary, sizeof binary, "UTF-8"}, {"\xffzz\ncat\n", 8, "UTF-8"},      {"cat\0dog\n", 8, "UTF-8"},
      {"cat\x1b[2J\n", 8, "UTF-8"},     {large, sizeof large, "70000"}};
  const char *folder = good_folder();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    test_write(test_path(folder, "batches.meta.txt"), cases[i].meta, cases[i].size);
    assert_refused(folder, (csa_dataset_limits){0}, cases[i].text);
    assert_non_null(strstr(csa_last_error(), "batches.meta.txt"));
  }
}

/* A file of CIFAR-100: records of a coarse label, which nothing looks at, and a fine one. */
static void write_hundred(const char *folder, const char *name, const uint8_t *labels, int count) {
  const size_t record = 1 + RECORD;
  uint8_t *bytes = calloc((size_t)count + 1, record);
  assert_non_null(bytes);
  for (int r = 0; r < count; r++) {
    uint8_t *at = bytes + (size_t)r * record;
    at[0] = 250;
    at[1] = labels[r];
    for (int i = 0; i < PIXELS; i++) at[2 + i] = pixel_of(labels[r], i);
  }
  test_write(test_path(folder, name), bytes, (size_t)count * record);
  free(bytes);
}

static void test_hundred(void **state) {
  (void)state;
  const char *folder = test_folder();
  write_hundred(folder, "train.bin", (const uint8_t[]){40, 99, 0, 7}, 4);
  write_hundred(folder, "test.bin", (const uint8_t[]){3, 98}, 2);
  csa_dataset *d = load(folder, 3, 0);
  assert_string_equal(d->format, "CIFAR-100 binary");
  assert_labels(&d->train, (const int[]){40, 99, 0}, 3);
  assert_labels(&d->test, (const int[]){3, 98}, 2);
  assert_int_equal(d->classes, 100);
  assert_string_equal(d->class_names[99], "99");
  csa_dataset_close(d);
  char names[1000] = "";
  for (int c = 0; c < 100; c++) sprintf(names + strlen(names), "kind %d\n", c);
  test_write(test_path(folder, "fine_label_names.txt"), names, strlen(names));
  test_write(test_path(folder, "coarse_label_names.txt"), "a\nb\n", 4);
  d = load(folder, 0, 0);
  assert_int_equal(d->train.count, 4);
  assert_int_equal(d->classes, 100);
  assert_string_equal(d->class_names[40], "kind 40");
  csa_dataset_close(d);
}

static void test_hundred_wrong(void **state) {
  (void)state;
  const char *folder = test_folder(), *train = test_path(folder, "train.bin");
  write_hundred(folder, "train.bin", (const uint8_t[]){40, 99, 0}, 3);
  assert_refused(folder, (csa_dataset_limits){0}, "has no test.bin");
  write_hundred(folder, "test.bin", (const uint8_t[]){3, 100}, 2);
  assert_refused(folder, (csa_dataset_limits){0}, "test.bin: byte 3075: label 100");
  write_hundred(folder, "test.bin", (const uint8_t[]){3}, 1);
  assert_int_equal(truncate(train, 2 * 3074 + 3073), 0);
  assert_refused(folder, (csa_dataset_limits){0}, "train.bin: 9221 bytes are not whole records of 3074");
  unlink(train);
  assert_refused(folder, (csa_dataset_limits){0}, "has no train.bin");
}

/* Beside CIFAR-10, the files of CIFAR-100 are other files. */
static void test_ten_and_hundred(void **state) {
  (void)state;
  const char *folder = good_folder();
  write_hundred(folder, "train.bin", (const uint8_t[]){40}, 1);
  csa_dataset *d = load(folder, 0, 0);
  assert_labels(&d->train, (const int[]){4, 9, 0}, 3);
  csa_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_records),       cmocka_unit_test(test_natural_order),
                                     cmocka_unit_test(test_other_files),   cmocka_unit_test(test_class_names),
                                     cmocka_unit_test(test_limits),        cmocka_unit_test(test_limit_and_other_files),
                                     cmocka_unit_test(test_truncated),     cmocka_unit_test(test_labels),
                                     cmocka_unit_test(test_missing),       cmocka_unit_test(test_empty),
                                     cmocka_unit_test(test_too_many),      cmocka_unit_test(test_not_files),
                                     cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_hundred),
                                     cmocka_unit_test(test_hundred_wrong), cmocka_unit_test(test_ten_and_hundred)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
