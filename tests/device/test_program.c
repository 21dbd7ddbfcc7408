/* Programs and their cache: whatever state the cache is in, a program is right. */
#include "core/embedded.h"
#include "device/program.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "device/cache.h"
#include "device/plan.h"
#include "testing.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PROGRAMS 3

static const char probe[] =
    "kernel void probe_fill(OUT(int, x), const int n) {\n"
    "  OPEN_OUT(int, x);\n"
    "  const int i = (int)get_global_id(0);\n"
    "  if (i < n) x[i] = VALUE;\n"
    "}\n";

static char said[8192]; /* what was logged since the last forget() */

static void keep(const char *line) {
  const size_t used = strlen(said);
  snprintf(said + used, sizeof said - used, "%s\n", line);
}

static void forget(void) { said[0] = '\0'; }

static bool logged(const char *text) { return strstr(said, text) != NULL; }

/* Builds the probe on a device opened afresh, so that no program is in memory, and runs it. Without assertions, as it
 * runs in child processes too. */
static csa_status fill(int value, int *got) {
  csa_device *device = NULL;
  csa_plan *plan = NULL;
  csa_tensor *x;
  csa_status status;
  int values[5] = {0};
  CSA_GO(csa_device_open(&device, NULL));
  CSA_GO(csa_plan_create(&plan, device, (csa_choices){0}));
  CSA_GO(csa_plan_tensor(plan, CSA_DATA, CSA_I32, csa_shape1(5), &x, "x"));
  CSA_GO(csa_launch(plan, csa_kernel_named(plan, "probe_fill", "-DVALUE=%d", value), csa_items(5), CSA_ARGS(x, 5)));
  CSA_GO(csa_plan_place(plan));
  CSA_GO(csa_plan_bind(plan));
  CSA_GO(csa_plan_run(plan, 0, 1));
  CSA_GO(csa_tensor_download(device, x, values));
  *got = values[4];
done:
  csa_plan_destroy(plan);
  csa_device_close(device);
  return status;
}

static void assert_fills(int value) {
  int got = -1;
  assert_ok(fill(value, &got));
  assert_int_equal(got, value);
}

/* A cold cache, and its folder (not made yet). */
static const char *fresh_cache(void) {
  const char *home = test_folder();
  setenv("XDG_CACHE_HOME", home, 1);
  forget();
  return test_path(home, "clsattn");
}

/* The names of entries in `folder`, and how many. */
static int entries(const char *folder, char names[][64], int most) {
  DIR *open = opendir(folder);
  int count = 0;
  if (open == NULL) return 0;
  for (const struct dirent *e; (e = readdir(open)) != NULL;) {
    if (e->d_name[0] == '.') continue; /* the file to lock, too */
    assert_true(count < most);
    snprintf(names[count++], 64, "%.60s", e->d_name);
  }
  closedir(open);
  return count;
}

/* The path of the one entry. */
static const char *only_entry(const char *folder) {
  char names[4][64];
  assert_int_equal(entries(folder, names, (int)LENGTH(names)), 1);
  assert_non_null(strstr(names[0], ".bin"));
  return test_path(folder, names[0]);
}

static uint8_t *read_all(const char *path, size_t *size) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  *size = (size_t)info.st_size;
  uint8_t *data = malloc(*size + 1);
  FILE *file = fopen(path, "rb");
  assert_non_null(data);
  assert_non_null(file);
  assert_int_equal(fread(data, 1, *size, file), *size);
  fclose(file);
  return data;
}

static int use_probe(void **state) {
  (void)state;
  const char *folder = test_folder();
  for (const csa_embedded *t = csa_kernel_texts; t->name != NULL; t++)
    if (strcmp(t->name, "common.clh") == 0) test_write(test_path(folder, t->name), t->text, strlen(t->text));
  test_write(test_path(folder, "probe.cl"), probe, strlen(probe));
  setenv("CLSATTN_KERNEL_DIR", folder, 1);
  csa_log_to(keep);
  return 0;
}

/* Several processes that want the same programs, of which none is there yet. PoCL 3.1 removes a program's file before
 * it puts another in its place: whoever asks for the binary in between gets one without the program, which no process
 * can load. */
static void test_processes_at_once(void **state) {
  (void)state;
  const char *folder = fresh_cache();
  pid_t children[3];
  for (size_t i = 0; i < LENGTH(children); i++) {
    children[i] = fork();
    assert_true(children[i] >= 0);
    if (children[i] > 0) continue;
    bool good = true;
    for (int value = 50; value < 50 + PROGRAMS; value++) {
      int got = -1;
      const csa_status status = fill(value, &got);
      if (status != CSA_OK) fprintf(stderr, "child: %s\n", csa_last_error());
      good &= status == CSA_OK && got == value;
    }
    _exit(good && !logged("cache:") ? 0 : 1);
  }
  for (size_t i = 0; i < LENGTH(children); i++) {
    int how = -1;
    assert_int_equal(waitpid(children[i], &how, 0), children[i]);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
  }
  char names[PROGRAMS][64];
  assert_int_equal(entries(folder, names, PROGRAMS), PROGRAMS); /* and no file under a temporary name beside them */
  for (int value = 50; value < 50 + PROGRAMS; value++) assert_fills(value);
  assert_string_equal(said, "");
}

/* A plan that fills so many items, as often as it is run. */
static csa_status make_filler(csa_plan **plan, csa_device *device, int items) {
  csa_tensor *x;
  CSA_TRY(csa_plan_create(plan, device, (csa_choices){0}));
  CSA_TRY(csa_plan_tensor(*plan, CSA_DATA, CSA_I32, csa_shape1(items), &x, "x"));
  const csa_kernel fills = csa_kernel_named(*plan, "probe_fill", "-DVALUE=9");
  CSA_TRY(csa_launch(*plan, fills, csa_items(items), CSA_ARGS(x, items)));
  CSA_TRY(csa_plan_place(*plan));
  return csa_plan_bind(*plan);
}

/* Three devices of one platform at once: the last fills more items than the kernel has been loaded for, while the
 * others are at it. */
static csa_status fill_on_three(csa_device *devices[3], int items) {
  csa_plan *plans[3] = {NULL};
  csa_status status;
  for (int i = 0; i < 3; i++) CSA_GO(make_filler(&plans[i], devices[i], i < 2 ? items : 2 * items));
  for (int i = 0; i < 3; i++) CSA_GO(csa_plan_run(plans[i], 0, 1));
  for (int i = 0; i < 3; i++) CSA_GO(csa_device_finish(devices[i]));
done:
  for (int i = 0; i < 3; i++) csa_plan_destroy(plans[i]);
  return status;
}

static int use_three(void) {
  static const char *names[] = {"cpu0", "cpu1", "cpu2"};
  csa_device *devices[3] = {NULL};
  csa_status status = CSA_OK;
  int opened = 0;
  while (opened < 3 && csa_device_open(&devices[opened], names[opened]) == CSA_OK) opened++;
  for (int bits = 10; opened == 3 && status == CSA_OK && bits < 22; bits++) status = fill_on_three(devices, 1 << bits);
  for (int i = 0; i < 3; i++) csa_device_close(devices[i]);
  return opened < 3 ? 77 : status == CSA_OK ? 0 : 1;
}

static void test_devices_at_once(void **state) {
  (void)state;
  fresh_cache();
  for (int times = 0; times < 4; times++) {
    int how = -1;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      setenv("POCL_DEVICES", "pthread pthread pthread", 1);
      _exit(use_three());
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 77) skip(); /* another platform */
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
  }
}

static void test_an_entry_is_made_and_used(void **state) {
  (void)state;
  struct stat info;
  char names[4][64];
  size_t size;
  const char *folder = fresh_cache();
  assert_fills(1);
  assert_int_equal(stat(folder, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  const char *one = only_entry(folder);
  uint8_t *binary = read_all(one, &size);
  assert_fills(2);
  assert_int_equal(entries(folder, names, (int)LENGTH(names)), 2); /* other options, another program */
  assert_string_equal(said, "");
  /* the program that gives 1 in the place of the one that gives 2: only the cache can bring it back */
  for (int i = 0; i < 2; i++) test_write(test_path(folder, names[i]), binary, size);
  int got = -1;
  assert_ok(fill(2, &got));
  assert_int_equal(got, 1);
  free(binary);
}

/* Expects the entry at `path` to be found damaged, and to be replaced by a good one. */
static void assert_rebuilds(int value, const char *path) {
  forget();
  assert_fills(value);
  assert_true(logged("is damaged and is built again"));
  assert_true(logged(path));
  forget();
  assert_fills(value);
  assert_string_equal(said, "");
}

/* Who wants a program that another process is making waits for it, and takes what that one leaves. */
static void test_an_entry_held_elsewhere(void **state) {
  (void)state;
  const struct timespec making = {.tv_nsec = 300000000};
  size_t size;
  char names[1][64], key[33], word;
  int ends[2], got = -1, how = -1;
  const char *folder = fresh_cache();
  assert_fills(2);
  assert_int_equal(entries(folder, names, 1), 1);
  snprintf(key, sizeof key, "%.32s", names[0]);
  folder = fresh_cache();
  assert_fills(1);
  uint8_t *gives_1 = read_all(only_entry(folder), &size);
  assert_int_equal(pipe(ends), 0);
  const pid_t maker = fork();
  assert_true(maker >= 0);
  if (maker == 0) {
    if (csa_cache_hold(key) < 0 || write(ends[1], "!", 1) != 1) _exit(1);
    nanosleep(&making, NULL);
    test_write(test_path(folder, names[0]), gives_1, size);
    _exit(0); /* which lets go of it */
  }
  assert_int_equal(read(ends[0], &word, 1), 1);
  assert_ok(fill(2, &got));
  assert_int_equal(got, 1);
  assert_int_equal(waitpid(maker, &how, 0), maker);
  assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
  close(ends[0]);
  close(ends[1]);
  free(gives_1);
}

static void test_a_byte_changed(void **state) {
  (void)state;
  const char *folder = fresh_cache();
  assert_fills(3);
  const char *path = only_entry(folder);
  for (int i = 0; i < 4; i++) {
    size_t size;
    uint8_t *data = read_all(path, &size);
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
  const char *folder = fresh_cache();
  assert_fills(3);
  const char *path = only_entry(folder);
  uint8_t *data = read_all(path, &size);
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
  const char *folder = fresh_cache();
  assert_fills(6);
  path = only_entry(folder);
  uint8_t *data = read_all(path, &size);
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
  const char *folder = fresh_cache();
  assert_fills(4);
  assert_int_equal(entries(folder, names, (int)LENGTH(names)), 1);
  snprintf(key, sizeof key, "%.32s", names[0]);
  csa_cache_store(key, (const uint8_t *)"no such binary", 14);
  assert_fills(4);
  assert_true(logged("was refused by the driver"));
  forget();
  assert_fills(4);
  assert_string_equal(said, "");
}

/* Whoever may write there could give us programs. */
static void test_a_folder_open_to_others(void **state) {
  (void)state;
  static const unsigned modes[] = {0777, 0770, 0722};
  for (size_t i = 0; i < LENGTH(modes); i++) {
    char names[4][64];
    const char *folder = fresh_cache();
    assert_fills(7);
    const char *path = only_entry(folder);
    test_write(path, "broken", 6);
    assert_int_equal(chmod(folder, (mode_t)modes[i]), 0);
    assert_fills(7);
    assert_false(logged("damaged")); /* it was not even read */
    assert_true(logged("no folder that only you can write to"));
    assert_int_equal(remove(path), 0);
    assert_fills(7);
    assert_int_equal(entries(folder, names, (int)LENGTH(names)), 0);
  }
}

/* A program that another user put there, before the folder was closed to others; only root can bring it about. */
static void test_a_file_of_another_user(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  const char *folder = fresh_cache();
  assert_fills(7);
  const char *path = only_entry(folder);
  assert_int_equal(chown(path, 1, 1), 0);
  forget();
  assert_fills(7);
  assert_true(logged("it belongs to another user; it is built again"));
  forget();
  assert_fills(7); /* ours now */
  assert_string_equal(said, "");
}

static void test_no_folder_at_all(void **state) {
  (void)state;
  const char *home = getenv("HOME");
  char *kept = NULL;
  if (home != NULL) assert_ok(csa_copy_text(&kept, home));
  fresh_cache();
  setenv("XDG_CACHE_HOME", "not/absolute", 1);
  unsetenv("HOME");
  assert_fills(8);
  assert_true(logged("no folder that only you can write to"));
  const char *file = test_path(test_folder(), "file");
  test_write(file, "", 0);
  forget();
  setenv("XDG_CACHE_HOME", file, 1); /* where no folder can be made */
  assert_fills(8);
  assert_true(logged("no folder that only you can write to"));
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
  fresh_cache();
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
  /* those that fork to use OpenCL come before all that use it here */
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_devices_at_once),
                                     cmocka_unit_test(test_processes_at_once),
                                     cmocka_unit_test(test_an_entry_is_made_and_used),
                                     cmocka_unit_test(test_an_entry_held_elsewhere),
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
  return cmocka_run_group_tests(tests, use_probe, NULL);
}
