/* The door to matrix products against the reference, for every family and provider. What lies between and behind the
 * rows of A and B is NaN and must not be felt; what lies between and behind those of C must not change. */
#include "device/gemm.h"

#include <math.h>

#include "core/half.h"
#include "core/rng.h"
#include "layers/harness.h"
#include "reference/reference.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define TAIL 40 /* elements behind the last row */
#define UNTOUCHED (-7.0f)

typedef struct {
  int m, n, k;
  bool trans_a, trans_b;
  int gap; /* elements between rows, also of C; and, one more, between the products of a batch */
  bool accumulate;
  int batch; /* 0: one */
  bool bias, relu, residual;
} gemm_case;

/* A matrix or a batch of them, on the host. */
typedef struct {
  int rows, cols, ld, batch;
  int64_t stride, count;
  float *values;
} matrix;

static float *floats(int64_t count) {
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  return values;
}

/* Normal values, which halves hold exactly, inside (or all of them `inside`, if that is not 0), `outside` between and
 * behind the rows. */
static matrix make(int rows, int cols, int gap, int batch, uint32_t stream, float inside, float outside) {
  const csa_rng rng = {3, CSA_RNG_TEST, stream};
  matrix x = {.rows = rows, .cols = cols, .ld = cols + gap, .batch = batch};
  x.stride = (int64_t)rows * x.ld + (gap > 0 ? 1 : 0);
  x.count = x.stride * (batch - 1) + (int64_t)(rows - 1) * x.ld + cols + TAIL;
  x.values = floats(x.count);
  for (int64_t i = 0; i < x.count; i++) x.values[i] = outside;
  for (int b = 0; b < batch; b++)
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < cols; c++) {
        const int64_t at = b * x.stride + (int64_t)r * x.ld + c;
        x.values[at] =
            inside != 0.0f ? inside : csa_half_to_float(csa_half_from_float(csa_rng_normal(&rng, (uint64_t)at)));
      }
  return x;
}

static double *doubles(const matrix *x) {
  double *values = test_zeros(x->count);
  for (int64_t i = 0; i < x->count; i++) values[i] = (double)x->values[i];
  return values;
}

/* The operands of a case, and where they are on the device. */
typedef struct {
  matrix a, b, c, bias, residual, sums; /* sums: of A's columns, wherever A is transposed and there is one product */
  csa_tensor *ta, *tb, *tc, *tbias, *tresidual, *tsums;
} operands;

static operands make_operands(const gemm_case *g) {
  const int batch = g->batch > 0 ? g->batch : 1;
  operands o = {0};
  o.a = make(g->trans_a ? g->k : g->m, g->trans_a ? g->m : g->k, g->gap, batch, 1, 0.0f, NAN);
  o.b = make(g->trans_b ? g->n : g->k, g->trans_b ? g->k : g->n, 2 * g->gap, batch, 2, 0.0f, NAN);
  o.c = make(g->m, g->n, 3 * g->gap, batch, 3, g->accumulate ? 0.0f : NAN, UNTOUCHED);
  o.bias = make(1, g->n, 0, 1, 4, 0.0f, NAN);
  o.residual = make(g->m, g->n, 0, 1, 5, 0.0f, NAN);
  o.sums = make(1, g->m, 0, 1, 6, g->accumulate ? 0.0f : NAN, UNTOUCHED);
  return o;
}

static void free_operands(operands *o) {
  matrix *all[] = {&o->a, &o->b, &o->c, &o->bias, &o->residual, &o->sums};
  for (size_t i = 0; i < LENGTH(all); i++) free(all[i]->values);
}

static void declare(csa_plan *plan, csa_role role, csa_dtype type, const matrix *x, csa_tensor **tensor,
                    const char *name) {
  assert_ok(csa_plan_tensor(plan, role, type, csa_shape1(x->count), tensor, "%s", name));
}

static bool wants_sums(const gemm_case *g) { return g->trans_a && g->batch <= 1; }

static void record(csa_plan *plan, const gemm_case *g, operands *o) {
  /* as layers use them: activations by weights are activations, activations by activations weights' gradients */
  const csa_dtype storage = csa_plan_storage(plan);
  const csa_dtype of_b = g->trans_a ? storage : CSA_F32, of_c = g->trans_a ? CSA_F32 : storage;
  declare(plan, CSA_PARAMETER, storage, &o->a, &o->ta, "a");
  declare(plan, CSA_DATA, of_b, &o->b, &o->tb, "b");
  declare(plan, CSA_DATA, of_c, &o->c, &o->tc, "c");
  declare(plan, CSA_DATA, CSA_F32, &o->bias, &o->tbias, "bias");
  declare(plan, CSA_DATA, of_c, &o->residual, &o->tresidual, "residual");
  declare(plan, CSA_DATA, CSA_F32, &o->sums, &o->tsums, "sums");
  const bool dense = g->gap == 0; /* then leading dimensions are left out */
  csa_gemm_call call = {.m = g->m,
                        .n = g->n,
                        .k = g->k,
                        .trans_a = g->trans_a,
                        .trans_b = g->trans_b,
                        .a = o->ta,
                        .b = o->tb,
                        .c = o->tc,
                        .beta = g->accumulate ? 1.0f : 0.0f,
                        .relu = g->relu,
                        .lda = dense ? 0 : o->a.ld,
                        .ldb = dense ? 0 : o->b.ld,
                        .ldc = dense ? 0 : o->c.ld,
                        .batch = g->batch,
                        .batch_a = o->a.stride,
                        .batch_b = o->b.stride,
                        .batch_c = o->c.stride};
  if (g->bias) call.bias = o->tbias;
  if (g->residual) call.residual = o->tresidual;
  if (wants_sums(g)) call.sums = o->tsums;
  assert_ok(csa_gemm(plan, &call));
  assert_ok(csa_plan_place(plan));
  assert_ok(csa_plan_bind(plan));
}

/* What the device makes of C. */
static float *run(csa_plan *plan, const operands *o) {
  float *got = floats(o->c.count);
  assert_ok(csa_tensor_write_floats(plan->device, o->ta, o->a.values));
  assert_ok(csa_tensor_write_floats(plan->device, o->tb, o->b.values));
  assert_ok(csa_tensor_write_floats(plan->device, o->tc, o->c.values));
  assert_ok(csa_tensor_write_floats(plan->device, o->tbias, o->bias.values));
  assert_ok(csa_tensor_write_floats(plan->device, o->tresidual, o->residual.values));
  assert_ok(csa_tensor_write_floats(plan->device, o->tsums, o->sums.values));
  assert_ok(csa_plan_run(plan, 0, plan->node_count));
  assert_ok(csa_tensor_read_floats(plan->device, o->tc, 0, o->c.count, got));
  return got;
}

/* What C must be. */
static double *expect(const gemm_case *g, const operands *o) {
  double *a = doubles(&o->a), *b = doubles(&o->b), *c = doubles(&o->c);
  for (int i = 0; i < o->c.batch; i++)
    csa_ref_gemm(g->trans_a, g->trans_b, g->m, g->n, g->k, a + i * o->a.stride, o->a.ld, b + i * o->b.stride, o->b.ld,
                 g->accumulate ? 1.0 : 0.0, c + i * o->c.stride, o->c.ld);
  for (int64_t r = 0; r < g->m && o->c.batch == 1; r++)
    for (int64_t x = 0; x < g->n; x++) {
      double *value = &c[r * o->c.ld + x];
      if (g->bias) *value += (double)o->bias.values[x];
      if (g->relu && *value < 0) *value = 0;
      if (g->residual) *value += (double)o->residual.values[r * g->n + x];
    }
  free(a), free(b);
  return c;
}

/* The products one after the other, dense; all else must be untouched. */
static double *inner(const char *what, const matrix *c, const float *values) {
  double *dense = test_zeros((int64_t)c->batch * c->rows * c->cols);
  int64_t used = 0;
  for (int64_t i = 0; i < c->count; i++) {
    const int64_t product = i / c->stride, row = i % c->stride / c->ld, col = i % c->stride % c->ld;
    if (product < c->batch && row < c->rows && col < c->cols)
      dense[used++] = (double)values[i];
    else if (values[i] != UNTOUCHED)
      fail_msg("%s: element %lld of C, outside of the product, is %g", what, (long long)i, (double)values[i]);
  }
  assert_int_equal(used, (int64_t)c->batch * c->rows * c->cols);
  return dense;
}

/* With CLBlast each product is CLBlast's, and a batch is one call. */
static void assert_provider(const csa_plan *plan, const gemm_case *g) {
  const char *wanted = g->batch > 1 ? "CLBlastSgemmStridedBatched" : "CLBlastSgemm";
  int calls = 0;
  for (size_t i = 0; i < plan->node_count; i++) {
    const csa_plan_node *n = &plan->nodes[i];
    if (n->call == NULL) continue;
    assert_string_equal(n->kernel.name, wanted);
    calls++;
  }
  assert_true(plan->choices.gemm == CSA_GEMM_CLBLAST ? calls > 0 : calls == 0);
  if (g->batch > 1) assert_true(calls <= 1);
}

static void check_sums(const char *what, const gemm_case *g, const operands *o) {
  float *values = floats(o->sums.count);
  double *got = test_zeros(g->m), *want = test_zeros(g->m);
  assert_ok(csa_tensor_download(test_device(), o->tsums, values));
  for (int i = 0; i < g->m; i++) {
    got[i] = (double)values[i];
    want[i] = g->accumulate ? (double)o->sums.values[i] : 0.0;
    for (int p = 0; p < g->k; p++) want[i] += (double)o->a.values[(int64_t)p * o->a.ld + i];
  }
  for (int i = 0; i < TAIL; i++) assert_float_equal(values[g->m + i], UNTOUCHED, 0.0f);
  assert_close(what, got, want, g->m, 1e-6 * sqrt((double)g->k));
  free(values), free(got), free(want);
}

static void check(const test_variant *variant, const gemm_case *g) {
  char what[200];
  const bool halves = variant->choices.precision == CSA_PRECISION_F16;
  if (halves && g->batch > 1) return; /* no layer has such */
  if (test_skips(variant, (int64_t)g->m * g->n * g->k * (g->batch > 1 ? g->batch : 1))) return;
  snprintf(what, sizeof what, "%s: %d x %d over %d, %s%s, gap %d, beta %d, batch %d,%s%s%s", variant->name, g->m, g->n,
           g->k, g->trans_a ? "T" : "N", g->trans_b ? "T" : "N", g->gap, g->accumulate, g->batch,
           g->bias ? " bias" : "", g->relu ? " relu" : "", g->residual ? " residual" : "");
  operands o = make_operands(g);
  csa_plan *plan;
  assert_ok(csa_plan_create(&plan, test_device(), variant->choices));
  record(plan, g, &o);
  assert_provider(plan, g);
  float *got = run(plan, &o), *again = run(plan, &o);
  assert_memory_equal(got, again, (size_t)o.c.count * sizeof *got); /* a run repeats, to the bit */
  if (wants_sums(g)) check_sums(what, g, &o);
  double *want = expect(g, &o);
  for (int64_t i = 0; i < o.c.count; i++) again[i] = (float)want[i];
  double *got_inner = inner(what, &o.c, got), *want_inner = inner("reference", &o.c, again);
  const double tolerance = halves && !g->trans_a ? CSA_TRIAL_HALF_TOLERANCE : 1e-6 * sqrt((double)g->k);
  assert_close(what, got_inner, want_inner, (int64_t)o.c.batch * g->m * g->n, tolerance);
  free(got), free(again), free(want), free(got_inner), free(want_inner);
  csa_plan_destroy(plan);
  free_operands(&o);
}

static void check_all_variants(const gemm_case *g) {
  static size_t number;
  number++;
  for (int v = 0; v < test_variant_count; v++)
    if (test_takes(&test_variants[v], number + number / 6)) /* out of step with the six forms of each shape */
      check(&test_variants[v], g);
}

/* Every width that has a kernel of its own, in every orientation; beta takes turns, as each is one more program to
 * build. */
static void test_shapes(void **state) {
  (void)state;
  static const int shapes[][3] = {{1, 1, 1},    {1, 17, 65},  {65, 1, 10},  {5, 10, 1},   {3, 17, 2},   {33, 10, 130},
                                  {64, 64, 64}, {65, 65, 64}, {130, 17, 9}, {17, 130, 3}, {10, 64, 513}};
  for (size_t i = 0; i < LENGTH(shapes); i++)
    for (int orientation = 0; orientation < 3; orientation++)
      for (int gap = 0; gap <= 5; gap += 5)
        check_all_variants(&(gemm_case){.m = shapes[i][0],
                                        .n = shapes[i][1],
                                        .k = shapes[i][2],
                                        .trans_a = orientation == 1,
                                        .trans_b = orientation == 2,
                                        .gap = gap,
                                        .accumulate = ((int)i + orientation) % 2 == 1});
}

static void test_batches(void **state) {
  (void)state;
  static const gemm_case cases[] = {
      {1, 1, 1, .batch = 3},
      {7, 10, 5, .batch = 1, .gap = 3},
      {65, 17, 33, .trans_b = true, .batch = 3},
      {17, 65, 64, .batch = 3, .gap = 2, .accumulate = true},
      {9, 64, 130, .trans_a = true, .batch = 3, .gap = 1},
      {4, 3, 1500, .trans_a = true, .batch = 3, .accumulate = true}, /* long, but a batch is not split */
  };
  for (size_t i = 0; i < LENGTH(cases); i++) check_all_variants(&cases[i]);
}

/* Weight gradients: sums over k long enough to be split, and those just short of it. */
static void test_long_sums(void **state) {
  (void)state;
  static const gemm_case cases[] = {
      {5, 3, 1024, .trans_a = true},
      {5, 3, 1025, .trans_a = true, .accumulate = true},
      {1, 1, 2049, .trans_a = true},
      {64, 48, 6400, .trans_a = true},
      {10, 17, 9001, .trans_a = true, .accumulate = true},
      {150, 70, 2000, .trans_a = true}, /* several turns of rows and of panels */
      {5, 3, 1300, .trans_a = true, .gap = 4},
      {5, 3, 1300, .trans_b = true},
      {6, 17, 1025, .trans_a = true, .bias = true, .relu = true, .residual = true},
  };
  for (size_t i = 0; i < LENGTH(cases); i++) check_all_variants(&cases[i]);
}

/* A C that no cache holds: stored past the caches where its rows allow that. */
static void test_large(void **state) {
  (void)state;
  check_all_variants(&(gemm_case){53001, 80, 3, .bias = true, .relu = true, .residual = true});
  check_all_variants(&(gemm_case){53001, 80, 3, .accumulate = true});
  check_all_variants(&(gemm_case){53001, 80, 3, .gap = 1});
  check_all_variants(
      &(gemm_case){4099, 128, 5, .gap = 0}); /* panels of B, packed all the same, as A has so many rows */
}

static void test_epilogues(void **state) {
  (void)state;
  static const int shapes[][3] = {{1, 1, 1}, {3, 10, 17}, {7, 130, 5}};
  for (int parts = 1; parts < 8; parts++)
    check_all_variants(
        &(gemm_case){65, 17, 64, .trans_b = true, .bias = parts & 1, .relu = parts & 2, .residual = parts & 4});
  check_all_variants(&(gemm_case){65, 17, 64, .gap = 3, .bias = true, .relu = true, .residual = true});
  check_all_variants(
      &(gemm_case){65, 17, 64, .gap = 3, .accumulate = true, .bias = true, .relu = true, .residual = true});
  for (size_t i = 0; i < LENGTH(shapes); i++)
    check_all_variants(
        &(gemm_case){shapes[i][0], shapes[i][1], shapes[i][2], .bias = true, .relu = true, .residual = true});
}

/* Kernels of the CPU family for devices whose vectors are shorter than this one's. */
static void test_widths(void **state) {
  (void)state;
  static const gemm_case cases[] = {{65, 17, 64, .trans_b = true, .bias = true, .relu = true, .residual = true},
                                    {33, 10, 130, .accumulate = true},
                                    {17, 130, 3, .gap = 5},
                                    {5, 3, 1300, .trans_a = true},
                                    {30, 64, 700, .trans_a = true, .batch = 2}};
  int *width = &test_device()->info.float_width;
  const int native = *width;
  for (*width = 4; *width <= 16; *width *= 2)
    for (size_t i = 0; i < LENGTH(cases); i++) check(&test_variants[0], &cases[i]);
  *width = native;
}

static void test_impossible(void **state) {
  (void)state;
  csa_plan *plan;
  csa_tensor *x;
  assert_ok(csa_plan_create(&plan, test_device(), (csa_choices){.gemm = CSA_GEMM_NATIVE}));
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape1(64), &x, "x"));
  const csa_gemm_call none = {.m = 0, .n = 4, .k = 4, .a = x, .b = x, .c = x};
  assert_fails(CSA_USAGE, "gemm: [0, 4] over 4", csa_gemm(plan, &none));
  const csa_gemm_call both = {.m = 4, .n = 4, .k = 4, .trans_a = true, .trans_b = true, .a = x, .b = x, .c = x};
  assert_fails(CSA_USAGE, "both transposed", csa_gemm(plan, &both));
  csa_plan_destroy(plan);
}

/* A product whose operand A has room for `room` elements only, in a buffer of its own, which is too few. */
static csa_plan *make_bad(int room, csa_gemm_call call) {
  csa_plan *plan;
  csa_tensor *a, *b, *c;
  assert_ok(csa_plan_create(&plan, test_device(), (csa_choices){.gemm = CSA_GEMM_CLBLAST}));
  assert_ok(csa_plan_tensor(plan, CSA_PARAMETER, CSA_F32, csa_shape1(room), &a, "a"));
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape1(1024), &b, "b"));
  assert_ok(csa_plan_tensor(plan, CSA_GRADIENT, CSA_F32, csa_shape1(1024), &c, "c"));
  call.a = a;
  call.b = b;
  call.c = c;
  snprintf(plan->label, sizeof plan->label, "fc forward");
  assert_ok(csa_gemm(plan, &call));
  assert_ok(csa_plan_place(plan));
  assert_ok(csa_plan_bind(plan));
  return plan;
}

static void assert_said(csa_plan *plan, const char *const *parts, size_t count) {
  for (size_t i = 0; i < count; i++) assert_fails(CSA_DEVICE, parts[i], csa_plan_run(plan, 0, 1));
  csa_plan_destroy(plan);
}

static void test_clblast_says_what_failed(void **state) {
  (void)state;
  static const char *const single[] = {
      "fc forward: CLBlastSgemm of m 9, n 7, k 5: CLBlastInsufficientMemoryA (-1011)\n",
      "  A: not transposed, ld 6, offset 0, stride 0, in a buffer of 120 bytes\n", "  B: transposed, ld 8, offset ",
      "  C: not transposed, ld 7, offset 0, stride 0, in a buffer of 4096 bytes\n",
      "  row-major, alpha 1, beta 1, batch 1, workspace of "};
  assert_said(make_bad(30, (csa_gemm_call){.m = 9, .n = 7, .k = 5, .trans_b = true, .lda = 6, .ldb = 8, .beta = 1.0f}),
              single, LENGTH(single));
  static const char *const batched[] = {
      "fc forward: CLBlastSgemmStridedBatched of m 9, n 7, k 5: CLBlastInsufficientMemoryA (-1011)\n",
      "  A: transposed, ld 9, offset 0, stride 45, in a buffer of 240 bytes\n",
      "  C: not transposed, ld 7, offset 0, stride 64, in a buffer of 4096 bytes\n", "beta 0, batch 3"};
  const csa_gemm_call three = {
      .m = 9, .n = 7, .k = 5, .trans_a = true, .batch = 3, .batch_a = 45, .batch_b = 35, .batch_c = 64};
  assert_said(make_bad(60, three), batched, LENGTH(batched));
  static const char *const leading[] = {"CLBlastInvalidLeadDimA (-1016)"};
  assert_said(make_bad(1024,
                       (csa_gemm_call){
                           .m = 9, .n = 7, .k = 5, .lda = 4, .batch = 2, .batch_a = 36, .batch_b = 35, .batch_c = 63}),
              leading, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shapes),     cmocka_unit_test(test_batches),
      cmocka_unit_test(test_long_sums),  cmocka_unit_test(test_large),
      cmocka_unit_test(test_epilogues),  cmocka_unit_test(test_widths),
      cmocka_unit_test(test_impossible), cmocka_unit_test(test_clblast_says_what_failed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
