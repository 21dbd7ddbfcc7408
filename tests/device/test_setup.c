/* Set-ups that do not work, as trees of files: each has a finding that says what to do. */
#include "device/setup.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "testing.h"

/* access() of a user who may not; root may everything, so the tests do not ask the machine. */
static int refuse(const char *path, int mode) {
  (void)path, (void)mode;
  errno = EACCES;
  return -1;
}

/* ROOT/path with one line in it, and all folders on the way. */
static void put(const char *root, const char *path, const char *line) {
  char whole[512], folder[512];
  snprintf(whole, sizeof whole, "%s/%s", root, path);
  snprintf(folder, sizeof folder, "%s", whole);
  *strrchr(folder, '/') = '\0';
  assert_ok(csa_folder_make(folder, 0755));
  test_write(whole, line, strlen(line));
}

static const char *new_root(const char *name) {
  const char *root = test_path(test_folder(), name);
  assert_ok(csa_folder_make(root, 0755));
  return root;
}

static void card(const char *root, const char *slot, const char *class, const char *vendor) {
  char path[128];
  snprintf(path, sizeof path, "sys/bus/pci/devices/%s/class", slot);
  put(root, path, class);
  snprintf(path, sizeof path, "sys/bus/pci/devices/%s/vendor", slot);
  put(root, path, vendor);
}

static const csa_finding *find(const csa_findings *f, const char *what) {
  for (size_t i = 0; i < f->count; i++)
    if (strstr(f->list[i].what, what) != NULL) return &f->list[i];
  return NULL;
}

static void expect(const csa_findings *f, csa_finding_level level, const char *what, const char *why,
                   const char *todo) {
  const csa_finding *x = find(f, what);
  if (x == NULL) fail_msg("nothing was found about %s", what);
  if (x->level != level || strstr(x->why, why) == NULL || strstr(x->todo, todo) == NULL)
    fail_msg("%s: level %d: %s -> %s", x->what, x->level, x->why, x->todo);
}

static csa_findings look(const char *root, const char *vendors, const csa_device_list *devices) {
  csa_findings f = {0};
  const csa_host host = {root, vendors, NULL, refuse};
  assert_ok(csa_setup_check_host(&f, &host, devices));
  return f;
}

static void test_no_driver(void **state) {
  (void)state;
  const char *root = new_root("bare");
  csa_findings f = look(root, NULL, NULL);
  expect(&f, CSA_FINDING_PROBLEM, "etc/OpenCL/vendors", "no driver is registered", "pocl-opencl-icd");
  assert_int_equal(f.count, 1);
  csa_findings_fini(&f);
  f = look(root, root, NULL);
  expect(&f, CSA_FINDING_PROBLEM, "bare", "OCL_ICD_VENDORS names this place", "pocl-opencl-icd");
  csa_findings_fini(&f);
}

static void test_broken_drivers(void **state) {
  (void)state;
  const char *root = new_root("broken");
  put(root, "etc/OpenCL/vendors/gone.icd", "libthat-was-removed.so.7\n");
  put(root, "etc/OpenCL/vendors/empty.icd", "");
  put(root, "etc/OpenCL/vendors/good.icd", "libc.so.6\n"); /* it only has to load */
  put(root, "etc/OpenCL/vendors/readme.txt", "libother.so\n");
  csa_findings f = look(root, NULL, NULL);
  expect(&f, CSA_FINDING_PROBLEM, "gone.icd", "libthat-was-removed.so.7", "again");
  expect(&f, CSA_FINDING_PROBLEM, "empty.icd", "names no library", "remove");
  expect(&f, CSA_FINDING_OK, "good.icd", "libc.so.6 loads", "");
  assert_int_equal(f.count, 3);
  csa_findings_fini(&f);
}

static void test_cards_without_drivers(void **state) {
  (void)state;
  const char *root = new_root("cards");
  csa_device_info seen = {.name = "intel0", .type = CSA_GPU};
  const csa_device_list devices = {.devices = &seen, .count = 1};
  card(root, "0000:01:00.0", "0x030000\n", "0x10de\n");
  card(root, "0000:02:00.0", "0x038000\n", "0x1002\n");
  card(root, "0000:03:00.0", "0x030000\n", "0x8086\n");
  card(root, "0000:04:00.0", "0x010802\n", "0x10de\n"); /* no display */
  csa_findings f = look(root, NULL, &devices);
  expect(&f, CSA_FINDING_WARNING, "NVIDIA card at 0000:01:00.0", "no /dev/nvidia0", "nvidia-opencl-icd");
  expect(&f, CSA_FINDING_WARNING, "AMD card at 0000:02:00.0", "no OpenCL device", "mesa-opencl-icd");
  expect(&f, CSA_FINDING_OK, "Intel card at 0000:03:00.0", "OpenCL shows it", "");
  assert_null(find(&f, "0000:04:00.0"));
  csa_findings_fini(&f);
  put(root, "dev/nvidia0", "");
  put(root, "dev/dxg", "");
  f = look(root, NULL, &devices);
  expect(&f, CSA_FINDING_WARNING, "NVIDIA card", "no OpenCL device", "nvidia-opencl-icd");
  expect(&f, CSA_FINDING_WARNING, "/dev/dxg", "WSL", "pocl-opencl-icd");
  csa_findings_fini(&f);
}

static void test_permissions(void **state) {
  (void)state;
  const char *root = new_root("permissions");
  char node[512];
  put(root, "dev/dri/renderD128", "");
  put(root, "dev/dri/card0", "");
  put(root, "dev/kfd", "");
  snprintf(node, sizeof node, "%s/dev/dri/renderD128", root);
  chmod(node, 0660);
  csa_findings f = look(root, NULL, NULL);
  expect(&f, CSA_FINDING_PROBLEM, "/dev/dri/renderD128", "mode 660", "usermod -aG");
  expect(&f, CSA_FINDING_PROBLEM, "/dev/kfd", "no permission", "usermod -aG");
  assert_null(find(&f, "card0"));
  csa_findings_fini(&f);
  assert_ok(csa_setup_check_host(&f, &(csa_host){root, NULL, NULL, access}, NULL));
  expect(&f, CSA_FINDING_OK, "/dev/dri/renderD128", "may be used", "");
  csa_findings_fini(&f);
}

/* All that $OCL_ICD_VENDORS and $OPENCL_VENDOR_PATH may name. */
static void test_places(void **state) {
  (void)state;
  const char *root = new_root("places");
  char folder[512], file[512];
  put(root, "etc/OpenCL/vendors/usual.icd", "libc.so.6\n");
  put(root, "own/mine.icd", "libm.so.6\n");
  snprintf(folder, sizeof folder, "%s/own", root);
  snprintf(file, sizeof file, "%s/own/mine.icd", root);
  const struct {
    const char *vendors, *vendor_path;
    csa_finding_level level;
    const char *what, *why;
  } cases[] = {
      {NULL, NULL, CSA_FINDING_OK, "vendors/usual.icd", "libc.so.6 loads"},
      {"", "", CSA_FINDING_OK, "vendors/usual.icd", "libc.so.6 loads"},
      {folder, NULL, CSA_FINDING_OK, "own/mine.icd", "libm.so.6 loads"},
      {NULL, folder, CSA_FINDING_OK, "own/mine.icd", "libm.so.6 loads"},
      {file, NULL, CSA_FINDING_OK, "own/mine.icd", "libm.so.6 loads"},
      {"usual.icd", NULL, CSA_FINDING_OK, "vendors/usual.icd", "libc.so.6 loads"},
      {"mine.icd", folder, CSA_FINDING_OK, "own/mine.icd", "libm.so.6 loads"},
      {"none.icd", NULL, CSA_FINDING_PROBLEM, "none.icd", "cannot be read: No such file"},
      {"libm.so.6", NULL, CSA_FINDING_OK, "OCL_ICD_VENDORS", "libm.so.6 loads"},
      {"libthat-was-removed.so.7", NULL, CSA_FINDING_PROBLEM, "OCL_ICD_VENDORS", "does not load: libthat"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_findings f = {0};
    assert_ok(csa_setup_check_host(&f, &(csa_host){root, cases[i].vendors, cases[i].vendor_path, access}, NULL));
    expect(&f, cases[i].level, cases[i].what, cases[i].why, "");
    assert_int_equal(f.count, 1);
    csa_findings_fini(&f);
  }
}

static void test_platforms(void **state) {
  (void)state;
  const csa_device_list devices = {.notes =
                                       "  platform 0 (Clover) shows no device: CL_DEVICE_NOT_FOUND\n"
                                       "  platform 1 (rusticl) shows no device: it reports none\n"};
  csa_findings f = look(new_root("platforms"), NULL, &devices);
  expect(&f, CSA_FINDING_WARNING, "OpenCL platform", "platform 0 (Clover) shows no device: CL_DEVICE_NOT_FOUND", "");
  assert_int_equal(f.count, 3); /* and no driver's file */
  assert_string_equal(f.list[2].why, "platform 1 (rusticl) shows no device: it reports none");
  csa_findings_fini(&f);
}

static void test_devices(void **state) {
  (void)state;
  csa_device_list list;
  csa_findings f = {0};
  assert_ok(csa_device_list_init(&list));
  assert_ok(csa_setup_check_devices(&f, &list));
  assert_int_equal(f.working, list.count);
  expect(&f, CSA_FINDING_OK, list.devices[0].name, "compiles and computes", "");
  csa_findings_fini(&f);
  snprintf(list.devices[0].version, sizeof list.devices[0].version, "OpenCL 1.1 of long ago");
  list.count = 1;
  assert_ok(csa_setup_check_devices(&f, &list));
  expect(&f, CSA_FINDING_PROBLEM, list.devices[0].name, "OpenCL 1.1 of long ago; 1.2 is needed", "newer driver");
  assert_int_equal(f.working, 0);
  csa_findings_fini(&f);
  csa_device_list_fini(&list);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_driver),
                                     cmocka_unit_test(test_broken_drivers),
                                     cmocka_unit_test(test_cards_without_drivers),
                                     cmocka_unit_test(test_permissions),
                                     cmocka_unit_test(test_places),
                                     cmocka_unit_test(test_platforms),
                                     cmocka_unit_test(test_devices)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
