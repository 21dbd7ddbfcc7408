/* IDX files: padding, both forms of storage, and headers that lie. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/dataset.h"
#include "testing.h"

enum { PLANE = 32 * 32, IMAGE = 3 * PLANE, HEADER = 16, ROOM = HEADER + 64 * PLANE };

/* What one file says, and what it has; the entries count up, so that each byte tells its place. */
typedef struct {
  uint32_t magic, count, rows, cols; /* rows and cols: of images */
  size_t bytes;                      /* that follow the header */
} idx;

static const idx images3 = {0x0803, 3, 28, 28, 3 * 28 * 28}, labels3 = {0x0801, 3, 0, 0, 3},
                 images2 = {0x0803, 2, 28, 28, 2 * 28 * 28}, labels2 = {0x0801, 2, 0, 0, 2};

static uint8_t grey(size_t i) { return (uint8_t)(1 + i % 251); }

static size_t put(uint8_t *to, uint32_t number) {
  for (int i = 0; i < 4; i++) to[i] = (uint8_t)(number >> (24 - 8 * i));
  return 4;
}

/* The file's bytes; labels are 0, 3, 6, 9, 2, … */
static size_t encode(const idx *f, uint8_t bytes[ROOM]) {
  size_t size = put(bytes, f->magic);
  size += put(bytes + size, f->count);
  if (f->rows + f->cols > 0) {
    size += put(bytes + size, f->rows);
    size += put(bytes + size, f->cols);
  }
  assert_true(size + f->bytes <= ROOM);
  for (size_t i = 0; i < f->bytes; i++) bytes[size + i] = f->rows > 0 ? grey(i) : (uint8_t)(3 * i % 10);
  return size + f->bytes;
}

static void write_plain(const char *folder, const char *name, const idx *f) {
  static uint8_t bytes[ROOM];
  const size_t size = encode(f, bytes);
  test_write(test_path(folder, name), bytes, size);
}

static void write_gz(const char *folder, const char *name, const idx *f) {
  static uint8_t bytes[ROOM];
  const size_t size = encode(f, bytes);
  gzFile file = gzopen(test_path(folder, name), "wb");
  assert_non_null(file);
  assert_int_equal(gzwrite(file, bytes, (unsigned)size), (int)size);
  assert_int_equal(gzclose(file), Z_OK);
}

static const char *good_folder(void) {
  const char *folder = test_folder();
  write_plain(folder, "train-images-idx3-ubyte", &images3);
  write_plain(folder, "train-labels-idx1-ubyte", &labels3);
  write_plain(folder, "t10k-images-idx3-ubyte", &images2);
  write_plain(folder, "t10k-labels-idx1-ubyte", &labels2);
  return folder;
}

static const char *good_gz_folder(void) {
  const char *folder = test_folder();
  write_gz(folder, "train-images-idx3-ubyte.gz", &images3);
  write_gz(folder, "train-labels-idx1-ubyte.gz", &labels3);
  write_gz(folder, "t10k-images-idx3-ubyte.gz", &images2);
  write_gz(folder, "t10k-labels-idx1-ubyte.gz", &labels2);
  return folder;
}

static csa_dataset *load(const char *folder, int64_t train, int64_t test) {
  csa_dataset *d;
  assert_ok(csa_dataset_open(&d, folder, (csa_dataset_limits){.train = train, .test = test}));
  return d;
}

static void assert_refused(const char *folder, const char *text) {
  csa_dataset *d = NULL;
  assert_fails(CSA_INPUT, text, csa_dataset_open(&d, folder, (csa_dataset_limits){0}));
  assert_null(d);
}

/* Image n is the n-th `rows` x `cols` picture, centred on 0, in each of three channels. */
static void assert_images(const csa_split *split, int count, int rows, int cols) {
  const int top = (32 - rows) / 2, left = (32 - cols) / 2;
  assert_int_equal(split->count, count);
  for (int i = 0; i < count * IMAGE; i++) {
    const int n = i / IMAGE, y = i % PLANE / 32 - top, x = i % 32 - left;
    const bool inside = y >= 0 && y < rows && x >= 0 && x < cols;
    const uint8_t want = inside ? grey((size_t)((n * rows + y) * cols + x)) : 0;
    if (split->images[i] != want) fail_msg("image %d, row %d, column %d: %d", n, y, x, split->images[i]);
  }
  for (int n = 0; n < count; n++) assert_int_equal(split->labels[n], 3 * n % 10);
}

static void test_plain_and_gz(void **state) {
  (void)state;
  csa_dataset *plain = load(good_folder(), 0, 0), *gz = load(good_gz_folder(), 0, 0);
  assert_images(&plain->train, 3, 28, 28);
  assert_images(&plain->test, 2, 28, 28);
  assert_images(&gz->train, 3, 28, 28);
  assert_images(&gz->test, 2, 28, 28);
  assert_string_equal(plain->hash, gz->hash);
  assert_string_equal(plain->format, "IDX");
  assert_int_equal(plain->channels, 3);
  assert_int_equal(plain->height, 32);
  assert_int_equal(plain->width, 32);
  assert_int_equal(plain->classes, 10);
  assert_string_equal(plain->class_names[9], "9");
  csa_dataset_close(plain);
  csa_dataset_close(gz);
}

static void test_sizes(void **state) {
  (void)state;
  static const int sizes[][2] = {{1, 1}, {32, 32}, {31, 2}, {5, 32}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const int rows = sizes[i][0], cols = sizes[i][1];
    const char *folder = good_folder();
    write_plain(folder, "train-images-idx3-ubyte",
                &(idx){0x0803, 3, (uint32_t)rows, (uint32_t)cols, (size_t)(3 * rows * cols)});
    csa_dataset *d = load(folder, 0, 0);
    assert_images(&d->train, 3, rows, cols);
    csa_dataset_close(d);
  }
}

/* More images than the first allocation holds: what came first stays. */
static void test_many(void **state) {
  (void)state;
  static uint8_t bytes[HEADER + 3000];
  const char *folder = good_folder();
  size_t size = put(bytes, 0x0803);
  size += put(bytes + size, 3000);
  size += put(bytes + size, 1);
  size += put(bytes + size, 1);
  for (size_t i = 0; i < 3000; i++) bytes[size + i] = grey(i);
  test_write(test_path(folder, "train-images-idx3-ubyte"), bytes, size + 3000);
  write_plain(folder, "train-labels-idx1-ubyte", &(idx){0x0801, 3000, 0, 0, 3000});
  csa_dataset *d = load(folder, 0, 0);
  assert_images(&d->train, 3000, 1, 1);
  csa_dataset_close(d);
}

/* The names belong to the folder, not to whatever folder it lies in. */
static void test_class_names(void **state) {
  (void)state;
  static const struct {
    const char *above, *below, *last;
    int classes;
  } cases[] = {{"", "fashion-mnist", "ankle boot", 10},
               {"", "fashion-mnist/", "ankle boot", 10},
               {"", "mnist", "9", 10},
               {"fashion", "mnist", "9", 10}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[512];
    const char *from = good_folder(), *parent = test_folder();
    snprintf(path, sizeof path, "%s/%s", parent, cases[i].above);
    if (cases[i].above[0] != '\0') assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%s/%s", parent, cases[i].above, cases[i].below);
    assert_int_equal(rename(from, path), 0);
    csa_dataset *d = load(path, 0, 0);
    assert_int_equal(d->classes, cases[i].classes);
    assert_string_equal(d->class_names[9], cases[i].last);
    csa_dataset_close(d);
  }
}

static void test_more_classes(void **state) {
  (void)state;
  const char *folder = good_folder();
  const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 46, 0};
  test_write(test_path(folder, "t10k-labels-idx1-ubyte"), labels, sizeof labels);
  csa_dataset *d = load(folder, 0, 0);
  assert_int_equal(d->classes, 47);
  assert_string_equal(d->class_names[46], "46");
  csa_dataset_close(d);
}

/* Of what a limit leaves out, nothing is read. */
static void test_limits(void **state) {
  (void)state;
  const char *folder = good_folder();
  csa_dataset *d = load(folder, 2, 1);
  assert_images(&d->train, 2, 28, 28);
  assert_images(&d->test, 1, 28, 28);
  csa_dataset_close(d);
  d = load(folder, 99, INT64_MAX);
  assert_images(&d->train, 3, 28, 28);
  assert_images(&d->test, 2, 28, 28);
  csa_dataset_close(d);
  write_plain(folder, "train-images-idx3-ubyte", &(idx){0x0803, 3, 28, 28, 28 * 28});
  d = load(folder, 1, 0);
  assert_images(&d->train, 1, 28, 28);
  csa_dataset_close(d);
}

static void test_hostile(void **state) {
  (void)state;
  static const struct {
    const char *name;
    idx file;
    const char *text;
  } cases[] = {
      {"train-images-idx3-ubyte", {0x0801, 3, 28, 28, 2352}, "train-images-idx3-ubyte: byte 0: 0x00000801"},
      {"train-labels-idx1-ubyte", {0x0803, 3, 0, 0, 3}, "train-labels-idx1-ubyte: byte 0: 0x00000803"},
      {"train-images-idx3-ubyte", {0x0803, 0, 28, 28, 0}, "byte 4: 0 entries"},
      {"train-images-idx3-ubyte", {0x0803, UINT32_MAX, 28, 28, 2352}, "byte 4: 4294967295 entries"},
      {"train-labels-idx1-ubyte", {0x0801, 0x80000000, 0, 0, 3}, "byte 4: 2147483648 entries"},
      {"train-images-idx3-ubyte", {0x0803, 3, 0, 28, 84}, "byte 8: images of 0 x 28"},
      {"train-images-idx3-ubyte", {0x0803, 3, 28, 0, 84}, "byte 8: images of 28 x 0"},
      {"train-images-idx3-ubyte", {0x0803, 3, 33, 28, 2772}, "byte 8: images of 33 x 28"},
      {"train-images-idx3-ubyte", {0x0803, 3, 28, 33, 2772}, "byte 8: images of 28 x 33"},
      {"train-images-idx3-ubyte", {0x0803, 3, 0x10000, 0x10000, 2352}, "byte 8: images of 65536 x 65536"},
      {"train-labels-idx1-ubyte", {0x0801, 4, 0, 0, 4}, "byte 4: 4 labels for 3 images"},
      {"t10k-labels-idx1-ubyte", {0x0801, 1, 0, 0, 1}, "byte 4: 1 labels for 2 images"},
      {"train-images-idx3-ubyte", {0x0803, 3, 28, 28, 2351}, "byte 2367: the file ends too early"},
      {"t10k-images-idx3-ubyte", {0x0803, 2, 28, 28, 0}, "byte 16: the file ends too early"},
      {"train-labels-idx1-ubyte", {0x0801, 3, 0, 0, 2}, "byte 10: the file ends too early"},
      {"train-images-idx3-ubyte", {0x0803, 3, 28, 28, 2353}, "byte 2368: more bytes"},
      {"t10k-labels-idx1-ubyte", {0x0801, 2, 0, 0, 4}, "byte 10: more bytes"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *folder = good_folder();
    write_plain(folder, cases[i].name, &cases[i].file);
    assert_refused(folder, cases[i].text);
    assert_non_null(strstr(csa_last_error(), cases[i].name));
  }
}

static void test_short_header(void **state) {
  (void)state;
  const char *folder = good_folder();
  static const uint8_t start[] = {0, 0, 8, 3, 0, 0};
  test_write(test_path(folder, "train-images-idx3-ubyte"), "", 0);
  assert_refused(folder, "train-images-idx3-ubyte: byte 0: the file ends too early");
  test_write(test_path(folder, "train-images-idx3-ubyte"), start, sizeof start);
  assert_refused(folder, "train-images-idx3-ubyte: byte 6: the file ends too early");
}

static void test_missing(void **state) {
  (void)state;
  static const char *const names[] = {"train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
  for (size_t i = 0; i < 3; i++) {
    const char *folder = good_folder();
    unlink(test_path(folder, names[i]));
    assert_refused(folder, names[i]);
  }
}

/* A pipe in place of a file would be waited for. */
static void test_pipe(void **state) {
  (void)state;
  const char *folder = good_folder(), *path = test_path(folder, "train-labels-idx1-ubyte");
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  alarm(60);
  assert_refused(folder, "train-labels-idx1-ubyte: neither it nor a .gz");
  alarm(0);
}

/* A header may claim 15 GB of images; what is allocated follows what is there. */
static void test_claims(void **state) {
  (void)state;
  const char *folder = good_folder();
  struct rusage before, after;
  write_plain(folder, "train-images-idx3-ubyte", &(idx){0x0803, 5000000, 28, 28, 2352});
  write_plain(folder, "train-labels-idx1-ubyte", &(idx){0x0801, 5000000, 0, 0, 3});
  assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
  assert_refused(folder, "byte 2368: the file ends too early");
  assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
  assert_true(after.ru_maxrss - before.ru_maxrss < 256 * 1024); /* KiB */
}

/* Changes one byte at `place` of a file, counted from its end where negative, or cuts it there. */
static void damage(const char *path, long place, bool cut) {
  static uint8_t bytes[ROOM];
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  const long size = (long)fread(bytes, 1, sizeof bytes, file), at = place < 0 ? size + place : place;
  fclose(file);
  assert_in_range(at, 0, size - 1);
  bytes[at] ^= 0x55;
  test_write(path, bytes, (size_t)(cut ? at : size));
}

static void test_damaged_gz(void **state) {
  (void)state;
  static const struct {
    long place;
    bool cut;
    const char *text;
  } cases[] = {{-100, true, "the file ends too early"}, {-8, true, "the file ends too early"},
               {-1, true, "the file ends too early"},   {-8, false, "incorrect data check"},
               {-2, false, "incorrect length check"},   {30, false, "byte "}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *folder = good_gz_folder();
    damage(test_path(folder, "train-images-idx3-ubyte.gz"), cases[i].place, cases[i].cut);
    assert_refused(folder, cases[i].text);
    assert_non_null(strstr(csa_last_error(), "train-images-idx3-ubyte.gz"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plain_and_gz), cmocka_unit_test(test_sizes),        cmocka_unit_test(test_many),
      cmocka_unit_test(test_class_names),  cmocka_unit_test(test_more_classes), cmocka_unit_test(test_limits),
      cmocka_unit_test(test_hostile),      cmocka_unit_test(test_short_header), cmocka_unit_test(test_missing),
      cmocka_unit_test(test_pipe),         cmocka_unit_test(test_claims),       cmocka_unit_test(test_damaged_gz)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
