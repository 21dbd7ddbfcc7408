#include "layers/harness.h"

#include <unistd.h>

const test_variant test_variants[] = {
    {"cpu kernels, native gemm", {.kernels = CSA_KERNELS_CPU, .gemm = CSA_GEMM_NATIVE}},
    {"portable kernels, native gemm", {.kernels = CSA_KERNELS_PORTABLE, .gemm = CSA_GEMM_NATIVE}},
    {"cpu kernels, native gemm, halves",
     {.kernels = CSA_KERNELS_CPU, .gemm = CSA_GEMM_NATIVE, .precision = CSA_PRECISION_F16}},
    {"portable kernels, native gemm, halves",
     {.kernels = CSA_KERNELS_PORTABLE, .gemm = CSA_GEMM_NATIVE, .precision = CSA_PRECISION_F16}},
    {"cpu kernels, clblast", {.kernels = CSA_KERNELS_CPU, .gemm = CSA_GEMM_CLBLAST}},
    {"portable kernels, clblast", {.kernels = CSA_KERNELS_PORTABLE, .gemm = CSA_GEMM_CLBLAST}},
};
const int test_variant_count = sizeof test_variants / sizeof test_variants[0];

static csa_device *device, *other;
static int cases_run, cases_skipped;

static void close_device(void) {
  if (cases_skipped > 0) fprintf(stderr, "%d cases were run, %d left out\n", cases_run, cases_skipped);
  if (cases_skipped > 0 && cases_run == 0) _exit(1);
  csa_device_close(other);
  csa_device_close(device);
}

csa_device *test_device(void) {
  if (device == NULL) {
    assert_ok(csa_device_open(&device, NULL));
    atexit(close_device);
  }
  return device;
}

csa_device *test_other_device(void) {
  const csa_device_info *info = &test_device()->info;
  char next[32], same[32];
  snprintf(next, sizeof next, "%d:%d", info->platform_number, info->device_number + 1);
  snprintf(same, sizeof same, "%d:%d", info->platform_number, info->device_number);
  if (other == NULL && csa_device_open(&other, next) != CSA_OK) assert_ok(csa_device_open(&other, same));
  return other;
}

bool test_takes(const test_variant *variant, size_t number) {
  return variant->choices.precision == CSA_PRECISION_F32 || number % 3 == 1;
}

void test_small_limits(void (*check)(const test_variant *variant)) {
  static const size_t groups[] = {1, 8};
  csa_device_info *info = &test_device()->info;
  const csa_device_info own = *info;
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    if (groups[i] < info->max_work_group) info->max_work_group = groups[i];
    if (info->local_bytes > 16 << 10) info->local_bytes = 16 << 10;
    print_message("groups of %zu\n", info->max_work_group);
    check(&test_variants[1]);
    *info = own;
  }
}

bool test_skips(const test_variant *variant, int64_t work) {
  const char *name = getenv("CLSATTN_TEST_VARIANT"), *most = getenv("CLSATTN_TEST_WORK");
  const bool skips = (variant->choices.kernels == CSA_KERNELS_CPU && test_device()->info.type != CSA_CPU) ||
                     (name != NULL && strstr(variant->name, name) == NULL) || (most != NULL && work > atoll(most));
  *(skips ? &cases_skipped : &cases_run) += 1;
  return skips;
}

double *test_zeros(int64_t count) {
  double *values = calloc((size_t)(count > 0 ? count : 1), sizeof *values);
  assert_non_null(values);
  return values;
}

static csa_trial run(const test_variant *variant, const csa_trial_case *c) {
  csa_trial t;
  char text[CSA_TRIAL_TEXT];
  print_message("%s: %s%s\n", variant->name, csa_trial_text(c, text), c->in_place ? ", in place" : "");
  assert_ok(csa_trial_run(&t, test_device(), variant->choices, c));
  return t;
}

static void check_in_place(const test_variant *variant, csa_trial_case c, const csa_trial *apart) {
  c.in_place = true;
  csa_trial t = run(variant, &c);
  assert_ptr_equal(t.layer->din, t.layer->dout);
  assert_true(csa_shape_equal(t.layer->din->shape, c.in));
  assert_memory_equal(t.din, apart->din, (size_t)csa_elements(c.in) * sizeof *t.din);
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++)
    if (t.dparam[slot] != NULL)
      assert_memory_equal(t.dparam[slot], apart->dparam[slot],
                          (size_t)csa_elements(t.layer->dparam[slot]->shape) * sizeof *t.dparam[slot]);
  csa_trial_fini(&t);
}

void test_layer_case(const test_variant *variant, csa_trial_case c) {
  char name[24];
  csa_expectation e;
  c.input_gradient = true;
  csa_trial t = run(variant, &c);
  assert_ok(csa_trial_expect(&t, &e));
  assert_close("out", t.out, e.out, csa_elements(t.layer->out->shape), e.tolerance.out);
  assert_close("d in", t.din, e.din, csa_elements(c.in), e.tolerance.din);
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    const csa_tensor *param = t.layer->param[slot];
    if (param == NULL) continue;
    snprintf(name, sizeof name, "d param %d", slot);
    assert_close(name, t.dparam[slot], e.dparam[slot], csa_elements(param->shape), e.tolerance.dparam);
  }
  if (c.ops->in_place && c.residual.rank == 0) check_in_place(variant, c, &t); /* a residual's gradient is dout */
  csa_expectation_fini(&e);
  csa_trial_fini(&t);
}

void assert_close(const char *what, const double *got, const double *want, int64_t count, double tolerance) {
  int64_t at;
  const double error = csa_difference(got, want, count, &at);
  if (!(error <= tolerance))
    fail_msg("%s: element %lld is %.9g, expected %.9g: error %.2e, tolerance %.1e", what, (long long)at, got[at],
             want[at], error, tolerance);
}
