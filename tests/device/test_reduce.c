/* Sums over rows against sums in double, in both families. What lies between and behind the rows of x is NaN and must
 * not be felt. */
#include "device/reduce.h"

#include <math.h>

#include "core/rng.h"
#include "layers/harness.h"

#define TAIL 20
#define UNTOUCHED (-7.0f)

typedef struct {
  int rows, cols, gap;
  bool accumulate;
} reduce_case;

static float *random_floats(int64_t count, uint32_t stream) {
  const csa_rng rng = {5, CSA_RNG_TEST, stream};
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < count; i++) values[i] = csa_rng_normal(&rng, (uint64_t)i);
  return values;
}

/* x with NaN outside its rows, and the sums. */
static void make(const reduce_case *c, float *x, int64_t count, const float *out, double *want) {
  const int ld = c->cols + c->gap;
  for (int i = 0; i < c->cols; i++) want[i] = c->accumulate ? (double)out[i] : 0.0;
  for (int64_t i = 0; i < count; i++) {
    if (i / ld < c->rows && i % ld < c->cols)
      want[i % ld] += (double)x[i];
    else
      x[i] = NAN;
  }
}

/* Runs twice from the same start and compares the bits. */
static void run(csa_plan *plan, const csa_tensor *tx, const csa_tensor *tout, const float *x, const float *out,
                float *got) {
  const size_t bytes = (size_t)csa_tensor_bytes(tout);
  float *first = malloc(bytes);
  assert_non_null(first);
  for (int time = 0; time < 2; time++) {
    assert_ok(csa_tensor_upload(plan->device, tx, x));
    assert_ok(csa_tensor_upload(plan->device, tout, out));
    assert_ok(csa_plan_run(plan, 0, plan->node_count));
    assert_ok(csa_tensor_download(plan->device, tout, time == 0 ? first : got));
  }
  assert_memory_equal(first, got, bytes);
  free(first);
}

static void check(const test_variant *variant, const reduce_case *c) {
  if (test_skips(variant, (int64_t)c->rows * c->cols)) return;
  const int ld = c->cols + c->gap, count = c->rows * ld + TAIL;
  csa_plan *plan;
  csa_tensor *tx, *tout;
  float *x = random_floats(count, 0), *out = random_floats(c->cols + TAIL, 1), *got = random_floats(c->cols + TAIL, 2);
  double *want = test_zeros(c->cols), *sums = test_zeros(c->cols);
  make(c, x, count, out, want);
  for (int i = 0; i < c->cols + TAIL; i++)
    if (i >= c->cols)
      out[i] = UNTOUCHED;
    else if (!c->accumulate)
      out[i] = NAN; /* not read */
  assert_ok(csa_plan_create(&plan, test_device(), variant->choices));
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape1(count), &tx, "x"));
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape1(c->cols + TAIL), &tout, "out"));
  assert_ok(csa_sum_rows(plan, tx, c->rows, c->cols, ld, c->accumulate ? 1.0f : 0.0f, tout));
  assert_ok(csa_plan_place(plan));
  assert_ok(csa_plan_bind(plan));
  run(plan, tx, tout, x, out, got);
  for (int i = 0; i < c->cols; i++) sums[i] = (double)got[i];
  assert_close("sums", sums, want, c->cols, 1e-6 * sqrt((double)c->rows));
  for (int i = c->cols; i < c->cols + TAIL; i++) assert_true(got[i] == UNTOUCHED);
  csa_plan_destroy(plan);
  free(x), free(out), free(got), free(want), free(sums);
}

static void test_shapes(void **state) {
  (void)state;
  static const int rows[] = {1, 63, 64, 65, 1000}, cols[] = {1, 17, 64, 100};
  for (int v = 0; v < 2; v++)
    for (int r = 0; r < 5; r++)
      for (int c = 0; c < 4; c++)
        for (int layout = 0; layout < 4; layout++) {
          const reduce_case one = {rows[r], cols[c], layout & 1 ? 3 : 0, layout & 2};
          print_message("%s: %d x %d, gap %d, beta %d\n", test_variants[v].name, one.rows, one.cols, one.gap,
                        one.accumulate);
          check(&test_variants[v], &one);
        }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
