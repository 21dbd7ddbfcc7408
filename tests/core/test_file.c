/* Whole files are read with a bound and replaced at once or not at all. */
#include "core/file.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

static int entries(const char *folder) {
  DIR *open = opendir(folder);
  int count = 0;
  assert_non_null(open);
  for (const struct dirent *entry; (entry = readdir(open)) != NULL;) count += entry->d_name[0] != '.';
  closedir(open);
  return count;
}

static void assert_content(const char *path, const char *text) {
  uint8_t *data = NULL;
  size_t size = 0;
  assert_ok(csa_file_read(path, 1 << 20, &data, &size));
  assert_int_equal(size, strlen(text));
  assert_memory_equal(data, text, size + 1); /* the NUL byte too */
  free(data);
}

static void test_read(void **state) {
  (void)state;
  const char *folder = test_folder(), *path = test_path(folder, "some");
  uint8_t *data = NULL;
  size_t size = 0;
  test_write(path, "12345", 5);
  assert_content(path, "12345");
  assert_ok(csa_file_read(path, 5, &data, &size));
  free(data);
  data = NULL;
  assert_fails(CSA_INPUT, "some: 5 bytes, more than the 4", csa_file_read(path, 4, &data, &size));
  assert_fails(CSA_INPUT, "missing: No such file", csa_file_read(test_path(folder, "missing"), 9, &data, &size));
  assert_fails(CSA_INPUT, "not a regular file", csa_file_read(folder, 1 << 20, &data, &size));
  assert_fails(CSA_INPUT, "not a regular file", csa_file_read("/dev/zero", 1 << 20, &data, &size));
  assert_null(data);
  test_write(path, "", 0);
  assert_content(path, "");
}

/* A thread's part of test_threads: `arg` is its file. */
static void *replace_often(void *arg) {
  for (int i = 0; i < 200; i++)
    if (csa_file_replace(arg, "text", 4) != CSA_OK) return arg;
  return NULL;
}

/* What belongs to the whole process stays as it is while several threads write. */
static void test_threads(void **state) {
  (void)state;
  enum { THREADS = 4 };
  const char *folder = test_folder();
  const mode_t mask = umask(027);
  pthread_t threads[THREADS];
  const char *paths[THREADS];
  struct stat info;
  void *failed;
  for (int i = 0; i < THREADS; i++) {
    paths[i] = test_path(folder, (char[]){(char)('a' + i), '\0'});
    assert_int_equal(pthread_create(&threads[i], NULL, replace_often, (void *)(uintptr_t)paths[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
    assert_int_equal(stat(paths[i], &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
  }
  assert_int_equal(umask(mask), 027);
  assert_int_equal(entries(folder), THREADS);
}

/* A pipe without a writer is refused, not waited for. */
static void test_read_pipe(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "pipe");
  uint8_t *data = NULL;
  size_t size = 0;
  assert_int_equal(mkfifo(path, 0600), 0);
  alarm(10);
  assert_fails(CSA_INPUT, "not a regular file", csa_file_read(path, 9, &data, &size));
  alarm(0);
}

static void test_replace(void **state) {
  (void)state;
  const char *folder = test_folder(), *path = test_path(folder, "file");
  struct stat info;
  const mode_t mask = umask(027);
  assert_ok(csa_file_replace(path, "first", 5));
  umask(mask);
  assert_content(path, "first");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  assert_ok(csa_file_replace(path, "", 0));
  assert_content(path, "");
  assert_ok(csa_file_replace(path, "third", 5));
  assert_content(path, "third");
  assert_int_equal(entries(folder), 1);
}

/* A path without a folder is in the working one. */
static void test_replace_here(void **state) {
  (void)state;
  char before[1024];
  const char *folder = test_folder();
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(folder), 0);
  const csa_status status = csa_file_replace("here", "x", 1);
  assert_int_equal(chdir(before), 0);
  assert_ok(status);
  assert_content(test_path(folder, "here"), "x");
}

static void test_replace_nowhere(void **state) {
  (void)state;
  const char *folder = test_folder();
  assert_fails(CSA_OUTPUT, "gone/file: No such file", csa_file_replace(test_path(folder, "gone/file"), "x", 1));
  assert_fails(CSA_OUTPUT, "/proc/clsattn", csa_file_replace("/proc/clsattn", "x", 1));
  assert_int_equal(mkdir(test_path(folder, "taken"), 0700), 0);
  assert_fails(CSA_OUTPUT, "taken", csa_file_replace(test_path(folder, "taken"), "x", 1));
  assert_int_equal(entries(folder), 1);
}

/* A disk that is full: here, files may not grow beyond a few bytes. */
static void test_replace_full(void **state) {
  (void)state;
  static char large[65536];
  const char *folder = test_folder(), *path = test_path(folder, "file");
  struct rlimit kept;
  assert_ok(csa_file_replace(path, "old", 3));
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
  const struct rlimit small = {1000, kept.rlim_max};
  void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  const csa_status much = csa_file_replace(path, large, sizeof large);
  const csa_status little = csa_file_replace(path, large, 2000); /* less than a stream's buffer */
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
  signal(SIGXFSZ, handler);
  assert_int_equal(much, CSA_OUTPUT);
  assert_int_equal(little, CSA_OUTPUT);
  assert_non_null(strstr(csa_last_error(), "file: File too large"));
  assert_content(path, "old");
  assert_int_equal(entries(folder), 1);
}

static void test_writer(void **state) {
  (void)state;
  const char *folder = test_folder(), *path = test_path(folder, "file");
  csa_file_writer *writer;
  assert_ok(csa_file_replace(path, "old", 3));
  assert_ok(csa_file_begin(&writer, path));
  fputs("ne", csa_file_stream(writer));
  assert_content(path, "old");
  fputs("w", csa_file_stream(writer));
  assert_ok(csa_file_end(writer));
  assert_content(path, "new");
  assert_ok(csa_file_begin(&writer, path));
  fputs("forgotten", csa_file_stream(writer));
  csa_file_drop(writer);
  csa_file_drop(NULL);
  assert_ok(csa_file_begin(&writer, path));
  fputs("bad", csa_file_stream(writer));
  assert_int_equal(csa_file_close(writer, CSA_INPUT), CSA_INPUT);
  assert_content(path, "new");
  assert_int_equal(entries(folder), 1);
  assert_fails(CSA_OUTPUT, "no/file", csa_file_begin(&writer, test_path(folder, "no/file")));
  assert_null(writer);
}

static void test_folder_make(void **state) {
  (void)state;
  static const char *const names[] = {"a", "a", "a/b//c/d/", "a/b", "e/"};
  const char *folder = test_folder();
  struct stat info;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    assert_ok(csa_folder_make(test_path(folder, names[i]), 0700));
    assert_int_equal(stat(test_path(folder, names[i]), &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0700);
  }
  assert_ok(csa_folder_make("/", 0700));
  test_write(test_path(folder, "file"), "x", 1);
  assert_fails(CSA_OUTPUT, "/file: ", csa_folder_make(test_path(folder, "file"), 0700));
  assert_fails(CSA_OUTPUT, "/file: ", csa_folder_make(test_path(folder, "file/below"), 0700));
  assert_fails(CSA_OUTPUT, "/proc/clsattn: ", csa_folder_make("/proc/clsattn/below", 0700));
}

/* What will be trusted must be the user's own: folders that others can write to are refused, and files of others. That
 * something is another's, only root can bring about. */
static void test_private(void **state) {
  (void)state;
  static const unsigned open_modes[] = {0777, 0770, 0702, 0720};
  const char *folder = test_path(test_folder(), "a/b"), *path = test_path(folder, "file");
  struct stat info;
  uint8_t *data = NULL;
  size_t size;
  assert_ok(csa_folder_private(folder));
  assert_int_equal(stat(folder, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
    assert_int_equal(chmod(folder, (mode_t)open_modes[i]), 0);
    assert_fails(CSA_OUTPUT, "a/b: others can write to it", csa_folder_private(folder));
  }
  assert_int_equal(chmod(folder, 0755), 0);
  assert_ok(csa_folder_private(folder));
  test_write(path, "x", 1);
  assert_fails(CSA_OUTPUT, "a/b/file: ", csa_folder_private(path));
  assert_ok(csa_file_read_own(path, 1, &data, &size));
  assert_int_equal(size, 1);
  free(data);
  if (geteuid() != 0) return;
  assert_int_equal(chown(path, 1, 1), 0);
  assert_fails(CSA_INPUT, "a/b/file: it belongs to another user", csa_file_read_own(path, 1, &data, &size));
  assert_int_equal(chown(folder, 1, 1), 0);
  assert_fails(CSA_OUTPUT, "a/b: it belongs to another user", csa_folder_private(folder));
}

/* A scratch folder is the user's alone, new each time, and goes with all that was put into it. */
static void test_scratch(void **state) {
  (void)state;
  char first[CSA_SCRATCH], second[CSA_SCRATCH];
  struct stat info;
  const char *parent = test_folder();
  assert_int_equal(setenv("TMPDIR", parent, 1), 0);
  assert_ok(csa_scratch_make(first));
  assert_ok(csa_scratch_make(second));
  assert_string_not_equal(first, second);
  assert_memory_equal(first, parent, strlen(parent));
  assert_int_equal(stat(first, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  assert_ok(csa_folder_make(test_path(first, "a/b"), 0700));
  test_write(test_path(first, "a/b/c"), "x", 1);
  csa_folder_remove(first);
  assert_int_not_equal(stat(first, &info), 0);
  assert_int_equal(stat(second, &info), 0);
  csa_folder_remove(second);
  csa_folder_remove("");
  assert_int_equal(setenv("TMPDIR", "/nowhere", 1), 0);
  assert_fails(CSA_OUTPUT, "/nowhere", csa_scratch_make(first));
  assert_string_equal(first, "");
  unsetenv("TMPDIR");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_private),         cmocka_unit_test(test_scratch),      cmocka_unit_test(test_read),
      cmocka_unit_test(test_read_pipe),       cmocka_unit_test(test_replace),      cmocka_unit_test(test_replace_here),
      cmocka_unit_test(test_replace_nowhere), cmocka_unit_test(test_replace_full), cmocka_unit_test(test_writer),
      cmocka_unit_test(test_folder_make),     cmocka_unit_test(test_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
