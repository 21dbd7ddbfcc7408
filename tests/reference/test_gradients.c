/* The layers of the reference: each backward against central differences of its forward. That forward is right is in
 * test_values.c. */
#include <math.h>

#include "core/rng.h"
#include "reference/reference.h"
#include "testing.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define TOLERANCE 1e-7

/* Arrays of the case at hand, released together. */
static double *arrays[64];
static size_t array_count;
static uint64_t drawn;

static double *fresh(int64_t count) {
  assert_true(array_count < LENGTH(arrays));
  double *const array = calloc((size_t)count, sizeof *array);
  assert_non_null(array);
  return arrays[array_count++] = array;
}

static void draw(double *array, int64_t count, double scale) {
  const csa_rng rng = {1, CSA_RNG_TEST, 0};
  for (int64_t i = 0; i < count; i++) array[i] = scale * (double)csa_rng_normal(&rng, drawn++);
}

static double *random_array(int64_t count, double scale) {
  double *const array = fresh(count);
  draw(array, count, scale);
  return array;
}

static int release(void **state) {
  (void)state;
  while (array_count > 0) free(arrays[--array_count]);
  return 0;
}

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

typedef double objective(const void *problem);

/* `gradient` is that of f by x [count], which is part of the problem; the largest error is taken against the largest
 * magnitude. */
static void check(const char *what, objective *f, const void *problem, double *x, const double *gradient,
                  int64_t count) {
  const double step = 1e-5 * sqrt(dot(x, x, count) / (double)count);
  double largest = 1e-2, error = 0;
  for (int64_t i = 0; i < count; i++) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = f(problem);
    x[i] = kept - step;
    const double below = f(problem);
    x[i] = kept;
    largest = fmax(largest, fabs(gradient[i]));
    error = fmax(error, fabs((above - below) / (2 * step) - gradient[i]));
  }
  if (!(error <= TOLERANCE * largest)) fail_msg("%s: off by %g of %g", what, error, largest);
}

/* Central differences mean nothing across the kink of a ReLU. */
static bool near_kink(const double *y, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (fabs(y[i]) < 1e-3) return true;
  return false;
}

typedef struct {
  csa_ref_linear size;
  double *x, *w, *b, *residual, *y, *dy;
} linear_problem;

static double linear_objective(const void *problem) {
  const linear_problem *const p = problem;
  csa_ref_linear_forward(&p->size, p->x, p->w, p->b, p->residual, p->y);
  return dot(p->y, p->dy, p->size.rows * p->size.out);
}

static void check_linear(const csa_ref_linear *size, bool residual) {
  const int64_t rows = size->rows, in = size->in, out = size->out;
  linear_problem p = {.size = {rows, in, out, false}};
  p.x = random_array(rows * in, 1);
  p.w = random_array(out * in, 1);
  p.b = random_array(out, 1);
  p.y = fresh(rows * out);
  p.dy = random_array(rows * out, 1);
  if (residual) p.residual = random_array(rows * out, 1);
  for (linear_objective(&p); near_kink(p.y, rows * out); linear_objective(&p)) draw(p.x, rows * in, 1);
  p.size.relu = size->relu;
  double *const dx = fresh(rows * in), *const dw = fresh(out * in), *const db = fresh(out);
  linear_objective(&p);
  csa_ref_linear_backward(&p.size, p.x, p.w, p.y, p.dy, dx, dw, db);
  check("linear dx", linear_objective, &p, p.x, dx, rows * in);
  check("linear dw", linear_objective, &p, p.w, dw, out * in);
  check("linear db", linear_objective, &p, p.b, db, out);
  if (residual) check("linear dresidual", linear_objective, &p, p.residual, p.dy, rows * out);
}

/* Every second one adds a residual. */
static void test_linear(void **state) {
  static const csa_ref_linear sizes[] = {
      {1, 17, 3, true}, {1, 1, 1, false}, {7, 1, 10, true}, {5, 3, 19, false}, {4, 6, 2, false}, {2, 8, 1, false},
  };
  for (size_t i = 0; i < LENGTH(sizes); i++, release(state)) check_linear(&sizes[i], i % 2 == 1);
}

typedef struct {
  csa_ref_layernorm size;
  double *x, *weight, *bias, *y, *dy;
} layernorm_problem;

static double layernorm_objective(const void *problem) {
  const layernorm_problem *const p = problem;
  csa_ref_layernorm_forward(&p->size, p->x, p->weight, p->bias, p->y);
  return dot(p->y, p->dy, p->size.rows * p->size.cols);
}

static void check_layernorm(const csa_ref_layernorm *size, double scale) {
  const int64_t cols = size->cols, all = size->rows * cols;
  layernorm_problem p = {.size = {size->rows, cols, false}};
  p.x = random_array(all, scale);
  p.weight = random_array(cols, 1);
  p.bias = random_array(cols, 1);
  p.y = fresh(all);
  p.dy = random_array(all, 1);
  for (layernorm_objective(&p); near_kink(p.y, all); layernorm_objective(&p)) draw(p.x, all, scale);
  p.size.relu = size->relu;
  double *const dx = fresh(all), *const dweight = fresh(cols), *const dbias = fresh(cols);
  layernorm_objective(&p);
  csa_ref_layernorm_backward(&p.size, p.x, p.weight, p.y, p.dy, dx, dweight, dbias);
  check("layernorm dx", layernorm_objective, &p, p.x, dx, all);
  check("layernorm dweight", layernorm_objective, &p, p.weight, dweight, cols);
  check("layernorm dbias", layernorm_objective, &p, p.bias, dbias, cols);
}

/* The small scale makes the variance as small as epsilon. */
static void test_layernorm(void **state) {
  static const csa_ref_layernorm sizes[] = {
      {1, 1, false}, {1, 7, true}, {9, 3, false}, {3, 65, true}, {2, 64, false},
  };
  for (size_t i = 0; i < LENGTH(sizes); i++, release(state)) check_layernorm(&sizes[i], i % 2 == 0 ? 1 : 3e-3);
}

typedef struct {
  csa_ref_batchnorm size;
  double *x, *weight, *bias, *mean, *var, *y, *dy;
} batchnorm_problem;

static double batchnorm_objective(const void *problem) {
  const batchnorm_problem *const p = problem;
  double mean[8], var[8];
  csa_ref_batchnorm_forward(&p->size, p->x, p->weight, p->bias, p->mean, p->var, mean, var, p->y);
  return dot(p->y, p->dy, p->size.active * p->size.cols);
}

static void check_batchnorm(const csa_ref_batchnorm *size) {
  const int64_t cols = size->cols, all = size->rows * cols;
  batchnorm_problem p = {.size = *size};
  p.x = random_array(all, 1);
  p.weight = random_array(cols, 1);
  p.bias = random_array(cols, 1);
  p.mean = random_array(cols, 1);
  p.var = random_array(cols, 1);
  for (int64_t c = 0; c < cols; c++) p.var[c] = fabs(p.var[c]);
  p.y = fresh(all);
  p.dy = random_array(all, 1);
  p.size.relu = false;
  for (batchnorm_objective(&p); near_kink(p.y, all); batchnorm_objective(&p)) draw(p.x, all, 1);
  p.size.relu = size->relu;
  double *const dx = fresh(all), *const dweight = fresh(cols), *const dbias = fresh(cols);
  batchnorm_objective(&p);
  csa_ref_batchnorm_backward(&p.size, p.x, p.weight, p.mean, p.var, p.y, p.dy, dx, dweight, dbias);
  check("batchnorm dx", batchnorm_objective, &p, p.x, dx, all);
  check("batchnorm dweight", batchnorm_objective, &p, p.weight, dweight, cols);
  check("batchnorm dbias", batchnorm_objective, &p, p.bias, dbias, cols);
}

static void test_batchnorm(void **state) {
  static const csa_ref_batchnorm sizes[] = {
      {2, 2, 1, false, true}, {9, 9, 3, true, true}, {12, 8, 5, true, true}, {12, 8, 5, true, false}};
  for (size_t i = 0; i < LENGTH(sizes); i++, release(state)) check_batchnorm(&sizes[i]);
}

typedef struct {
  csa_ref_dropout_size size;
  double *x, *y, *dy;
} dropout_problem;

static double dropout_objective(const void *problem) {
  const dropout_problem *const p = problem;
  csa_ref_dropout(&p->size, p->x, p->y);
  return dot(p->y, p->dy, p->size.count);
}

static void test_dropout(void **state) {
  const dropout_problem p = {
      {150, 50, 0, 0.3, {1, CSA_RNG_DROPOUT, 2}}, random_array(150, 1), fresh(150), random_array(150, 1)};
  double *const dx = fresh(150);
  csa_ref_dropout(&p.size, p.dy, dx);
  check("dropout dx", dropout_objective, &p, p.x, dx, 150);
  release(state);
}

static const csa_ref_attention attention_sizes[] = {
    {1, 1, 1, 1, 1}, {1, 1, 5, 6, 1}, {2, 5, 5, 6, 3}, {1, 3, 3, 8, 8}, {3, 1, 7, 4, 2}, {1, 2, 9, 20, 4},
};

typedef struct {
  csa_ref_attention size;
  double *q, *kv, *y, *dy;
} attention_problem;

static double attention_objective(const void *problem) {
  const attention_problem *const p = problem;
  assert_ok(csa_ref_attention_forward(&p->size, p->q, p->kv, p->y));
  return dot(p->y, p->dy, p->size.images * p->size.queries * p->size.channels);
}

static void check_attention(const csa_ref_attention *s) {
  const int64_t asked = s->images * s->queries * s->channels, held = s->images * s->tokens * 2 * s->channels;
  const attention_problem p = {*s, random_array(asked, 2), random_array(held, 1), fresh(asked), random_array(asked, 1)};
  double *const dq = fresh(asked), *const dkv = fresh(held);
  assert_ok(csa_ref_attention_backward(s, p.q, p.kv, p.dy, dq, dkv));
  check("attention dq", attention_objective, &p, p.q, dq, asked);
  check("attention dkv", attention_objective, &p, p.kv, dkv, held);
}

static void test_attention(void **state) {
  for (size_t i = 0; i < LENGTH(attention_sizes); i++, release(state)) check_attention(&attention_sizes[i]);
}

typedef struct {
  csa_ref_attention size;
  csa_ref_mha_params params;
  double *x, *residual, *y, *dy;
} mha_problem;

static double mha_objective(const void *problem) {
  const mha_problem *const p = problem;
  assert_ok(csa_ref_mha_forward(&p->size, &p->params, p->x, p->residual, p->y));
  return dot(p->y, p->dy, p->size.images * p->size.queries * p->size.channels);
}

static void check_mha(const csa_ref_attention *s, bool residual) {
  const int64_t c = s->channels, made = s->images * s->queries * c, given = s->images * s->tokens * c;
  const int64_t counts[] = {c * c, c, 2 * c * c, 2 * c, c * c, c};
  static const char *const names[] = {"mha dwq", "mha dbq", "mha dwkv", "mha dbkv", "mha dwo", "mha dbo"};
  double *value[6], *gradient[6];
  for (int i = 0; i < 6; i++) {
    value[i] = random_array(counts[i], 0.7);
    gradient[i] = fresh(counts[i]);
  }
  const csa_ref_mha_grads grads = {gradient[0], gradient[1], gradient[2], gradient[3], gradient[4], gradient[5]};
  mha_problem p = {.size = *s, .params = {value[0], value[1], value[2], value[3], value[4], value[5]}};
  p.x = random_array(given, 1);
  p.y = fresh(made);
  p.dy = random_array(made, 1);
  if (residual) p.residual = random_array(made, 1);
  double *const dx = fresh(given);
  assert_ok(csa_ref_mha_backward(s, &p.params, p.x, p.dy, dx, &grads));
  check("mha dx", mha_objective, &p, p.x, dx, given);
  for (int i = 0; i < 6; i++) check(names[i], mha_objective, &p, value[i], gradient[i], counts[i]);
  if (residual) check("mha dresidual", mha_objective, &p, p.residual, p.dy, made);
}

static void test_mha(void **state) {
  for (size_t i = 0; i < LENGTH(attention_sizes); i++, release(state)) check_mha(&attention_sizes[i], i % 2 == 1);
}

typedef struct {
  csa_ref_tokens size;
  double *x, *class_token, *position, *y, *dy;
} tokens_problem;

static double tokens_objective(const void *problem) {
  const tokens_problem *const p = problem;
  csa_ref_tokens_forward(&p->size, p->x, p->class_token, p->position, p->y);
  return dot(p->y, p->dy, p->size.images * (p->size.tokens + 1) * p->size.channels);
}

static void test_tokens(void **state) {
  static const csa_ref_tokens sizes[] = {{1, 1, 1}, {3, 4, 5}, {2, 7, 2}};
  for (size_t i = 0; i < LENGTH(sizes); i++, release(state)) {
    const csa_ref_tokens *const s = &sizes[i];
    const int64_t given = s->images * s->tokens * s->channels, positions = (s->tokens + 1) * s->channels;
    const tokens_problem p = {*s,
                              random_array(given, 1),
                              random_array(s->channels, 1),
                              random_array(positions, 1),
                              fresh(s->images * positions),
                              random_array(s->images * positions, 1)};
    double *const dx = fresh(given), *const dclass = fresh(s->channels), *const dposition = fresh(positions);
    csa_ref_tokens_backward(s, p.dy, dx, dclass, dposition);
    check("tokens dx", tokens_objective, &p, p.x, dx, given);
    check("tokens dclass_token", tokens_objective, &p, p.class_token, dclass, s->channels);
    check("tokens dposition", tokens_objective, &p, p.position, dposition, positions);
  }
}

/* A permutation's gradient goes the way back: backward undoes forward. */
static void test_patches(void **state) {
  static const csa_ref_patches sizes[] = {
      {1, 2, 2, 1, 1, false},
      {2, 6, 4, 3, 2, false},
      {2, 6, 4, 3, 2, true},
      {1, 3, 9, 2, 3, true},
  };
  for (size_t i = 0; i < LENGTH(sizes); i++, release(state)) {
    const int64_t all = sizes[i].images * sizes[i].height * sizes[i].width * sizes[i].channels;
    double *const x = random_array(all, 1), *const y = fresh(all), *const back = fresh(all);
    csa_ref_patches_forward(&sizes[i], x, y);
    csa_ref_patches_backward(&sizes[i], y, back);
    assert_memory_equal(back, x, (size_t)all * sizeof *x);
  }
}

typedef struct {
  csa_ref_loss size;
  double *logits;
  int32_t labels[8];
} loss_problem;

static double loss_objective(const void *problem) {
  const loss_problem *const p = problem;
  int64_t correct;
  return csa_ref_loss_forward(&p->size, p->logits, p->labels, &correct);
}

static void test_loss(void **state) {
  static const csa_ref_loss sizes[] = {
      {1, 1, 1, 0.0}, {1, 2, 1, 0.0}, {3, 5, 3, 0.25}, {4, 3, 2, 0.0}, {7, 10, 6, 0.125}};
  for (size_t i = 0; i < LENGTH(sizes); i++, release(state)) {
    const csa_ref_loss *const s = &sizes[i];
    loss_problem p = {.size = *s, .logits = random_array(s->images * s->classes, 2)};
    for (int64_t n = 0; n < s->images; n++) p.labels[n] = (int32_t)(5 * n % s->classes);
    double *const dlogits = fresh(s->images * s->classes);
    csa_ref_loss_backward(s, p.logits, p.labels, dlogits);
    check("loss dlogits", loss_objective, &p, p.logits, dlogits, s->images * s->classes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_linear, release),    cmocka_unit_test_teardown(test_layernorm, release),
      cmocka_unit_test_teardown(test_batchnorm, release), cmocka_unit_test_teardown(test_dropout, release),
      cmocka_unit_test_teardown(test_attention, release), cmocka_unit_test_teardown(test_mha, release),
      cmocka_unit_test_teardown(test_tokens, release),    cmocka_unit_test_teardown(test_patches, release),
      cmocka_unit_test_teardown(test_loss, release),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
