#include "testing.h"

#include <ftw.h>
#include <unistd.h>

static char folder[64];

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

static void remove_folder(void) { nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

const char *test_folder(void) {
  static char paths[64][80];
  static int count;
  assert_true(count < 64);
  if (count == 0) {
    strcpy(folder, "/tmp/clsattn-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    atexit(remove_folder);
  }
  char *path = paths[count];
  snprintf(path, sizeof paths[0], "%s/%d", folder, count++);
  assert_int_equal(mkdir(path, 0700), 0);
  return path;
}

const char *test_path(const char *parent, const char *name) {
  static char paths[8][1024];
  static int turn;
  char *path = paths[turn++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", parent, name);
  return path;
}

void test_write(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}
