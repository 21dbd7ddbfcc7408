/* The layers of the reference: each backward against central differences of its forward. That forward is right is in
 * test_values.c. */
#include <math.h>

#include "reference/gradients.h"
#include "reference/reference.h"

typedef struct {
  csa_ref_linear size;
  double *x, *w, *b, *residual, *y, *dy;
} linear_problem;

static double linear_objective(const void *problem) {
  const linear_problem *const p = problem;
  csa_ref_linear_forward(&p->size, p->x, p->w, p->b, p->residual, p->y);
  return test_dot(p->y, p->dy, p->size.rows * p->size.out);
}

static void check_linear(const csa_ref_linear *size, bool residual) {
  const int64_t rows = size->rows, in = size->in, out = size->out;
  linear_problem p = {.size = {rows, in, out, false}};
  p.x = test_random(rows * in, 1);
  p.w = test_random(out * in, 1);
  p.b = test_random(out, 1);
  p.y = test_fresh(rows * out);
  p.dy = test_random(rows * out, 1);
  if (residual) p.residual = test_random(rows * out, 1);
  test_avoid_kink(linear_objective, &p, p.y, rows * out, p.x, rows * in, 1);
  p.size.relu = size->relu;
  double *const dx = test_fresh(rows * in), *const dw = test_fresh(out * in), *const db = test_fresh(out);
  linear_objective(&p);
  csa_ref_linear_backward(&p.size, p.x, p.w, p.y, p.dy, dx, dw, db);
  assert_gradient("linear dx", linear_objective, &p, p.x, dx, rows * in);
  assert_gradient("linear dw", linear_objective, &p, p.w, dw, out * in);
  assert_gradient("linear db", linear_objective, &p, p.b, db, out);
  if (residual) assert_gradient("linear dresidual", linear_objective, &p, p.residual, p.dy, rows * out);
}

/* Every second one adds a residual. */
static void test_linear(void **state) {
  static const csa_ref_linear sizes[] = {
      {1, 17, 3, true}, {1, 1, 1, false}, {7, 1, 10, true}, {5, 3, 19, false}, {4, 6, 2, false}, {2, 8, 1, false},
  };
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) check_linear(&sizes[i], i % 2 == 1);
}

typedef struct {
  csa_ref_layernorm size;
  double *x, *weight, *bias, *y, *dy;
} layernorm_problem;

static double layernorm_objective(const void *problem) {
  const layernorm_problem *const p = problem;
  csa_ref_layernorm_forward(&p->size, p->x, p->weight, p->bias, p->y);
  return test_dot(p->y, p->dy, p->size.rows * p->size.cols);
}

static void check_layernorm(const csa_ref_layernorm *size, double scale) {
  const int64_t cols = size->cols, all = size->rows * cols;
  layernorm_problem p = {.size = {size->rows, cols, false}};
  p.x = test_random(all, scale);
  p.weight = test_random(cols, 1);
  p.bias = test_random(cols, 1);
  p.y = test_fresh(all);
  p.dy = test_random(all, 1);
  test_avoid_kink(layernorm_objective, &p, p.y, all, p.x, all, scale);
  p.size.relu = size->relu;
  double *const dx = test_fresh(all), *const dweight = test_fresh(cols), *const dbias = test_fresh(cols);
  layernorm_objective(&p);
  csa_ref_layernorm_backward(&p.size, p.x, p.weight, p.y, p.dy, dx, dweight, dbias);
  assert_gradient("layernorm dx", layernorm_objective, &p, p.x, dx, all);
  assert_gradient("layernorm dweight", layernorm_objective, &p, p.weight, dweight, cols);
  assert_gradient("layernorm dbias", layernorm_objective, &p, p.bias, dbias, cols);
}

/* The small scale makes the variance as small as epsilon. */
static void test_layernorm(void **state) {
  static const csa_ref_layernorm sizes[] = {
      {1, 1, false}, {1, 7, true}, {9, 3, false}, {3, 65, true}, {2, 64, false},
  };
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) check_layernorm(&sizes[i], i % 2 == 0 ? 1 : 3e-3);
}

typedef struct {
  csa_ref_batchnorm size;
  double *x, *weight, *bias, *mean, *var, *y, *dy;
} batchnorm_problem;

static double batchnorm_objective(const void *problem) {
  const batchnorm_problem *const p = problem;
  double mean[8], var[8];
  csa_ref_batchnorm_forward(&p->size, p->x, p->weight, p->bias, p->mean, p->var, mean, var, p->y);
  return test_dot(p->y, p->dy, p->size.active * p->size.cols);
}

static void check_batchnorm(const csa_ref_batchnorm *size) {
  const int64_t cols = size->cols, all = size->rows * cols;
  batchnorm_problem p = {.size = *size};
  p.x = test_random(all, 1);
  p.weight = test_random(cols, 1);
  p.bias = test_random(cols, 1);
  p.mean = test_random(cols, 1);
  p.var = test_random(cols, 1);
  for (int64_t c = 0; c < cols; c++) p.var[c] = fabs(p.var[c]);
  p.y = test_fresh(all);
  p.dy = test_random(all, 1);
  p.size.relu = false;
  test_avoid_kink(batchnorm_objective, &p, p.y, all, p.x, all, 1);
  p.size.relu = size->relu;
  double *const dx = test_fresh(all), *const dweight = test_fresh(cols), *const dbias = test_fresh(cols);
  batchnorm_objective(&p);
  csa_ref_batchnorm_backward(&p.size, p.x, p.weight, p.mean, p.var, p.y, p.dy, dx, dweight, dbias);
  assert_gradient("batchnorm dx", batchnorm_objective, &p, p.x, dx, all);
  assert_gradient("batchnorm dweight", batchnorm_objective, &p, p.weight, dweight, cols);
  assert_gradient("batchnorm dbias", batchnorm_objective, &p, p.bias, dbias, cols);
}

static void test_batchnorm(void **state) {
  static const csa_ref_batchnorm sizes[] = {
      {2, 2, 1, false, true}, {9, 9, 3, true, true}, {12, 8, 5, true, true}, {12, 8, 5, true, false}};
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) check_batchnorm(&sizes[i]);
}

typedef struct {
  csa_ref_dropout_size size;
  double *x, *y, *dy;
} dropout_problem;

static double dropout_objective(const void *problem) {
  const dropout_problem *const p = problem;
  csa_ref_dropout(&p->size, p->x, p->y);
  return test_dot(p->y, p->dy, p->size.count);
}

static void test_dropout(void **state) {
  const dropout_problem p = {
      {150, 50, 0, 0.3, {1, CSA_RNG_DROPOUT, 2}}, test_random(150, 1), test_fresh(150), test_random(150, 1)};
  double *const dx = test_fresh(150);
  csa_ref_dropout(&p.size, p.dy, dx);
  assert_gradient("dropout dx", dropout_objective, &p, p.x, dx, 150);
  test_release(state);
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
  return test_dot(p->y, p->dy, p->size.images * p->size.queries * p->size.channels);
}

static void check_attention(const csa_ref_attention *s) {
  const int64_t asked = s->images * s->queries * s->channels, held = s->images * s->tokens * 2 * s->channels;
  const attention_problem p = {*s, test_random(asked, 2), test_random(held, 1), test_fresh(asked),
                               test_random(asked, 1)};
  double *const dq = test_fresh(asked), *const dkv = test_fresh(held);
  assert_ok(csa_ref_attention_backward(s, p.q, p.kv, p.dy, dq, dkv));
  assert_gradient("attention dq", attention_objective, &p, p.q, dq, asked);
  assert_gradient("attention dkv", attention_objective, &p, p.kv, dkv, held);
}

static void test_attention(void **state) {
  for (size_t i = 0; i < LENGTH(attention_sizes); i++, test_release(state)) check_attention(&attention_sizes[i]);
}

typedef struct {
  csa_ref_attention size;
  csa_ref_mha_params params;
  double *x, *residual, *y, *dy;
} mha_problem;

static double mha_objective(const void *problem) {
  const mha_problem *const p = problem;
  assert_ok(csa_ref_mha_forward(&p->size, &p->params, p->x, p->residual, p->y));
  return test_dot(p->y, p->dy, p->size.images * p->size.queries * p->size.channels);
}

static void check_mha(const csa_ref_attention *s, bool residual) {
  const int64_t c = s->channels, made = s->images * s->queries * c, given = s->images * s->tokens * c;
  const int64_t counts[] = {c * c, c, 2 * c * c, 2 * c, c * c, c};
  static const char *const names[] = {"mha dwq", "mha dbq", "mha dwkv", "mha dbkv", "mha dwo", "mha dbo"};
  double *value[6], *gradient[6];
  for (int i = 0; i < 6; i++) {
    value[i] = test_random(counts[i], 0.7);
    gradient[i] = test_fresh(counts[i]);
  }
  const csa_ref_mha_grads grads = {gradient[0], gradient[1], gradient[2], gradient[3], gradient[4], gradient[5]};
  mha_problem p = {.size = *s, .params = {value[0], value[1], value[2], value[3], value[4], value[5]}};
  p.x = test_random(given, 1);
  p.y = test_fresh(made);
  p.dy = test_random(made, 1);
  if (residual) p.residual = test_random(made, 1);
  double *const dx = test_fresh(given);
  assert_ok(csa_ref_mha_backward(s, &p.params, p.x, p.dy, dx, &grads));
  assert_gradient("mha dx", mha_objective, &p, p.x, dx, given);
  for (int i = 0; i < 6; i++) assert_gradient(names[i], mha_objective, &p, value[i], gradient[i], counts[i]);
  if (residual) assert_gradient("mha dresidual", mha_objective, &p, p.residual, p.dy, made);
}

static void test_mha(void **state) {
  for (size_t i = 0; i < LENGTH(attention_sizes); i++, test_release(state)) check_mha(&attention_sizes[i], i % 2 == 1);
}

typedef struct {
  csa_ref_tokens size;
  double *x, *class_token, *position, *y, *dy;
} tokens_problem;

static double tokens_objective(const void *problem) {
  const tokens_problem *const p = problem;
  csa_ref_tokens_forward(&p->size, p->x, p->class_token, p->position, p->y);
  return test_dot(p->y, p->dy, p->size.images * (p->size.tokens + 1) * p->size.channels);
}

static void test_tokens(void **state) {
  static const csa_ref_tokens sizes[] = {{1, 1, 1}, {3, 4, 5}, {2, 7, 2}};
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) {
    const csa_ref_tokens *const s = &sizes[i];
    const int64_t given = s->images * s->tokens * s->channels, positions = (s->tokens + 1) * s->channels;
    const tokens_problem p = {*s,
                              test_random(given, 1),
                              test_random(s->channels, 1),
                              test_random(positions, 1),
                              test_fresh(s->images * positions),
                              test_random(s->images * positions, 1)};
    double *const dx = test_fresh(given), *const dclass = test_fresh(s->channels),
                  *const dposition = test_fresh(positions);
    csa_ref_tokens_backward(s, p.dy, dx, dclass, dposition);
    assert_gradient("tokens dx", tokens_objective, &p, p.x, dx, given);
    assert_gradient("tokens dclass_token", tokens_objective, &p, p.class_token, dclass, s->channels);
    assert_gradient("tokens dposition", tokens_objective, &p, p.position, dposition, positions);
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
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) {
    const int64_t all = sizes[i].images * sizes[i].height * sizes[i].width * sizes[i].channels;
    double *const x = test_random(all, 1), *const y = test_fresh(all), *const back = test_fresh(all);
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
  for (size_t i = 0; i < LENGTH(sizes); i++, test_release(state)) {
    const csa_ref_loss *const s = &sizes[i];
    loss_problem p = {.size = *s, .logits = test_random(s->images * s->classes, 2)};
    for (int64_t n = 0; n < s->images; n++) p.labels[n] = (int32_t)(5 * n % s->classes);
    double *const dlogits = test_fresh(s->images * s->classes);
    csa_ref_loss_backward(s, p.logits, p.labels, dlogits);
    assert_gradient("loss dlogits", loss_objective, &p, p.logits, dlogits, s->images * s->classes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_linear, test_release),    cmocka_unit_test_teardown(test_layernorm, test_release),
      cmocka_unit_test_teardown(test_batchnorm, test_release), cmocka_unit_test_teardown(test_dropout, test_release),
      cmocka_unit_test_teardown(test_attention, test_release), cmocka_unit_test_teardown(test_mha, test_release),
      cmocka_unit_test_teardown(test_tokens, test_release),    cmocka_unit_test_teardown(test_patches, test_release),
      cmocka_unit_test_teardown(test_loss, test_release),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
