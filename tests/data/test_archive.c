/* CIFAR-10 out of a tar archive: the same as out of a folder, and every way in which an archive can be wrong. */
#include <archive.h>
#include <archive_entry.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "testing.h"

enum { RECORD = 3073, RECORDS = 5 };

#define INSIDE "cifar-10-batches-bin/"

static uint8_t records[RECORDS * RECORD];
static const char names[] = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";

typedef struct {
  const char *path;
  const void *bytes;
  size_t size;
  const char *link; /* what it is a link to, or NULL */
  bool hard;
} entry;

static void add(struct archive *tar, const entry *e) {
  struct archive_entry *header = archive_entry_new();
  archive_entry_set_pathname(header, e->path);
  archive_entry_set_mode(header, (e->link != NULL && !e->hard ? S_IFLNK : S_IFREG) | 0644);
  archive_entry_set_size(header, (la_int64_t)e->size);
  if (e->link != NULL && e->hard) archive_entry_set_hardlink(header, e->link);
  if (e->link != NULL && !e->hard) archive_entry_set_symlink(header, e->link);
  assert_int_equal(archive_write_header(tar, header), ARCHIVE_OK);
  archive_entry_free(header);
  if (e->size > 0) assert_int_equal(archive_write_data(tar, e->bytes, e->size), e->size);
}

static void write_archive(const char *path, const entry *entries, int count, bool gzip) {
  struct archive *tar = archive_write_new();
  assert_int_equal(archive_write_set_format_pax_restricted(tar), ARCHIVE_OK);
  if (gzip) assert_int_equal(archive_write_add_filter_gzip(tar), ARCHIVE_OK);
  assert_int_equal(archive_write_open_filename(tar, path), ARCHIVE_OK);
  for (int i = 0; i < count; i++) add(tar, &entries[i]);
  assert_int_equal(archive_write_free(tar), ARCHIVE_OK);
}

/* Four records to train on, in two files, and two to test on. */
static entry good[] = {{.path = INSIDE "readme.html", .bytes = "<html>", .size = 6},
                       {.path = INSIDE "test_batch.bin", .bytes = records + RECORD, .size = 2 * RECORD},
                       {.path = INSIDE "data_batch_10.bin", .bytes = records + 4 * RECORD, .size = RECORD},
                       {.path = INSIDE "batches.meta.txt", .bytes = names, .size = sizeof names - 1},
                       {.path = INSIDE "data_batch_2.bin", .bytes = records, .size = 3 * RECORD}};

enum { GOOD = sizeof good / sizeof good[0] };

static const char *archive_of(const entry *entries, int count) {
  const char *path = test_path(test_folder(), "cifar-10-binary.tar.gz");
  write_archive(path, entries, count, true);
  return path;
}

/* The good archive with one entry changed. */
static const char *archive_with(int place, entry other) {
  entry entries[GOOD];
  memcpy(entries, good, sizeof good);
  entries[place] = other;
  return archive_of(entries, GOOD);
}

static csa_dataset *load(const char *path, csa_dataset_limits limits) {
  csa_dataset *d;
  assert_ok(csa_dataset_open(&d, path, limits));
  return d;
}

static void assert_refused(const char *path, const char *text) {
  csa_dataset *d = NULL;
  assert_fails(CSA_INPUT, text, csa_dataset_open(&d, path, (csa_dataset_limits){0}));
  assert_null(d);
  assert_non_null(strstr(csa_last_error(), path));
}

static void assert_same(const char *path, const csa_dataset *wanted, csa_dataset_limits limits) {
  csa_dataset *d = load(path, limits);
  assert_string_equal(d->path, path);
  assert_string_equal(d->format, wanted->format);
  assert_string_equal(d->hash, wanted->hash);
  assert_string_equal(d->class_names[3], wanted->class_names[3]);
  assert_int_equal(d->train.count, wanted->train.count);
  assert_int_equal(d->test.count, wanted->test.count);
  csa_dataset_close(d);
}

static void test_same_as_folder(void **state) {
  (void)state;
  static const int counts[][2] = {{0, 0}, {1, 1}, {3, 2}, {4, 0}, {99, 99}};
  const char *folder = test_folder(), *gz = archive_of(good, GOOD), *tar = test_path(test_folder(), "plain.tar");
  write_archive(tar, good, GOOD, false);
  for (int i = 1; i < GOOD; i++)
    test_write(test_path(folder, strchr(good[i].path, '/') + 1), good[i].bytes, good[i].size);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    const csa_dataset_limits limits = {.train = counts[i][0], .test = counts[i][1]};
    csa_dataset *d = load(folder, limits);
    assert_same(gz, d, limits);
    assert_same(tar, d, limits);
    csa_dataset_close(d);
  }
}

static void test_any_order(void **state) {
  (void)state;
  csa_dataset *d = load(archive_of(good, GOOD), (csa_dataset_limits){0});
  assert_string_equal(d->class_names[9], "truck");
  assert_int_equal(d->train.count, 4);
  assert_int_equal(d->train.labels[3], records[(size_t)4 * RECORD]);
  for (int turn = 1; turn < GOOD; turn++) {
    entry turned[GOOD];
    for (int i = 0; i < GOOD; i++) turned[i] = good[(i + turn) % GOOD];
    assert_same(archive_of(turned, GOOD), d, (csa_dataset_limits){0});
  }
  csa_dataset_close(d);
}

/* Paths lead nowhere: base names choose, and nothing is written. */
static void test_paths(void **state) {
  (void)state;
  static const char *const inside[] = {"../", "/", "../../../etc/", "./", "a/../../b/"};
  csa_dataset *d = load(archive_of(good, GOOD), (csa_dataset_limits){0});
  for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
    entry entries[GOOD + 1];
    char paths[GOOD][64];
    const char *parent = test_folder(), *folder = test_path(parent, "below");
    const char *path = test_path(folder, "x.tar.gz");
    assert_int_equal(mkdir(folder, 0700), 0);
    memcpy(entries, good, sizeof good);
    for (int e = 0; e < GOOD; e++) {
      snprintf(paths[e], sizeof paths[e], "%s%s", inside[i], strchr(good[e].path, '/') + 1);
      entries[e].path = paths[e];
    }
    entries[GOOD] = (entry){.path = "../x", .bytes = "gotcha", .size = 6};
    write_archive(path, entries, GOOD + 1, true);
    assert_int_equal(chdir(folder), 0);
    assert_same(path, d, (csa_dataset_limits){0});
    assert_int_equal(chdir("/"), 0);
    assert_int_not_equal(access(test_path(parent, "x"), F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else is in it */
  }
  csa_dataset_close(d);
}

static void test_wrong_members(void **state) {
  (void)state;
  static uint8_t bad[3 * RECORD];
  memcpy(bad, records, sizeof bad);
  bad[2 * RECORD] = 10;
  assert_refused(archive_with(4, (entry){.path = INSIDE "data_batch_2.bin", .bytes = bad, .size = sizeof bad}),
                 "cifar-10-binary.tar.gz: data_batch_2.bin: byte 6146: label 10");
  assert_refused(archive_with(4, (entry){.path = INSIDE "data_batch_2.bin", .bytes = records, .size = 2 * RECORD - 1}),
                 "cifar-10-binary.tar.gz: data_batch_2.bin: 6145 bytes are not whole records of 3073");
  assert_refused(archive_with(1, (entry){.path = INSIDE "test_batch.bin", .bytes = "", .size = 0}),
                 "test_batch.bin: has no images");
  assert_refused(archive_with(3, (entry){.path = INSIDE "batches.meta.txt", .bytes = "\xff\n", .size = 2}),
                 "batches.meta.txt: is not text");
  assert_refused(archive_with(0, (entry){.path = "again/test_batch.bin", .bytes = records, .size = RECORD}),
                 "test_batch.bin is in it twice");
  assert_refused(archive_with(4, (entry){.path = INSIDE "data_batch_2.bin", .link = "/etc/passwd"}),
                 "data_batch_2.bin: not a regular file");
  assert_refused(
      archive_with(4, (entry){.path = INSIDE "data_batch_2.bin", .link = INSIDE "test_batch.bin", .hard = true}),
      "data_batch_2.bin: not a regular file");
}

static void test_no_cifar(void **state) {
  (void)state;
  static const entry python[] = {{.path = "cifar-10-batches-py/batches.meta", .bytes = "x", .size = 1},
                                 {.path = "cifar-10-batches-py/data_batch_1", .bytes = "x", .size = 1},
                                 {.path = "cifar-10-batches-py/test_batch", .bytes = "x", .size = 1}};
  assert_refused(archive_of(python, 3), "has no data_batch_1.bin to train on");
  assert_non_null(strstr(csa_last_error(), "not Python's"));
  assert_refused(archive_of(good, 2), "has no data_batch_1.bin");
  assert_refused(archive_of(good + 2, 3), "has no test_batch.bin");
}

static void test_not_an_archive(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "file.tar.gz");
  test_write(path, "an ordinary text\n", 17);
  assert_refused(path, "cannot be read as a tar archive");
  test_write(path, records, sizeof records);
  assert_refused(path, "cannot be read as a tar archive");
  test_write(path, "\x1f\x8b", 2);
  assert_refused(path, "file.tar.gz: ");
  test_write(path, "", 0);
  assert_refused(path, "file.tar.gz: ");
}

static size_t read_file(const char *path, uint8_t *bytes, size_t room) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  const size_t size = fread(bytes, 1, room, file);
  assert_true(size < room);
  fclose(file);
  return size;
}

/* Wherever a .gz is cut, down to its last byte, it is refused; where that is inside a member, the member is named. */
static void test_cut_off(void **state) {
  (void)state;
  static uint8_t bytes[1 << 18];
  const char *gz = archive_of(good, GOOD), *tar = test_path(test_folder(), "plain.tar");
  size_t size = read_file(gz, bytes, sizeof bytes);
  for (size_t keep = size - 1; keep > 2; keep = keep > 20 ? keep - keep / 20 : keep - 1) {
    test_write(gz, bytes, keep);
    assert_refused(gz, "the file ends too early");
  }
  write_archive(tar, good, GOOD, false);
  size = read_file(tar, bytes, sizeof bytes);
  test_write(tar, bytes, 3 * 512 + 2000); /* readme.html takes two blocks, then comes a header */
  assert_refused(tar, "plain.tar: test_batch.bin: byte ");
  test_write(tar, bytes, 2 * 512 + 100);
  assert_refused(tar, "plain.tar: ");
}

/* The sum at the end of a .gz tells what no label does. */
static void test_damaged(void **state) {
  (void)state;
  static uint8_t bytes[1 << 18];
  const char *gz = archive_of(good, GOOD);
  const size_t size = read_file(gz, bytes, sizeof bytes);
  bytes[size - 6] ^= 1;
  test_write(gz, bytes, size);
  assert_refused(gz, "incorrect data check");
}

/* The sum that goes with a header that was changed. */
static void mend_sum(uint8_t *header) {
  unsigned sum = 0;
  char text[8];
  memset(header + 148, ' ', 8);
  for (int i = 0; i < 512; i++) sum += header[i];
  snprintf(text, sizeof text, "%06o", sum);
  memcpy(header + 148, text, 7);
}

/* Writes another size into a tar's first header. */
static void claim(uint8_t *header, const char *octal) {
  memcpy(header + 124, octal, 11);
  mend_sum(header);
}

/* Makes the first member a sparse one, of 1.9 GiB, with a block of data at `offset`; GNU's old form. */
static void make_sparse(uint8_t *header, const char *offset) {
  header[156] = 'S';
  memcpy(header + 257, "ustar  ", 8);
  memset(header + 345, 0, 155);
  memcpy(header + 386, offset, 11);
  memcpy(header + 398, "00000001000", 11);
  memcpy(header + 483, "16660000000", 11);
  claim(header, "00000001000");
}

/* A header may claim what it likes; memory follows what comes. */
static void test_claims(void **state) {
  (void)state;
  static const struct {
    const char *octal, *text;
  } cases[] = {{"77777777777", "x.tar: data_batch_1.bin: claims 8589934591 bytes"},
               {"20000000001", "x.tar: data_batch_1.bin: claims 2147483649 bytes"},
               {"17777777777", "x.tar: data_batch_1.bin: byte "}};
  static uint8_t bytes[1 << 18];
  const entry one[] = {{.path = "data_batch_1.bin", .bytes = records, .size = RECORD}};
  const char *path = test_path(test_folder(), "x.tar");
  struct rusage before, after;
  write_archive(path, one, 1, false);
  const size_t size = read_file(path, bytes, sizeof bytes);
  assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    claim(bytes, cases[i].octal);
    test_write(path, bytes, size);
    assert_refused(path, cases[i].text);
  }
  make_sparse(bytes, "16657777000");
  test_write(path, bytes, size);
  assert_refused(path, "x.tar: data_batch_1.bin: byte 0: a hole");
  make_sparse(bytes, "00000000000");
  test_write(path, bytes, size);
  assert_refused(path, "x.tar: data_batch_1.bin: byte 512: ");
  assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
  assert_true(after.ru_maxrss - before.ru_maxrss < 256 * 1024); /* KiB */
}

static void test_unpack(void **state) {
  (void)state;
  const char *folder = test_folder(), *gz = archive_of(good, GOOD);
  csa_dataset *d = load(gz, (csa_dataset_limits){0});
  assert_ok(csa_dataset_unpack(gz, folder));
  assert_same(folder, d, (csa_dataset_limits){0});
  assert_int_not_equal(access(test_path(folder, "readme.html"), F_OK), 0);
  assert_fails(CSA_OUTPUT, "gone/", csa_dataset_unpack(gz, test_path(folder, "gone")));
  csa_dataset_close(d);
}

static void test_hundred(void **state) {
  (void)state;
  const entry entries[] = {
      {.path = "cifar-100-binary/train.bin", .bytes = records, .size = RECORD + 1},
      {.path = "cifar-100-binary/coarse_label_names.txt", .bytes = names, .size = sizeof names - 1},
      {.path = "cifar-100-binary/test.bin", .bytes = records + 1, .size = RECORD + 1}};
  const char *folder = test_folder();
  records[1] = records[2] = 77;
  const char *path = archive_of(entries, 3);
  csa_dataset *d = load(path, (csa_dataset_limits){0});
  assert_string_equal(d->format, "CIFAR-100 binary");
  assert_int_equal(d->train.labels[0], 77);
  assert_int_equal(d->classes, 100);
  assert_ok(csa_dataset_unpack(path, folder));
  assert_same(folder, d, (csa_dataset_limits){0});
  csa_dataset_close(d);
}

static int fill_records(void **state) {
  (void)state;
  uint32_t x = 1;
  for (size_t i = 0; i < sizeof records; i++) {
    x = x * 1664525 + 1013904223;
    records[i] = i % RECORD == 0 ? (uint8_t)(9 - i / RECORD) : (uint8_t)(x >> 24);
  }
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_as_folder), cmocka_unit_test(test_any_order), cmocka_unit_test(test_paths),
      cmocka_unit_test(test_wrong_members),  cmocka_unit_test(test_no_cifar),  cmocka_unit_test(test_not_an_archive),
      cmocka_unit_test(test_cut_off),        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_claims),
      cmocka_unit_test(test_unpack),         cmocka_unit_test(test_hundred)};
  return cmocka_run_group_tests(tests, fill_records, NULL);
}
