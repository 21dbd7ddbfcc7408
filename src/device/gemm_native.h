/* The project's own products, behind gemm.h. */
#ifndef CSA_DEVICE_GEMM_NATIVE_H
#define CSA_DEVICE_GEMM_NATIVE_H

#include "device/gemm.h"

/* Records `call`, whose leading dimensions and batch are filled in, with the kernels of the plan's family. With
 * `splits` > 1 the sum over k is cut in runs of `k_run`, and call->c is [splits, m, n], or [splits, m * n + m] where
 * call->sums says that the sums of A are wanted too: they follow each product. */
csa_status csa_gemm_native(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run);

/* Whether these kernels make the sums of A; if not, call->sums must be NULL. */
bool csa_gemm_native_sums(const csa_plan *plan);

#endif
