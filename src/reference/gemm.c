/* The matrix product, by its definition: one sum for each element of C. */
#include "reference/reference.h"

void csa_ref_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                  const double *b, int64_t ldb, double beta, double *c, int64_t ldc) {
  for (int64_t row = 0; row < m; row++)
    for (int64_t col = 0; col < n; col++) {
      double sum = 0;
      for (int64_t i = 0; i < k; i++) {
        const double left = trans_a ? a[i * lda + row] : a[row * lda + i];
        const double right = trans_b ? b[col * ldb + i] : b[i * ldb + col];
        sum += left * right;
      }
      double *const out = &c[row * ldc + col];
      *out = beta == 0 ? sum : sum + beta * *out;
    }
}
