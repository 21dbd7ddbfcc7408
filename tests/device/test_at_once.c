/* Programs wanted by several at once: devices of one platform, and processes. Children that use OpenCL come before this
 * process does so. */
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device/cache.h"
#include "device/plan.h"
#include "device/probe.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PROGRAMS 3

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
  probe_fresh_cache();
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

/* Several processes that want the same programs, of which none is there yet. PoCL 3.1 removes a program's file before
 * it puts another in its place: whoever asks for the binary in between gets one without the program, which no process
 * can load. */
static void test_processes_at_once(void **state) {
  (void)state;
  const char *folder = probe_fresh_cache();
  pid_t children[3];
  for (size_t i = 0; i < LENGTH(children); i++) {
    children[i] = fork();
    assert_true(children[i] >= 0);
    if (children[i] > 0) continue;
    bool good = true;
    for (int value = 50; value < 50 + PROGRAMS; value++) {
      int got = -1;
      const csa_status status = probe_fill(value, &got);
      if (status != CSA_OK) fprintf(stderr, "child: %s\n", csa_last_error());
      good &= status == CSA_OK && got == value;
    }
    _exit(good && !probe_logged("cache:") ? 0 : 1);
  }
  for (size_t i = 0; i < LENGTH(children); i++) {
    int how = -1;
    assert_int_equal(waitpid(children[i], &how, 0), children[i]);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
  }
  char names[PROGRAMS][64];
  assert_int_equal(probe_entries(folder, names, PROGRAMS),
                   PROGRAMS); /* and no file under a temporary name beside them */
  for (int value = 50; value < 50 + PROGRAMS; value++) probe_assert(value);
  assert_string_equal(probe_said, "");
}

/* Who wants a program that another process is making waits for it, and takes what that one leaves. */
static void test_an_entry_held_elsewhere(void **state) {
  (void)state;
  const struct timespec making = {.tv_nsec = 300000000};
  size_t size;
  char names[1][64], key[33], word;
  int ends[2], got = -1, how = -1;
  const char *folder = probe_fresh_cache();
  probe_assert(2);
  assert_int_equal(probe_entries(folder, names, 1), 1);
  snprintf(key, sizeof key, "%.32s", names[0]);
  folder = probe_fresh_cache();
  probe_assert(1);
  uint8_t *gives_1 = probe_read(probe_only_entry(folder), &size);
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
  assert_ok(probe_fill(2, &got));
  assert_int_equal(got, 1);
  assert_int_equal(waitpid(maker, &how, 0), maker);
  assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
  close(ends[0]);
  close(ends[1]);
  free(gives_1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_devices_at_once), cmocka_unit_test(test_processes_at_once),
                                     cmocka_unit_test(test_an_entry_held_elsewhere)};
  return cmocka_run_group_tests(tests, probe_use, NULL);
}
