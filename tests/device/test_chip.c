/* Which devices are one chip, by what drivers of each kind would say. */
#include "testing.h"

#include <sys/stat.h>

#include "device/chip.h"

/* A driver's answers: a device id points to one. */
typedef struct {
  cl_device_info what;
  size_t size;
  unsigned char bytes[32];
} answer;

typedef struct {
  answer answers[3];
} driver;

static cl_int query(cl_device_id device, cl_device_info what, size_t size, void *value, size_t *got) {
  const driver *d = (const driver *)(const void *)device;
  for (int i = 0; i < 3; i++)
    if (d->answers[i].what == what) {
      if (size < d->answers[i].size) return CL_INVALID_VALUE;
      memcpy(value, d->answers[i].bytes, d->answers[i].size);
      if (got != NULL) *got = d->answers[i].size;
      return CL_SUCCESS;
    }
  return CL_INVALID_VALUE;
}

static answer numbers(cl_device_info what, int count, const cl_uint *values) {
  answer a = {.what = what, .size = (size_t)count * sizeof *values};
  memcpy(a.bytes, values, a.size);
  return a;
}
static answer number(cl_device_info what, cl_uint value) { return numbers(what, 1, &value); }

static void find(const driver *d, csa_device_type type, const char *root, char chip[CSA_CHIP]) {
  const csa_device_info info = {.type = type, .id = (cl_device_id)(void *)(uintptr_t)d};
  csa_chip_find(&info, query, root, chip);
}

static driver khronos(cl_uint domain, cl_uint bus, cl_uint device, cl_uint function) {
  return (driver){{numbers(0x410F, 4, (const cl_uint[]){domain, bus, device, function})}};
}

static driver amd(int bus, int device, int function) {
  driver d = {{{.what = 0x4037, .size = 24}}};
  unsigned char *bytes = d.answers[0].bytes;
  bytes[0] = 1; /* PCIe */
  bytes[21] = (unsigned char)bus;
  bytes[22] = (unsigned char)device;
  bytes[23] = (unsigned char)function;
  return d;
}

/* Whatever the implementation, CPU devices are the one processor. */
static void test_cpus(void **state) {
  (void)state;
  char a[CSA_CHIP], b[CSA_CHIP];
  const driver silent = {0}, other = khronos(0, 1, 0, 0);
  find(&silent, CSA_CPU, "", a);
  find(&other, CSA_CPU, "", b);
  assert_true(csa_chip_same(a, b));
}

/* One card under two implementations, each with its own way to say so; and its neighbour. */
static void test_one_card(void **state) {
  (void)state;
  char chip[3][CSA_CHIP];
  const driver k = khronos(0, 0x3b, 2, 1), neighbour = khronos(0, 0x3c, 2, 1),
               nv = {{number(0x4008, 0x3b), number(0x4009, 2 << 3 | 1), number(0x400A, 0)}};
  find(&k, CSA_GPU, "", chip[0]);
  find(&nv, CSA_GPU, "", chip[1]);
  find(&neighbour, CSA_GPU, "", chip[2]);
  assert_string_equal(chip[0], "PCI 0000:3b:02.1");
  assert_true(csa_chip_same(chip[0], chip[1]));
  assert_false(csa_chip_same(chip[0], chip[2]));
}

/* What a driver does not say is not claimed, be it of two devices. */
static void test_silent(void **state) {
  (void)state;
  char a[CSA_CHIP], b[CSA_CHIP];
  const driver silent = {0}, half = {{number(0x4008, 0x3b)}};
  find(&silent, CSA_GPU, "", a);
  find(&half, CSA_GPU, "", b);
  assert_string_equal(a, "");
  assert_string_equal(b, "");
  assert_false(csa_chip_same(a, b));
}

static void card(const char *root, const char *name) {
  const char *const parts[] = {"/sys", "/sys/bus", "/sys/bus/pci", "/sys/bus/pci/devices"};
  for (int i = 0; i < 4; i++) mkdir(test_path(root, parts[i]), 0700);
  char path[128];
  snprintf(path, sizeof path, "sys/bus/pci/devices/%s", name);
  assert_int_equal(mkdir(test_path(root, path), 0700), 0);
}

/* AMD's address lacks the domain: the bus has it, unless cards in two domains have the same address. */
static void test_domain(void **state) {
  (void)state;
  char chip[CSA_CHIP];
  const char *root = test_folder();
  const driver d = amd(0x63, 0, 0);
  find(&d, CSA_GPU, root, chip);
  assert_string_equal(chip, "");
  card(root, "0002:63:00.0");
  card(root, "0000:64:00.0");
  find(&d, CSA_GPU, root, chip);
  assert_string_equal(chip, "PCI 0002:63:00.0");
  card(root, "0000:63:00.0");
  find(&d, CSA_GPU, root, chip);
  assert_string_equal(chip, "");
}

/* PoCL, or whatever runs the tests: real devices are asked without harm. */
static void test_real(void **state) {
  (void)state;
  csa_device_list list;
  assert_ok(csa_device_list_init(&list));
  for (int i = 0; i < list.count; i++) {
    char chip[CSA_CHIP] = "unset";
    csa_chip_find(&list.devices[i], clGetDeviceInfo, "", chip);
    if (list.devices[i].type == CSA_CPU)
      assert_string_equal(chip, "host processor");
    else
      assert_true(chip[0] == '\0' || strncmp(chip, "PCI ", 4) == 0);
  }
  csa_device_list_fini(&list);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpus), cmocka_unit_test(test_one_card),
                                     cmocka_unit_test(test_silent), cmocka_unit_test(test_domain),
                                     cmocka_unit_test(test_real)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
