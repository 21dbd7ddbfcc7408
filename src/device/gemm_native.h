/* The project's own products, behind gemm.h. */
#ifndef CSA_DEVICE_GEMM_NATIVE_H
#define CSA_DEVICE_GEMM_NATIVE_H

#include "device/gemm.h"

/* Records `call`, whose leading dimensions and batch are filled in, with the kernels of the plan's family. With
 * `splits` > 1 the sum over k is cut in runs of `k_run`, and call->c is [splits, m, n]. */
csa_status csa_gemm_native(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run);

#endif
