/* The reference against values worked out by hand or by PyTorch: forward and backward of a layer could be wrong
 * together, and then test_gradients.c would not see it. */
#include <math.h>

#include "reference/reference.h"
#include "testing.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* [1 2 3; 4 5 6] [1 0; 2 1; 0 3] = [5 11; 14 23], with each factor stored either way round. */
static void test_gemm(void **state) {
  (void)state;
  static const double a[2][6] = {{1, 2, 3, 4, 5, 6}, {1, 4, 2, 5, 3, 6}};
  static const double b[2][6] = {{1, 0, 2, 1, 0, 3}, {1, 2, 0, 0, 1, 3}};
  static const double plain[6] = {5, 11, -1, 14, 23, -1}, added[6] = {7.5, 16.5, -1, 21, 34.5, -1};
  for (int i = 0; i < 4; i++) {
    const bool ta = i / 2, tb = i % 2;
    double c[6] = {(double)NAN, (double)NAN, -1, (double)NAN, (double)NAN, -1};
    csa_ref_gemm(ta, tb, 2, 2, 3, a[ta], ta ? 2 : 3, b[tb], tb ? 3 : 2, 0, c, 3);
    assert_memory_equal(c, plain, sizeof c);
    csa_ref_gemm(ta, tb, 2, 2, 3, a[ta], ta ? 2 : 3, b[tb], tb ? 3 : 2, 0.5, c, 3);
    assert_memory_equal(c, added, sizeof c);
  }
}

static void test_layernorm(void **state) {
  (void)state;
  const double x[2] = {1, 3}, weight[2] = {2, 2}, bias[2] = {1, 1}, z = 1 / sqrt(1 + 1e-5);
  double y[2];
  csa_ref_layernorm_forward(&(csa_ref_layernorm){1, 2, true}, x, weight, bias, y);
  assert_true(y[0] == 0);
  assert_true(fabs(y[1] - (1 + 2 * z)) < 1e-15);
}

/* Values 1 and 3: mean 2, variance 1, unbiased 2. */
static void test_batchnorm(void **state) {
  (void)state;
  const double x[3] = {1, 3, 7}, weight = 2, bias = 1, z = 1 / sqrt(1 + 1e-5);
  double mean = 0, var = 0, y[3];
  csa_ref_batchnorm_forward(&(csa_ref_batchnorm){3, 2, 1, true, true}, x, &weight, &bias, &(double){10}, &(double){4},
                            &mean, &var, y);
  assert_true(y[0] == 0 && fabs(y[1] - (1 + 2 * z)) < 1e-15 && fabs(y[2] - (1 + 10 * z)) < 1e-14);
  assert_true(fabs(mean - 2) < 1e-14 && fabs(var - 2) < 1e-14);
  csa_ref_batchnorm_forward(&(csa_ref_batchnorm){3, 2, 1, true, false}, x, &weight, &bias, &(double){10}, &(double){4},
                            &mean, &var, y);
  assert_true(y[0] == 0 && y[1] == 0 && y[2] == 0 && fabs(mean - 2) < 1e-14); /* all are below the mean */
}

/* Scores log 3 and 0 after the division by sqrt(4) give the weights 3/4 and 1/4. */
static void test_attention(void **state) {
  (void)state;
  const double q[4] = {2 * log(3)}, kv[16] = {1, 0, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 4, 0, -4};
  const double expected[4] = {3, 7, 0, -1};
  double y[4];
  assert_ok(csa_ref_attention_forward(&(csa_ref_attention){1, 1, 2, 4, 1}, q, kv, y));
  for (int i = 0; i < 4; i++) assert_true(fabs(y[i] - expected[i]) < 1e-12);
}

/* Images of 4x4 pixels and 2 channels whose values read as the digits channel, y, x. */
static void test_patches(void **state) {
  (void)state;
  static const double rows[] = {20, 21, 22, 23, 30, 31, 32, 33}, squares[] = {2, 3, 12, 13, 102, 103, 112, 113};
  double x[32], y[32];
  for (int i = 0; i < 32; i++) {
    const int digits = 100 * (i % 2) + 10 * (i / 8) + i / 2 % 4;
    x[i] = digits;
  }
  csa_ref_patches_forward(&(csa_ref_patches){1, 4, 4, 2, 2, false}, x, y);
  assert_memory_equal(y + 8, rows, sizeof rows);
  csa_ref_patches_forward(&(csa_ref_patches){1, 4, 4, 2, 2, true}, x, y);
  assert_memory_equal(y + 8, squares, sizeof squares);
}

static void test_select(void **state) {
  (void)state;
  const double x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, expected[4] = {1, 2, 7, 8};
  const double back[12] = {1, 2, 0, 0, 0, 0, 7, 8, 0, 0, 0, 0};
  double y[4], dx[12];
  csa_ref_select_forward(2, 3, 2, x, y);
  assert_memory_equal(y, expected, sizeof y);
  csa_ref_select_backward(2, 3, 2, y, dx);
  assert_memory_equal(dx, back, sizeof dx);
}

/* Equal logits give log(classes) however large they are; of equal ones the first counts as the answer. */
static void test_loss(void **state) {
  (void)state;
  const double logits[9] = {1000, 1000, 1000, -1000, -1000, -1000, 5, 6, 7};
  const int32_t labels[3] = {0, 1, 2};
  int64_t correct = -1;
  const csa_ref_loss size = {3, 3, 2, 0.0};
  assert_true(fabs(csa_ref_loss_forward(&size, logits, labels, &correct) - log(3)) < 1e-12);
  assert_int_equal(correct, 1);
}

typedef struct {
  csa_ref_optimizer optimizer;
  double expected[2];
} optimizer_case;

/* Three steps; what is expected was computed by torch.optim in float64. */
static void test_optimizer(void **state) {
  (void)state;
  static const optimizer_case cases[] = {
      {{CSA_REF_ADAM, 0.1, 0.5, 0.8, 0.9, 1e-2, 0}, {0.7393868770423869, -1.8403007694485232}},
      {{CSA_REF_ADAMW, 0.1, 0.5, 0.8, 0.9, 1e-2, 0}, {0.6810652172097278, -1.6951895681577092}},
      {{CSA_REF_SGD, 0.1, 0.5, 0, 0, 0, 0.9}, {0.609, -1.5805}},
  };
  static const double gradients[3][2] = {{0.5, -1.0}, {0.25, 2.0}, {-0.5, 0.0}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    double parameter[2] = {1, -2}, first[2] = {0}, second[2] = {0};
    for (int step = 1; step <= 3; step++)
      csa_ref_optimizer_step(&cases[i].optimizer, step, 2, gradients[step - 1], parameter, first, second);
    for (int k = 0; k < 2; k++) assert_true(fabs(parameter[k] - cases[i].expected[k]) < 1e-14);
  }
}

/* A 2 x 2 image of one channel under a kernel that picks the pixel to the right. */
static void test_conv2d(void **state) {
  (void)state;
  const csa_ref_conv2d s = {1, 2, 2, 1, 1, 3, false};
  const double x[] = {1, 2, 3, 4}, b[] = {10};
  double w[9] = {0}, y[4];
  w[1 * 3 + 2] = 1;
  csa_ref_conv2d_forward(&s, x, w, b, y);
  const double want[] = {12, 10, 14, 10};
  assert_memory_equal(y, want, sizeof want);
}

static void test_pool(void **state) {
  (void)state;
  const csa_ref_pool s = {1, 3, 5, 1}; /* the last row and column are left out */
  const double x[] = {1, 1, 0, 7, 9, 1, 1, 7, 0, 9, 9, 9, 9, 9, 9}, dy[] = {5, 6};
  double y[2], dx[15];
  csa_ref_pool_forward(&s, x, y);
  assert_true(y[0] == 1 && y[1] == 7);
  csa_ref_pool_backward(&s, x, dy, dx);
  for (int i = 0; i < 15; i++) assert_true(dx[i] == (i == 0 ? 5 : i == 3 ? 6 : 0)); /* the first of equals */
}

static void test_average(void **state) {
  (void)state;
  const csa_ref_pool s = {2, 1, 2, 2};
  const double x[] = {1, 10, 3, 30, 5, 50, 7, 70}, want[] = {2, 20, 6, 60};
  double y[4], dx[8];
  csa_ref_average_forward(&s, x, y);
  assert_memory_equal(y, want, sizeof want);
  csa_ref_average_backward(&s, want, dx);
  for (int i = 0; i < 8; i++) assert_true(dx[i] == want[i / 4 * 2 + i % 2] / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gemm),      cmocka_unit_test(test_layernorm), cmocka_unit_test(test_batchnorm),
      cmocka_unit_test(test_attention), cmocka_unit_test(test_patches),   cmocka_unit_test(test_select),
      cmocka_unit_test(test_loss),      cmocka_unit_test(test_optimizer), cmocka_unit_test(test_conv2d),
      cmocka_unit_test(test_pool),      cmocka_unit_test(test_average),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
