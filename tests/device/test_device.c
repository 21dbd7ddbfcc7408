/* Finding and opening devices. */
#include "device/device.h"

#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Runs first: the loader reads its folder once in a process, so the child must be the first to ask, and exits on its
 * own. What it says comes back through a pipe. */
static void test_no_platform(void **state) {
  (void)state;
  int ends[2], how;
  char text[2048] = "";
  const char *folder = test_folder();
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    csa_device_list list;
    setenv("OCL_ICD_VENDORS", folder, 1);
    const csa_status status = csa_device_list_init(&list);
    const ssize_t written = write(ends[1], csa_last_error(), strlen(csa_last_error()));
    _exit(written > 0 ? (int)status : 100);
  }
  close(ends[1]);
  size_t used = 0;
  for (ssize_t n; (n = read(ends[0], text + used, sizeof text - 1 - used)) > 0;) used += (size_t)n;
  close(ends[0]);
  assert_int_equal(waitpid(child, &how, 0), child);
  assert_true(WIFEXITED(how));
  assert_int_equal(WEXITSTATUS(how), CSA_DEVICE);
  assert_non_null(
      strstr(text, "devices: no OpenCL platform was found: CL_PLATFORM_NOT_FOUND_KHR (no driver is installed)"));
  assert_non_null(strstr(text, "apt-get install pocl-opencl-icd"));
}

static bool is_short_name(const char *name) {
  static const char *const prefixes[] = {"nv", "amd", "intel", "arm", "cpu", "dev"};
  for (size_t i = 0; i < LENGTH(prefixes); i++) {
    const size_t length = strlen(prefixes[i]);
    if (strncmp(name, prefixes[i], length) != 0) continue;
    return name[length] != '\0' && strspn(name + length, "0123456789") == strlen(name + length);
  }
  return false;
}

static void test_list(void **state) {
  (void)state;
  csa_device_list list;
  assert_ok(csa_device_list_init(&list));
  assert_true(list.platforms > 0);
  assert_true(list.count > 0);
  for (int i = 0; i < list.count; i++) {
    const csa_device_info *d = &list.devices[i];
    print_message("%s %d:%d %s, %s\n", d->name, d->platform_number, d->device_number, d->device,
                  csa_device_type_text(d->type));
    assert_true(is_short_name(d->name));
    assert_true(d->type != CSA_CPU || strncmp(d->name, "cpu", 3) == 0);
    assert_true(d->device[0] != '\0' && d->vendor[0] != '\0' && d->driver[0] != '\0');
    assert_int_equal(strncmp(d->version, "OpenCL ", 7), 0);
    assert_true(d->compute_units > 0 && d->max_work_group > 0 && d->local_bytes > 0);
    assert_true(d->max_alloc_bytes > 0 && d->max_alloc_bytes <= d->global_bytes);
    assert_true(d->alignment >= 128 && d->alignment % 4 == 0);
    for (int j = 0; j < i; j++) assert_string_not_equal(d->name, list.devices[j].name);
  }
  csa_device_list_fini(&list);
  assert_null(list.devices);
}

/* Opens by `name` and by $CLSATTN_DEVICE; gives back what was opened. */
static csa_status open_as(const char *environment, const char *name, csa_device_info *info) {
  csa_device *device;
  if (environment != NULL)
    setenv("CLSATTN_DEVICE", environment, 1);
  else
    unsetenv("CLSATTN_DEVICE");
  CSA_TRY(csa_device_open(&device, name));
  *info = device->info;
  const csa_status status = csa_device_finish(device);
  csa_device_close(device);
  return status;
}

static void test_names(void **state) {
  (void)state;
  csa_device_list list;
  csa_device_info info;
  assert_ok(csa_device_list_init(&list));
  for (int i = 0; i < list.count; i++) {
    char numbers[32];
    const csa_device_info *d = &list.devices[i];
    snprintf(numbers, sizeof numbers, "%d:%d", d->platform_number, d->device_number);
    assert_ok(open_as(NULL, d->name, &info));
    assert_ptr_equal(info.id, d->id);
    assert_ok(open_as(NULL, numbers, &info));
    assert_ptr_equal(info.id, d->id);
    assert_ok(open_as(d->name, NULL, &info));
    assert_ptr_equal(info.id, d->id);
    assert_ok(open_as("nothing", d->name, &info)); /* what is said outright comes first */
  }
  if (list.devices[0].platform_number == 0) {
    assert_ok(open_as(NULL, "0:0", &info));
    assert_ptr_equal(info.id, list.devices[0].id);
  }
  csa_device_list_fini(&list);
}

static void test_default(void **state) {
  (void)state;
  csa_device_list list;
  csa_device_info info, by_empty;
  int first = -1;
  assert_ok(csa_device_list_init(&list));
  for (int i = list.count - 1; i >= 0; i--)
    if (list.devices[i].type == CSA_CPU) first = i;
  for (int i = list.count - 1; i >= 0; i--)
    if (list.devices[i].type == CSA_GPU) first = i;
  assert_true(first >= 0);
  assert_ok(open_as(NULL, NULL, &info));
  assert_ptr_equal(info.id, list.devices[first].id);
  assert_ok(open_as("", NULL, &by_empty));
  assert_ptr_equal(by_empty.id, info.id);
  csa_device_list_fini(&list);
}

static void test_unknown_names(void **state) {
  (void)state;
  static const char *const names[] = {"tpu0", "cpu", "cpu99", "CPU0", "0", "0:", "0:99", "99:0", " cpu0", "-1:0"};
  csa_device_list list;
  csa_device_info info;
  assert_ok(csa_device_list_init(&list));
  for (size_t i = 0; i < LENGTH(names); i++) {
    char sentence[64];
    snprintf(sentence, sizeof sentence, "device: %s: no such device; there are:\n", names[i]);
    assert_fails(CSA_DEVICE, sentence, open_as(NULL, names[i], &info));
    for (int j = 0; j < list.count; j++) assert_non_null(strstr(csa_last_error(), list.devices[j].name));
  }
  assert_fails(CSA_DEVICE, "CLSATTN_DEVICE: tpu0: no such device", open_as("tpu0", NULL, &info));
  assert_fails(CSA_USAGE, "CLSATTN_DEVICE: 0:0,0:1: one device is wanted", open_as("0:0,0:1", NULL, &info));
  assert_fails(CSA_USAGE, "device: 0:0,0:1: one device is wanted", open_as(NULL, "0:0,0:1", &info));
  csa_device_list_fini(&list);
}

static void test_close_nothing(void **state) {
  (void)state;
  csa_device_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_platform),   cmocka_unit_test(test_list),
                                     cmocka_unit_test(test_names),         cmocka_unit_test(test_default),
                                     cmocka_unit_test(test_unknown_names), cmocka_unit_test(test_close_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
