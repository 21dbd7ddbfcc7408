/* Tuning: who computes wrongly, does not compile or does not fit never counts; what was found outlives an interruption.
 */
#include "core/embedded.h"
#include "measure/tuner.h"

#include <signal.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/file.h"
#include "device/program.h"
#include "layers/harness.h"
#include "measure/candidates.h"

static csa_subject subject_of(csa_kernels kernels, const char *kernel, const char *shape) {
  csa_subject s = {.device = test_device(),
                   .choices = {.kernels = kernels, .gemm = CSA_GEMM_NATIVE},
                   .deadline = csa_seconds() + 600.0,
                   .all = true};
  snprintf(s.kernel, sizeof s.kernel, "%s", kernel);
  snprintf(s.shape, sizeof s.shape, "%s", shape);
  csa_gemm_parse_shape(shape, &s.product, s.types);
  return s;
}

/* The defaults and `texts`, which end with NULL, one after the other. */
static int enter(csa_contender *all, const char *const *texts) {
  const csa_tuning_entry none = {.count = 0};
  int count = 1;
  memset(all, 0, CSA_CONTENDERS_MAX * sizeof *all);
  for (; texts[count - 1] != NULL; count++) all[count].entry = csa_candidate(&none, texts[count - 1]);
  return count;
}

static void run_all(const csa_subject *s, csa_contender *all, const char *const *texts) {
  const int count = enter(all, texts);
  assert_ok(csa_contest_run(s, all, count, true));
  for (int i = 0; i < count; i++) {
    if (all[i].fault[0] != '\0') fail_msg("%s: %s: %s", s->kernel, i > 0 ? texts[i - 1] : "defaults", all[i].fault);
    assert_true(all[i].seconds > 0.0);
  }
}

/* Candidates compute what the defaults do, or are known not to fit: every eighth of them, as compiling takes long and
 * `tune` looks at each before it counts. */
static void check_candidates(csa_kernels kernels, const char *kernel, const char *shape, bool steps) {
  static csa_contender all[CSA_CONTENDERS_MAX];
  const csa_candidates *c = csa_candidates_of(kernel);
  csa_subject s = subject_of(kernels, kernel, shape);
  s.all = false;
  assert_non_null(c);
  const char *some[CSA_CONTENDERS_MAX] = {NULL};
  const char *const *texts = steps ? c->steps : c->sets;
  for (int i = 0, taken = 0; texts[i] != NULL; i++)
    if (i % 8 == 0) some[taken++] = texts[i];
  const int count = enter(all, some);
  assert_ok(csa_contest_run(&s, all, count, false));
  for (int i = 0; i < count; i++)
    if (all[i].fault[0] != '\0' && strcmp(all[i].fault, "the device cannot") != 0)
      fail_msg("%s: contender %d: %s", kernel, i, all[i].fault);
}

static void test_products(void **state) {
  (void)state;
  check_candidates(CSA_KERNELS_PORTABLE, "gemm_tile", "67x35x70 nt", false);
  check_candidates(CSA_KERNELS_PORTABLE, "gemm_tile", "33x70x1100 tn hhf", true);
  for (int steps = 0; steps < 2 && test_device()->info.type == CSA_CPU; steps++)
    check_candidates(CSA_KERNELS_CPU, "gemm_panels", "67x130x70 nn", steps);
}

static void test_layers(void **state) {
  (void)state;
  static csa_contender all[CSA_CONTENDERS_MAX];
  csa_subject s = subject_of(CSA_KERNELS_PORTABLE, "layernorm_forward", "");
  s.layer = (csa_contest_spec){.ops = &csa_layer_layernorm, .in = csa_shape2(50, 70)};
  run_all(&s, all, (const char *const[]){"WG=16", "WG=32", "WG=128", NULL});
  s = subject_of(CSA_KERNELS_PORTABLE, "attention_key_backward", "");
  s.layer = (csa_contest_spec){.ops = &csa_layer_attention, .config = {.heads = 2}, .in = csa_shape3(3, 21, 16)};
  run_all(&s, all, (const char *const[]){"COLUMNS=4 AT_ONCE=8", "WG=16 TILE=8", NULL});
  if (test_device()->info.type != CSA_CPU) return;
  const bool wide = csa_device_vector(&test_device()->info) == 16;
  s = subject_of(CSA_KERNELS_CPU, "cpu/attention_backward", "2x8 21x21");
  s.layer = (csa_contest_spec){.ops = &csa_layer_attention, .config = {.heads = 2}, .in = csa_shape3(3, 21, 16)};
  run_all(&s, all, (const char *const[]){"NV=1", "NV=2", wide ? "KB=65" : "KB=40", NULL});
  assert_int_equal(all[0].parts, 1);
  s = subject_of(CSA_KERNELS_CPU, "cpu/winograd_forward", "16 to 32");
  s.layer = (csa_contest_spec){
      .ops = &csa_layer_conv2d, .config = {.out = 32, .kernel = 3, .relu = true}, .in = csa_shape4(2, 9, 8, 16)};
  run_all(&s, all, (const char *const[]){"BLOCK=24", "BLOCK=48", NULL});
  assert_int_equal(all[0].parts, 2); /* forward, and the gradient of x */
}

/* A folder of kernels where `from` in gemm.cl is `to`. */
static void use_changed_kernels(const char *from, const char *to) {
  const char *folder = test_folder();
  char *text = NULL;
  assert_ok(csa_folder_make(test_path(folder, "cpu"), 0700));
  for (const csa_embedded *k = csa_kernel_texts; k->name != NULL; k++)
    test_write(test_path(folder, k->name), k->text, strlen(k->text));
  for (const csa_embedded *k = csa_kernel_texts; k->name != NULL; k++)
    if (strcmp(k->name, "gemm.cl") == 0) assert_ok(csa_copy_text(&text, k->text));
  char *at = strstr(text, from);
  assert_non_null(at);
  assert_null(strstr(at + 1, from));
  FILE *file = fopen(test_path(folder, "gemm.cl"), "wb");
  assert_non_null(file);
  fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  assert_int_equal(fclose(file), 0);
  free(text);
  setenv("CLSATTN_KERNEL_DIR", folder, 1);
}

static const char *const three[] = {"WX=8 WY=8 TM=8 TN=8", "WX=4 WY=4 TM=4 TN=4", "WX=1024 WY=1024", NULL};

/* The first would be the fastest, as it leaves out half of the work. */
static void test_wrong(void **state) {
  (void)state;
  csa_contender all[CSA_CONTENDERS_MAX];
  const csa_subject s = subject_of(CSA_KERNELS_PORTABLE, "gemm_tile", "67x35x70 nt");
  use_changed_kernels("p < DEPTH; p++", "p < (TM == 8 ? DEPTH / 2 : DEPTH); p++");
  assert_ok(csa_contest_run(&s, all, enter(all, three), true));
  assert_non_null(strstr(all[1].fault, "computes wrongly"));
  assert_true(all[1].seconds == 0.0);
  assert_string_equal(all[2].fault, "");
  assert_true(all[2].seconds > 0.0);
  assert_string_equal(all[3].fault, "the device cannot");
  unsetenv("CLSATTN_KERNEL_DIR");
}

/* What a contender does not write is seen, too, though the one before it wrote there. */
static void test_unwritten(void **state) {
  (void)state;
  csa_contender all[CSA_CONTENDERS_MAX];
  const csa_subject s = subject_of(CSA_KERNELS_PORTABLE, "gemm_tile", "67x35x70 nt");
  use_changed_kernels("if (y >= m || x >= n) continue;", "if (y >= m || x >= n || (TM == 8 && y == 66)) continue;");
  assert_ok(csa_contest_run(&s, all, enter(all, three), true));
  assert_non_null(strstr(all[1].fault, "computes wrongly"));
  assert_string_equal(all[2].fault, "");
  unsetenv("CLSATTN_KERNEL_DIR");
}

static void test_does_not_compile(void **state) {
  (void)state;
  csa_contender all[CSA_CONTENDERS_MAX];
  const csa_subject s = subject_of(CSA_KERNELS_PORTABLE, "gemm_tile", "67x35x70 nt");
  use_changed_kernels("#define ROWS (WY * TM)", "#if TM == 8\n#error no\n#endif\n#define ROWS (WY * TM)");
  assert_ok(csa_contest_run(&s, all, enter(all, three), true));
  assert_string_equal(all[1].fault, "does not compile");
  assert_string_equal(all[2].fault, "");
  unsetenv("CLSATTN_KERNEL_DIR");
}

/* Wrong defaults are no measure for others. */
static void test_wrong_defaults(void **state) {
  (void)state;
  csa_contender all[CSA_CONTENDERS_MAX];
  const csa_subject s = subject_of(CSA_KERNELS_PORTABLE, "gemm_tile", "67x35x70 nt");
  use_changed_kernels("p < DEPTH; p++", "p < DEPTH / 2; p++");
  assert_fails(CSA_FAILED, "the default parameters compute wrongly", csa_contest_run(&s, all, enter(all, three), true));
  unsetenv("CLSATTN_KERNEL_DIR");
}

static volatile sig_atomic_t stop;
static int results, known;

static void stop_at_result(void *user, const csa_tuned_result *result) {
  (void)user;
  results++;
  known += result->known;
  if (!result->known) stop = SIGINT;
}

static const csa_architecture tiny = {.model = "vit",
                                      .image = 8,
                                      .channels = 3,
                                      .classes = 5,
                                      .patch = 4,
                                      .embed = 8,
                                      .heads = 2,
                                      .layers = 1,
                                      .hidden = 12,
                                      .norm_relu = true};

/* Stopped after its first result, and again after the next: what was measured is kept, and not measured again. */
static void test_continued(void **state) {
  (void)state;
  const csa_tuner t = {.choices = {.kernels = CSA_KERNELS_PORTABLE},
                       .models = {tiny},
                       .model_count = 1,
                       .batch = 3,
                       .seconds = 600.0,
                       .stop = &stop,
                       .observer = {.on_result = stop_at_result}};
  int left = 0, all = 0;
  setenv("XDG_DATA_HOME", test_folder(), 1);
  for (int turn = 0; turn < 2; turn++) {
    csa_device *device;
    stop = 0;
    results = known = 0;
    assert_ok(csa_device_open(&device, NULL));
    assert_true(csa_tuning_exists(&device->info) == (turn > 0));
    assert_fails(CSA_INTERRUPTED, "stopped by signal 2", csa_tune(device, &t, &left));
    assert_int_equal(results, turn + 1);
    assert_int_equal(known, turn);
    if (turn == 0) all = left;
    assert_int_equal(left, all - turn);
    assert_true(csa_tuning_exists(&device->info));
    csa_device_close(device);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_products),  cmocka_unit_test(test_layers),           cmocka_unit_test(test_wrong),
      cmocka_unit_test(test_unwritten), cmocka_unit_test(test_does_not_compile), cmocka_unit_test(test_wrong_defaults),
      cmocka_unit_test(test_continued)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
