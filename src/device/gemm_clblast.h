/* CLBlast's products, behind gemm.h. */
#ifndef CSA_DEVICE_GEMM_CLBLAST_H
#define CSA_DEVICE_GEMM_CLBLAST_H

#include "device/gemm.h"

/* As csa_gemm_native; call->sums is NULL. Products are made in floats, and what follows them is a launch of its own. */
csa_status csa_gemm_clblast(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run);

#endif
