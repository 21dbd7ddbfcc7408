/* What is kept of a tuning, where, and what becomes of files that are damaged, foreign or wrong. */
#include "device/tune.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "device/gemm.h"
#include "layers/harness.h"

static char logged[4096];

static void keep_line(const char *line) {
  const size_t used = strlen(logged);
  snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

static const csa_device_info device = {
    .name = "dev0", .platform = "P", .device = "A (big) device", .version = "OpenCL 3.0", .driver = "1.2"};

static csa_tuning *made(void) {
  csa_tuning *tuning;
  csa_tuning_entry entry = {.kernel = "gemm_tile", .shape = "6x5x4 nt", .gain = 1.25, .uses = 3};
  csa_tuning_set(&entry, "WX", 4);
  csa_tuning_set(&entry, "PAD", 0);
  csa_tuning_set(&entry, "WX", 2); /* the later counts */
  assert_ok(csa_tuning_create(&tuning, NULL));
  assert_ok(csa_tuning_put(tuning, &entry));
  assert_ok(csa_tuning_put(tuning, &(csa_tuning_entry){.kernel = "gemm_tile", .shape = "9x9x9 nn", .gain = 1.0}));
  assert_ok(csa_tuning_put(tuning, &(csa_tuning_entry){.kernel = "gemm_tile", .shape = "1x1x1 nn"})); /* only asked */
  return tuning;
}

static void test_round_trip(void **state) {
  (void)state;
  char path[CSA_TUNING_PATH];
  csa_tuning *tuning = made(), *got;
  setenv("XDG_DATA_HOME", test_folder(), 1);
  assert_false(csa_tuning_exists(&device));
  assert_ok(csa_tuning_load(&got, &device));
  assert_int_equal(got->count, 0);
  csa_tuning_destroy(got);
  assert_ok(csa_tuning_keep(tuning, &device));
  assert_true(csa_tuning_exists(&device));
  assert_true(csa_tuning_path(&device, path));
  assert_non_null(strstr(path, "/clsattn/tuning/A-big-device-"));
  assert_ok(csa_tuning_load(&got, &device));
  assert_int_equal(got->count, 2);
  const csa_tuning_entry *entry = csa_tuning_find(got, "gemm_tile", "6x5x4 nt");
  assert_non_null(entry);
  assert_int_equal(entry->count, 2);
  assert_int_equal(csa_tuned_value(entry, "WX", -1), 2);
  assert_int_equal(csa_tuned_value(entry, "PAD", -1), 0);
  assert_int_equal(csa_tuned_value(entry, "TM", -1), -1);
  assert_int_equal(csa_tuned_value(NULL, "TM", -1), -1);
  assert_int_equal(entry->uses, 0);
  assert_non_null(csa_tuning_find(got, "gemm_tile", "9x9x9 nn")); /* measured: not to be tried again */
  csa_tuning_destroy(got);
  csa_device_info other = device; /* a new driver begins anew */
  other.driver[0] = '2';
  assert_false(csa_tuning_exists(&other));
  setenv("XDG_DATA_HOME", "relative", 1); /* the standard: to be ignored */
  setenv("HOME", "/home/of", 1);
  assert_true(csa_tuning_path(&device, path));
  assert_int_equal(strncmp(path, "/home/of/.local/share/clsattn/tuning/", 37), 0);
  csa_tuning_destroy(tuning);
}

/* What is kept for a device counts only where nobody else could have written it. */
static void test_private(void **state) {
  (void)state;
  char path[CSA_TUNING_PATH], folder[CSA_TUNING_PATH];
  struct stat info;
  csa_tuning *tuning = made(), *got;
  setenv("XDG_DATA_HOME", test_folder(), 1);
  assert_ok(csa_tuning_keep(tuning, &device));
  assert_true(csa_tuning_path(&device, path) && csa_tuning_folder(folder));
  assert_int_equal(stat(folder, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  for (int i = 0; i < (geteuid() == 0 ? 2 : 1); i++) {
    if (i == 0) assert_int_equal(chmod(folder, 0777), 0);
    if (i == 1) assert_int_equal(chmod(folder, 0700) + chown(path, 1, 1), 0);
    logged[0] = '\0';
    csa_log_to(keep_line);
    assert_ok(csa_tuning_load(&got, &device));
    csa_log_to(NULL);
    assert_int_equal(got->count, 0);
    csa_tuning_destroy(got);
    assert_non_null(strstr(logged, i == 0 ? "others can write to it" : "it belongs to another user"));
    assert_non_null(strstr(logged, "; it is ignored"));
    if (i == 0) assert_fails(CSA_OUTPUT, "others can write to it", csa_tuning_keep(tuning, &device));
  }
  csa_tuning_destroy(tuning);
}

/* A copy of the file with `from` replaced by `to`. */
static const char *changed(const char *from, const char *to) {
  const char *path = test_path(test_folder(), "good.json");
  csa_tuning *tuning = made();
  char text[8192] = "";
  assert_ok(csa_tuning_write(tuning, &device, path));
  csa_tuning_destroy(tuning);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_true(fread(text, 1, sizeof text - 1, file) > 0);
  fclose(file);
  char *at = strstr(text, from);
  if (at == NULL) fail_msg("no '%s' in %s", from, text);
  file = fopen(path, "wb");
  assert_non_null(file);
  fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  assert_int_equal(fclose(file), 0);
  return path;
}

/* --import is strict: nothing of a wrong file is taken without a word. */
static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *text;
  } cases[] = {{"\"format\": 1", "\"format\": 2", "format 2"},
               {"\"1.2\"", "\"1.3\"", "driver 1.3"},
               {"\"P\"", "\"Q\"", "(Q)"},
               {"\"WX\": 2", "\"WX\": 0", "WX 0"},
               {"\"WX\": 2", "\"WX\": 99999999999", "WX 99999999999"},
               {"\"WX\": 2", "\"WX\": \"2\"", "WX: not a whole number"},
               {"\"WX\": 2", "\"WX\": 2.5", "WX: not a whole number"},
               {"\"WX\": 2", "\"LOADS\": 3", "LOADS 3: must be a power of two"},
               {"\"WX\": 2", "\"SPEED\": 2", "SPEED: no such parameter"},
               {"\"kernel\": \"gemm_tile\"", "\"kernel\": \"gemm_file\"", "no such parameter"},
               {"\"kernel\": \"gemm_tile\"", "\"colonel\": \"gemm_tile\"", "kernel"},
               {"\"values\": {", "\"values\": 5, \"more\": {", "values: not an object"},
               {"\"entries\": [", "\"entries\": 5, \"more\": [", "not a list"},
               {"\"format\"", "\"form", "line"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_tuning *tuning;
    const char *path = changed(cases[i].from, cases[i].to);
    assert_ok(csa_tuning_create(&tuning, NULL));
    assert_fails(CSA_INPUT, cases[i].text, csa_tuning_read(tuning, &device, path));
    assert_non_null(strstr(csa_last_error(), path));
    csa_tuning_destroy(tuning);
  }
}

/* A run does not fail for it: what is wrong is passed over with a line that names the file. */
static void test_passed_over(void **state) {
  (void)state;
  static const struct {
    const char *from, *to;
    size_t left;
  } cases[] = {{"\"WX\": 2", "\"WX\": 0", 1}, {"\"format\": 1", "\"format\": 2", 0}, {"{", "", 0}};
  csa_log_to(keep_line);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[CSA_TUNING_PATH];
    csa_tuning *tuning = made();
    const char *wrong = changed(cases[i].from, cases[i].to);
    setenv("XDG_DATA_HOME", test_folder(), 1);
    assert_ok(csa_tuning_keep(tuning, &device));
    csa_tuning_destroy(tuning);
    assert_true(csa_tuning_path(&device, path));
    assert_int_equal(rename(wrong, path), 0);
    logged[0] = '\0';
    assert_ok(csa_tuning_load(&tuning, &device));
    assert_int_equal(tuning->count, cases[i].left);
    assert_non_null(strstr(logged, path));
    assert_non_null(strstr(logged, "ignored"));
    csa_tuning_destroy(tuning);
  }
  csa_log_to(NULL);
}

/* The options of the product's kernel in a plan with this entry, and what the log says. */
static const char *options_with(csa_kernels kernels, const csa_tuning_entry *entry, char options[CSA_OPTIONS_MAX],
                                int *used) {
  csa_plan *plan;
  csa_tensor *a, *b, *c;
  csa_tuning *tuning;
  assert_ok(csa_tuning_create(&tuning, NULL));
  if (entry != NULL) assert_ok(csa_tuning_put(tuning, entry));
  assert_ok(csa_plan_create(&plan, test_device(),
                            (csa_choices){.kernels = kernels, .gemm = CSA_GEMM_NATIVE, .tuning = tuning}));
  csa_tuning_destroy(tuning); /* the plan has its own */
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape2(6, 4), &a, "a"));
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape2(5, 4), &b, "b"));
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape2(6, 5), &c, "c"));
  logged[0] = '\0';
  csa_log_to(keep_line);
  assert_ok(csa_gemm(plan, &(csa_gemm_call){.m = 6, .n = 5, .k = 4, .trans_b = true, .a = a, .b = b, .c = c}));
  csa_log_to(NULL);
  snprintf(options, CSA_OPTIONS_MAX, "%s", plan->nodes[plan->node_count - 1].kernel.options);
  json_t *list = csa_tuning_to_json(plan->choices.tuning, true);
  *used = (int)json_array_size(list);
  json_decref(list);
  csa_plan_destroy(plan);
  return options;
}

static void test_used(void **state) {
  (void)state;
  char with[CSA_OPTIONS_MAX], without[CSA_OPTIONS_MAX];
  int used;
  csa_tuning_entry entry = {.kernel = "gemm_tile", .shape = "6x5x4 nt", .gain = 1.5};
  csa_tuning_set(&entry, "TM", 2);
  csa_tuning_set(&entry, "WY", 2);
  options_with(CSA_KERNELS_PORTABLE, NULL, without, &used);
  assert_int_equal(used, 0);
  options_with(CSA_KERNELS_PORTABLE, &entry, with, &used);
  assert_int_equal(used, 1);
  assert_non_null(strstr(with, "-DTM=2"));
  assert_null(strstr(without, "-DTM=2"));
  snprintf(entry.shape, sizeof entry.shape, "6x5x4 nn"); /* of another product */
  options_with(CSA_KERNELS_PORTABLE, &entry, with, &used);
  assert_int_equal(used, 0);
  assert_string_equal(with, without);
}

/* Sizes that are legal in general, and beyond this device. */
static void test_beyond_the_device(void **state) {
  (void)state;
  static const struct {
    csa_kernels kernels;
    const char *kernel, *name;
    int value;
    const char *why;
  } cases[] = {{CSA_KERNELS_PORTABLE, "gemm_tile", "WX", 256, "local memory"},
               {CSA_KERNELS_PORTABLE, "gemm_tile", "VEC", 3, "VEC does not divide"},
               {CSA_KERNELS_PORTABLE, "gemm_tile", "DEPTH", 7, "LOADS does not divide"},
               {CSA_KERNELS_CPU, "gemm_panels", "ROW_RUN", 7, "ROW_RUN is no multiple"}};
  csa_device_info *info = &test_device()->info;
  const uint64_t local = info->local_bytes;
  const size_t group = info->max_work_group;
  char with[CSA_OPTIONS_MAX], without[CSA_OPTIONS_MAX];
  int used;
  info->local_bytes = 32 << 10;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_tuning_entry entry = {.shape = "6x5x4 nt", .gain = 1.5};
    if (cases[i].kernels == CSA_KERNELS_CPU && info->type != CSA_CPU) continue;
    snprintf(entry.kernel, sizeof entry.kernel, "%s", cases[i].kernel);
    csa_tuning_set(&entry, cases[i].name, cases[i].value);
    options_with(cases[i].kernels, NULL, without, &used);
    options_with(cases[i].kernels, &entry, with, &used);
    assert_string_equal(with, without);
    assert_int_equal(used, 0); /* and nothing is kept of it */
    assert_non_null(strstr(logged, cases[i].why));
  }
  csa_tuning_entry wide = {.kernel = "gemm_tile", .shape = "6x5x4 nt", .gain = 1.5};
  csa_tuning_set(&wide, "WX", 8);
  csa_tuning_set(&wide, "WY", 8);
  csa_tuning_set(&wide, "TN", 4);
  for (info->max_work_group = 1; info->max_work_group <= 64; info->max_work_group *= 4) {
    options_with(CSA_KERNELS_PORTABLE, &wide, with, &used);
    assert_int_equal(used, info->max_work_group >= 64);
    assert_int_equal(strstr(logged, "more work-items") != NULL, info->max_work_group < 64);
  }
  info->local_bytes = local;
  info->max_work_group = group;
}

/* Who makes the products, where it was measured and nobody said otherwise. */
static void test_provider(void **state) {
  (void)state;
  csa_tuning_entry entry = {.kernel = "gemm", .shape = "portable", .gain = 2.0};
  csa_tuning *tuning;
  assert_ok(csa_tuning_create(&tuning, NULL));
  for (int clblast = 0; clblast < 2; clblast++)
    for (int asked = CSA_GEMM_AUTO; asked <= CSA_GEMM_NATIVE; asked++) {
      csa_plan *plan;
      csa_tuning_set(&entry, "CLBLAST", clblast);
      assert_ok(csa_tuning_put(tuning, &entry));
      assert_ok(csa_plan_create(
          &plan, test_device(),
          (csa_choices){.kernels = CSA_KERNELS_PORTABLE, .gemm = (csa_gemm_provider)asked, .tuning = tuning}));
      const csa_gemm_provider measured = clblast ? CSA_GEMM_CLBLAST : CSA_GEMM_NATIVE;
      assert_int_equal(plan->choices.gemm, asked == CSA_GEMM_AUTO ? (int)measured : asked);
      csa_plan_destroy(plan);
    }
  csa_tuning_destroy(tuning);
}

static void test_shapes(void **state) {
  (void)state;
  static const char *const good[] = {"6500x256x64 nt", "1x1x1 nn", "64x256x6500 tn hhf", "5x6x7 nn x36",
                                     "5x6x7 nn fhf x2"};
  static const char *const bad[] = {"", "5x6 nn", "5x6x7 tt", "0x6x7 nn", "5x6x7 nn x0", "5x6x7 nn more", "2x8 21x21"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    csa_gemm_call call;
    csa_dtype types[3];
    char again[CSA_TUNING_TEXT];
    assert_true(csa_gemm_parse_shape(good[i], &call, types));
    const csa_tensor a = {.dtype = types[0]}, b = {.dtype = types[1]};
    csa_tensor c = {.dtype = types[2]};
    call.a = &a;
    call.b = &b;
    call.c = &c;
    csa_gemm_shape(again, &call);
    assert_string_equal(again, good[i]);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    csa_gemm_call call;
    csa_dtype types[3];
    if (csa_gemm_parse_shape(bad[i], &call, types)) fail_msg("'%s' is taken for a product", bad[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_private),
                                     cmocka_unit_test(test_refused),    cmocka_unit_test(test_passed_over),
                                     cmocka_unit_test(test_used),       cmocka_unit_test(test_beyond_the_device),
                                     cmocka_unit_test(test_provider),   cmocka_unit_test(test_shapes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
