#include "layers/harness.h"

#include <math.h>
#include <unistd.h>

#include "core/half.h"
#include "core/rng.h"

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

static csa_device *device;
static double least_tolerance;
static int cases_run, cases_skipped;

static void close_device(void) {
  if (cases_skipped > 0) fprintf(stderr, "%d cases were run, %d left out\n", cases_run, cases_skipped);
  if (cases_skipped > 0 && cases_run == 0) _exit(1);
  csa_device_close(device);
}

csa_device *test_device(void) {
  if (device == NULL) {
    assert_ok(csa_device_open(&device, NULL));
    atexit(close_device);
  }
  return device;
}

void test_small_limits(void (*check)(const test_variant *variant)) {
  static const size_t groups[] = {1, 8, 64};
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

/* Values that halves hold exactly. */
static double *random_values(csa_shape shape, uint32_t stream) {
  const csa_rng rng = {1, CSA_RNG_TEST, stream};
  const int64_t count = csa_elements(shape);
  double *values = test_zeros(count);
  for (int64_t i = 0; i < count; i++)
    values[i] = (double)csa_half_to_float(csa_half_from_float(csa_rng_normal(&rng, (uint64_t)i)));
  return values;
}

static void upload(const csa_tensor *tensor, const double *values) {
  const int64_t count = csa_elements(tensor->shape);
  float *floats = malloc((size_t)count * sizeof *floats);
  assert_non_null(floats);
  for (int64_t i = 0; i < count; i++) floats[i] = (float)values[i];
  assert_ok(csa_tensor_write_floats(test_device(), tensor, floats));
  free(floats);
}

static double *download(const csa_tensor *tensor) {
  const int64_t count = csa_elements(tensor->shape);
  float *floats = malloc((size_t)count * sizeof *floats);
  double *values = test_zeros(count);
  assert_non_null(floats);
  assert_ok(csa_tensor_read_floats(test_device(), tensor, 0, count, floats));
  for (int64_t i = 0; i < count; i++) values[i] = (double)floats[i];
  free(floats);
  return values;
}

static void build(test_layer *t, const csa_layer_ops *ops, csa_layer_config config, csa_shape shape,
                  csa_shape residual_shape, bool accumulate, csa_tensor **residual) {
  csa_graph *g = t->graph;
  csa_tensor *in = csa_graph_input(g, shape);
  *residual = NULL;
  if (accumulate && ops->joins) /* as if another reader of the input had gone backward before */
    assert_ok(csa_plan_tensor(g->plan, CSA_DATA, in->dtype, shape, &g->gradients[0].gradient, "other"));
  if (residual_shape.rank > 0)
    assert_ok(csa_plan_tensor(g->plan, CSA_DATA, in->dtype, residual_shape, residual, "residual"));
  csa_graph_add(g, ops, config, in, *residual, "layer");
  assert_ok(csa_graph_record(g));
  assert_ok(csa_schedule_prepare(g));
  t->layer = &g->layers[0];
}

static void fill_with_ones(const csa_tensor *tensor) {
  const int64_t count = csa_elements(tensor->shape);
  double *ones = test_zeros(count);
  for (int64_t i = 0; i < count; i++) ones[i] = 1.0;
  upload(tensor, ones);
  free(ones);
}

static void set_parameters(test_layer *t, bool accumulate) {
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    if (t->layer->param[slot] == NULL) continue;
    const csa_shape shape = t->layer->param[slot]->shape;
    const int64_t count = csa_elements(shape);
    t->param[slot] = random_values(shape, (uint32_t)(10 + slot));
    /* large scores would make of a half's rounding another softmax; powers of two are exact */
    for (int64_t i = 0; i < count && least_tolerance > 0.0; i++) t->param[slot][i] /= 8.0;
    upload(t->layer->param[slot], t->param[slot]);
    double *ones = test_zeros(count);
    for (int64_t i = 0; i < count; i++) ones[i] = accumulate ? 1.0 : (double)NAN;
    upload(t->layer->dparam[slot], ones);
    free(ones);
  }
}

void test_layer_run(test_layer *t, const test_variant *variant, const csa_layer_ops *ops, csa_layer_config config,
                    csa_shape shape, csa_shape residual_shape, bool accumulate) {
  csa_tensor *residual;
  memset(t, 0, sizeof *t);
  least_tolerance = variant->choices.precision == CSA_PRECISION_F16 ? HALF_TOLERANCE : 0.0;
  const csa_graph_config graph_config = {.choices = variant->choices,
                                         .batch = (int)shape.dim[0],
                                         .training = true,
                                         .accumulate = accumulate,
                                         .input_gradient = true,
                                         .keep_all = true};
  assert_ok(csa_graph_create(&t->graph, test_device(), graph_config));
  build(t, ops, config, shape, residual_shape, accumulate, &residual);
  t->in = random_values(shape, 0);
  t->dout = random_values(t->layer->out->shape, 1);
  upload(t->graph->input, t->in);
  upload(t->graph->out_gradient, t->dout);
  if (residual != NULL) {
    t->residual = random_values(residual_shape, 2);
    upload(residual, t->residual);
  }
  if (t->layer->dother != NULL) fill_with_ones(t->layer->dother);
  set_parameters(t, accumulate);
  assert_ok(csa_schedule_micro_step(t->graph));
  t->out = download(t->layer->out);
  t->din = download(t->layer->din);
  for (int64_t i = 0; t->layer->dother != NULL && i < csa_elements(shape); i++) t->din[i] -= 1.0;
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    if (t->layer->dparam[slot] == NULL) continue;
    t->dparam[slot] = download(t->layer->dparam[slot]);
    const int64_t count = csa_elements(t->layer->dparam[slot]->shape);
    for (int64_t i = 0; i < count && accumulate; i++) t->dparam[slot][i] -= 1.0;
  }
}

void test_layer_fini(test_layer *t) {
  double *all[] = {t->in, t->residual, t->dout, t->out, t->din};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    free(t->param[slot]);
    free(t->dparam[slot]);
  }
  csa_graph_destroy(t->graph);
}

void assert_close(const char *what, const double *got, const double *want, int64_t count, double tolerance) {
  double largest = 1.0, worst = 0.0;
  int64_t where = 0;
  for (int64_t i = 0; i < count; i++) {
    const double error = fabs(got[i] - want[i]);
    if (fabs(want[i]) > largest) largest = fabs(want[i]);
    if (isnan(error)) fail_msg("%s: element %lld is not a number", what, (long long)i);
    if (error > worst) {
      worst = error;
      where = i;
    }
  }
  if (tolerance < least_tolerance) tolerance = least_tolerance;
  if (!(worst <= tolerance * largest))
    fail_msg("%s: element %lld is %.9g, expected %.9g (largest magnitude %.3g, tolerance %.1e)", what, (long long)where,
             got[where], want[where], largest, tolerance);
}
