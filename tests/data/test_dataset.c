/* Which folder a name or a path means, and what is said where there is none. */
#include "data/dataset.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

enum { RECORD = 3073 };

static char *environment; /* CLSATTN_DATA as the program was started with, or NULL */

/* Two images to train on and one to test on, in CIFAR's layout; `seed` makes them differ. */
static void fill(const char *folder, int seed) {
  static uint8_t bytes[2 * RECORD];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = i % RECORD == 0 ? 7 : (uint8_t)((int)i * 5 + seed);
  test_write(test_path(folder, "data_batch_1.bin"), bytes, sizeof bytes);
  test_write(test_path(folder, "test_batch.bin"), bytes, RECORD);
}

static const char *folder_in(const char *parent, const char *name) {
  const char *path = test_path(parent, name);
  assert_int_equal(mkdir(path, 0700), 0);
  return path;
}

static void assert_path(const char *name, const char *path) {
  csa_dataset *d;
  assert_ok(csa_dataset_open(&d, name, (csa_dataset_limits){0}));
  assert_string_equal(d->path, path);
  assert_int_equal(d->train.count, 2);
  assert_int_equal(d->test.count, 1);
  csa_dataset_close(d);
}

static void assert_refused(const char *name, const char *text) {
  csa_dataset *d = NULL;
  assert_fails(CSA_INPUT, text, csa_dataset_open(&d, name, (csa_dataset_limits){0}));
  assert_null(d);
}

static void test_parent(void **state) {
  (void)state;
  const char *parent = test_folder(), *folder = folder_in(parent, "cifar-10-batches-bin");
  folder_in(parent, "other");
  test_write(test_path(parent, "readme"), "x", 1);
  fill(folder, 0);
  assert_path(folder, folder);
  assert_path(parent, folder);
}

static void test_side_by_side(void **state) {
  (void)state;
  const char *parent = test_folder();
  fill(folder_in(parent, "one"), 0);
  fill(folder_in(parent, "two"), 0);
  assert_refused(parent, "has 2 data sets in it");
}

static void test_unknown(void **state) {
  (void)state;
  const char *parent = test_folder();
  char path[PATH_MAX + 100];
  assert_refused(parent, "CIFAR-10 binary: data_batch_1.bin");
  assert_refused(parent, "IDX: train-images-idx3-ubyte");
  assert_refused(parent, parent);
  assert_refused(test_path(parent, "gone"), "gone: no such file or folder");
  test_write(test_path(parent, "file"), "x", 1);
#ifdef CSA_HAVE_ARCHIVE
  assert_refused(test_path(parent, "file"), "file: cannot be read as a tar archive");
#else
  csa_dataset *d;
  assert_fails(CSA_USAGE, "apt-get install libarchive-dev",
               csa_dataset_open(&d, test_path(parent, "file"), (csa_dataset_limits){0}));
#endif
  assert_refused("", "no such file or folder");
  memset(path, 'a', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_refused(path, "no such file or folder");
}

static void test_data_variable(void **state) {
  (void)state;
  const char *folder = test_folder(), *home = test_folder(), *above = folder_in(home, "clsattn");
  const char *other = folder_in(above, "cifar10");
  fill(folder, 0);
  fill(other, 0);
  setenv("XDG_DATA_HOME", home, 1);
  setenv("CLSATTN_DATA", folder, 1);
  assert_path("cifar10", folder);
  setenv("CLSATTN_DATA", test_path(folder, "gone"), 1);
  assert_refused("cifar10", "gone: no such file or folder; CLSATTN_DATA names it");
  setenv("CLSATTN_DATA", "", 1);
  assert_path("cifar10", other);
  unsetenv("CLSATTN_DATA");
  assert_path("cifar10", other);
  assert_path(folder, folder); /* a path is a path, whatever the variables say */
}

static void test_home(void **state) {
  (void)state;
  const char *home = test_folder(), *local = folder_in(home, ".local"), *share = folder_in(local, "share");
  const char *folder = folder_in(folder_in(share, "clsattn"), "cifar10");
  char *kept = getenv("HOME");
  if (kept != NULL) kept = strdup(kept);
  fill(folder, 0);
  unsetenv("CLSATTN_DATA");
  setenv("HOME", home, 1);
  setenv("XDG_DATA_HOME", "relative", 1); /* the standard: to be ignored */
  assert_path("cifar10", folder);
  unsetenv("XDG_DATA_HOME");
  assert_path("cifar10", folder);
  if (kept != NULL) setenv("HOME", kept, 1);
  free(kept);
}

static void test_missing_cifar10(void **state) {
  (void)state;
  unsetenv("CLSATTN_DATA");
  setenv("XDG_DATA_HOME", test_folder(), 1);
  assert_refused("cifar10", "/clsattn/cifar10 is not there");
  assert_non_null(strstr(csa_last_error(), "CLSATTN_DATA"));
  assert_non_null(strstr(csa_last_error(), "--data fashion-mnist"));
  assert_non_null(strstr(csa_last_error(), "apt-get install dataset-fashion-mnist"));
}

/* As it is installed, or what to install. */
static void test_fashion_mnist(void **state) {
  (void)state;
  csa_dataset *d = NULL;
  if (access("/usr/share/datasets/fashion-mnist", F_OK) != 0) {
    assert_refused("fashion-mnist", "apt-get install dataset-fashion-mnist");
    return;
  }
  assert_ok(csa_dataset_open(&d, "fashion-mnist", (csa_dataset_limits){.train = 100, .test = 100}));
  assert_int_equal(d->train.count, 100);
  assert_int_equal(d->classes, 10);
  assert_string_equal(d->class_names[9], "ankle boot");
  csa_dataset_close(d);
}

static void hash_of(const char *folder, csa_dataset_limits limits, char hash[33]) {
  csa_dataset *d;
  assert_ok(csa_dataset_open(&d, folder, limits));
  assert_int_equal(strlen(d->hash), 32);
  assert_int_equal(strspn(d->hash, "0123456789abcdef"), 32);
  memcpy(hash, d->hash, 33);
  csa_dataset_close(d);
}

/* Changes one byte of a file. */
static void change(const char *path, long place) {
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, place, SEEK_SET), 0);
  const int byte = fgetc(file);
  assert_int_equal(fseek(file, place, SEEK_SET), 0);
  assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
  assert_int_equal(fclose(file), 0);
}

static void test_hash(void **state) {
  (void)state;
  static const struct {
    const char *file;
    long place;
  } cases[] = {
      {"data_batch_1.bin", 2 * RECORD - 1}, {"data_batch_1.bin", 0}, {"test_batch.bin", 1000}, {"test_batch.bin", 0}};
  const char *one = test_folder(), *two = test_folder();
  char first[33], other[33];
  fill(one, 0);
  fill(two, 0);
  hash_of(one, (csa_dataset_limits){0}, first);
  hash_of(two, (csa_dataset_limits){.train = 2, .test = 1}, other);
  assert_string_equal(first, other);
  hash_of(two, (csa_dataset_limits){.train = 1, .test = 1}, other);
  assert_string_not_equal(first, other);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *path = test_path(two, cases[i].file);
    change(path, cases[i].place);
    hash_of(two, (csa_dataset_limits){0}, other);
    assert_string_not_equal(first, other);
    change(path, cases[i].place);
    hash_of(two, (csa_dataset_limits){0}, other);
    assert_string_equal(first, other);
  }
}

static void test_close_nothing(void **state) {
  (void)state;
  csa_dataset_close(NULL);
}

static void assert_split(const csa_dataset *d, const csa_split *split) {
  assert_true(split->count > 0);
  for (int64_t i = 0; i < split->count; i++) assert_in_range(split->labels[i], 0, d->classes - 1);
}

static void test_real_data(void **state) {
  (void)state;
  if (environment == NULL) {
    print_message("skipped: CLSATTN_DATA is not set\n");
    skip();
  }
  csa_dataset *d;
  setenv("CLSATTN_DATA", environment, 1);
  assert_ok(csa_dataset_open(&d, "cifar10", (csa_dataset_limits){0}));
  assert_split(d, &d->train);
  assert_split(d, &d->test);
  csa_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_parent),        cmocka_unit_test(test_side_by_side),
                                     cmocka_unit_test(test_unknown),       cmocka_unit_test(test_data_variable),
                                     cmocka_unit_test(test_home),          cmocka_unit_test(test_missing_cifar10),
                                     cmocka_unit_test(test_fashion_mnist), cmocka_unit_test(test_hash),
                                     cmocka_unit_test(test_close_nothing), cmocka_unit_test(test_real_data)};
  const char *data = getenv("CLSATTN_DATA");
  if (data != NULL && data[0] != '\0') environment = strdup(data);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(environment);
  return failed;
}
