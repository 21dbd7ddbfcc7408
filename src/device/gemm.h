/* The one door to matrix products. Behind it: CLBlast, and the project's own kernels (`native`) of the active family.
 */
#ifndef CSA_DEVICE_GEMM_H
#define CSA_DEVICE_GEMM_H

#include "device/tune.h"

/* Every tensor is of floats; A, B, and C with the residual may also be halves, of one product. They are added up in
 * floats.
 *
 * C = op(A) op(B) + beta C, all row-major, op(A) [m, k], op(B) [k, n], C [m, n]; then, where given, + bias [n], ReLU,
 * + residual [m, n]. At most one of A and B is transposed: NN, NT (linear forward), TN (weight gradients; a long k is
 * split, and the parts are added in a fixed order). */
typedef struct csa_gemm_call {
  int m, n, k;
  bool trans_a, trans_b;
  const csa_tensor *a, *b;
  csa_tensor *c;
  int lda, ldb, ldc;                 /* elements from row to row, as stored; 0: dense */
  float beta;                        /* 0 or 1 */
  int batch;                         /* so many products of one shape; 0 and 1: one */
  int64_t batch_a, batch_b, batch_c; /* elements from one to the next */
  const csa_tensor *bias;            /* [n]; one product only, as are the next two */
  bool relu;
  const csa_tensor *residual; /* [m, n], dense */
  csa_tensor
      *sums; /* [m], of one product with trans_a: the sums over k of A's columns, + beta sums: a bias's gradient */
} csa_gemm_call;

/* Records the product with the plan's provider; its launches keep the call, with every size filled in. */
csa_status csa_gemm(csa_plan *plan, const csa_gemm_call *call);

/* All that tells one product from another, "NT 6500 x 64 over 256, bias, residual", into `text`, which is returned. */
#define CSA_GEMM_TEXT 128
const char *csa_gemm_call_text(const csa_gemm_call *call, char text[CSA_GEMM_TEXT]);

/* The shape of a product as a tuning names it: "6500x256x64 nt", m x n x k and which operand is transposed; then " hhf"
 * where A, B or C are halves, and " x36" for a batch. */
void csa_gemm_shape(char text[CSA_TUNING_TEXT], const csa_gemm_call *call);

/* The product, dense, that such a text names, and the types of A, B and C; false if it is none. */
bool csa_gemm_parse_shape(const char *text, csa_gemm_call *call, csa_dtype types[3]);

#endif
