/* Programs and their cache: whatever state the cache is in, a program is right. */
#include "device/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include "device/cache.h"
#include "device/probe.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void test_an_entry_is_made_and_used(void **state) {
  (void)state;
  struct stat info;
  char names[4][64];
  size_t size;
  const char *folder = probe_fresh_cache();
  probe_assert(1);
  assert_int_equal(stat(folder, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  const char *one = probe_only_entry(folder);
  uint8_t *binary = probe_read(one, &size);
  probe_assert(2);
  assert_int_equal(probe_entries(folder, names, (int)LENGTH(names)), 2); /* other options, another program */
  assert_string_equal(probe_said, "");
  /* the program that gives 1 in the place of the one that gives 2: only the cache can bring it back */
  for (int i = 0; i < 2; i++) test_write(test_path(folder, names[i]), binary, size);
  int got = -1;
  assert_ok(probe_fill(2, &got));
  assert_int_equal(got, 1);
  free(binary);
}

/* Expects the entry at `path` to be found damaged, and to be replaced by a good one. */
static void assert_rebuilds(int value, const char *path) {
  probe_forget();
  probe_assert(value);
  assert_true(probe_logged("is damaged and is built again"));
  assert_true(probe_logged(path));
  probe_forget();
  probe_assert(value);
  assert_string_equal(probe_said, "");
}

static void test_a_byte_changed(void **state) {
  (void)state;
  const char *folder = probe_fresh_cache();
  probe_assert(3);
  const char *path = probe_only_entry(folder);
  for (int i = 0; i < 4; i++) {
    size_t size;
    uint8_t *data = probe_read(path, &size);
    const size_t magic_checksum_first_last[] = {0, 9, 24, size - 1};
    data[magic_checksum_first_last[i]] ^= 0x10;
    test_write(path, data, size);
    free(data);
    assert_rebuilds(3, path);
  }
}

static void test_another_file_in_its_place(void **state) {
  (void)state;
  static const char garbage[] = "This is not a program, and yet it has more bytes than a header.";
  size_t size;
  const char *folder = probe_fresh_cache();
  probe_assert(3);
  const char *path = probe_only_entry(folder);
  uint8_t *data = probe_read(path, &size);
  data[size] = 0;
  test_write(path, data, size + 1);
  free(data);
  assert_rebuilds(3, path);
  test_write(path, garbage, sizeof garbage);
  assert_rebuilds(3, path);
}

static void test_truncation(void **state) {
  (void)state;
  size_t size;
  const char *path;
  const char *folder = probe_fresh_cache();
  probe_assert(6);
  path = probe_only_entry(folder);
  uint8_t *data = probe_read(path, &size);
  const size_t lengths[] = {0, 1, 24, 25, size - 1};
  for (size_t i = 0; i < LENGTH(lengths); i++) {
    test_write(path, data, lengths[i]);
    assert_rebuilds(6, path);
  }
  free(data);
}

/* A whole entry that the driver does not take, as after an update that kept its version. */
static void test_a_binary_the_driver_refuses(void **state) {
  (void)state;
  char names[4][64], key[33];
  const char *folder = probe_fresh_cache();
  probe_assert(4);
  assert_int_equal(probe_entries(folder, names, (int)LENGTH(names)), 1);
  snprintf(key, sizeof key, "%.32s", names[0]);
  csa_cache_store(key, (const uint8_t *)"no such binary", 14);
  probe_assert(4);
  assert_true(probe_logged("was refused by the driver"));
  probe_forget();
  probe_assert(4);
  assert_string_equal(probe_said, "");
}

/* Whoever may write there could give us programs. */
static void test_a_folder_open_to_others(void **state) {
  (void)state;
  static const unsigned modes[] = {0777, 0770, 0722};
  for (size_t i = 0; i < LENGTH(modes); i++) {
    char names[4][64];
    const char *folder = probe_fresh_cache();
    probe_assert(7);
    const char *path = probe_only_entry(folder);
    test_write(path, "broken", 6);
    assert_int_equal(chmod(folder, (mode_t)modes[i]), 0);
    probe_assert(7);
    assert_false(probe_logged("damaged")); /* it was not even read */
    assert_true(probe_logged("no folder that only you can write to"));
    assert_int_equal(remove(path), 0);
    probe_assert(7);
    assert_int_equal(probe_entries(folder, names, (int)LENGTH(names)), 0);
  }
}

/* A program that another user put there, before the folder was closed to others; only root can bring it about. */
static void test_a_file_of_another_user(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  const char *folder = probe_fresh_cache();
  probe_assert(7);
  const char *path = probe_only_entry(folder);
  assert_int_equal(chown(path, 1, 1), 0);
  probe_forget();
  probe_assert(7);
  assert_true(probe_logged("it belongs to another user; it is built again"));
  probe_forget();
  probe_assert(7); /* ours now */
  assert_string_equal(probe_said, "");
}

static void test_no_folder_at_all(void **state) {
  (void)state;
  const char *home = getenv("HOME");
  char *kept = NULL;
  if (home != NULL) assert_ok(csa_copy_text(&kept, home));
  probe_fresh_cache();
  setenv("XDG_CACHE_HOME", "not/absolute", 1);
  unsetenv("HOME");
  probe_assert(8);
  assert_true(probe_logged("no folder that only you can write to"));
  const char *file = test_path(test_folder(), "file");
  test_write(file, "", 0);
  probe_forget();
  setenv("XDG_CACHE_HOME", file, 1); /* where no folder can be made */
  probe_assert(8);
  assert_true(probe_logged("no folder that only you can write to"));
  if (kept != NULL) setenv("HOME", kept, 1);
  free(kept);
}

static void test_keys(void **state) {
  (void)state;
  csa_device_info info = {.platform = "p", .device = "d", .version = "v", .driver = "r"};
  csa_device_info other = info;
  char one[33], two[33];
  csa_cache_key(one, &info, "ab", "c");
  csa_cache_key(two, &info, "ab", "c");
  assert_string_equal(one, two);
  assert_int_equal(strspn(one, "0123456789abcdef"), 32);
  csa_cache_key(two, &info, "a", "bc");
  assert_string_not_equal(one, two);
  char *parts[] = {other.platform, other.device, other.version, other.driver};
  for (size_t i = 0; i < LENGTH(parts); i++) {
    other = info;
    parts[i][0] = 'x';
    csa_cache_key(two, &other, "ab", "c");
    assert_string_not_equal(one, two);
  }
}

static void test_memory(void **state) {
  (void)state;
  csa_device *device;
  cl_program one, two, three;
  probe_fresh_cache();
  assert_ok(csa_device_open(&device, NULL));
  assert_ok(csa_program_get(device, "probe", "-DVALUE=1", &one));
  assert_ok(csa_program_get(device, "probe", "-DVALUE=2", &two));
  assert_ok(csa_program_get(device, "probe", "-DVALUE=1", &three));
  assert_ptr_equal(one, three);
  assert_ptr_not_equal(one, two);
  csa_device_close(device);
}

static void test_files(void **state) {
  (void)state;
  csa_device *device;
  cl_program program;
  assert_true(csa_program_exists("probe"));
  assert_false(csa_program_exists("cpu/probe"));
  assert_false(csa_program_exists("layernorm")); /* the folder replaces all embedded files */
  assert_ok(csa_device_open(&device, NULL));
  assert_fails(CSA_INPUT, "nothing.cl", csa_program_get(device, "nothing", "", &program));
  assert_non_null(strstr(csa_last_error(), "CLSATTN_KERNEL_DIR"));
  csa_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_entry_is_made_and_used),
                                     cmocka_unit_test(test_a_byte_changed),
                                     cmocka_unit_test(test_another_file_in_its_place),
                                     cmocka_unit_test(test_truncation),
                                     cmocka_unit_test(test_a_binary_the_driver_refuses),
                                     cmocka_unit_test(test_a_folder_open_to_others),
                                     cmocka_unit_test(test_a_file_of_another_user),
                                     cmocka_unit_test(test_no_folder_at_all),
                                     cmocka_unit_test(test_keys),
                                     cmocka_unit_test(test_memory),
                                     cmocka_unit_test(test_files)};
  return cmocka_run_group_tests(tests, probe_use, NULL);
}
