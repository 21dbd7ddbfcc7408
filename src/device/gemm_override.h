/* CLBlast's own parameters, where a plan's tuning has some. */
#ifndef CSA_DEVICE_GEMM_OVERRIDE_H
#define CSA_DEVICE_GEMM_OVERRIDE_H

#include "device/tune.h"

/* Kernels of CLBlast that a tuning may speak of; the list ends with NULL. */
extern const char *const csa_clblast_kernels[];

/* Has CLBlast work with what the plan's tuning says. That holds for all of this process and cannot be taken back:
 * CLBlast keeps one set a kernel and device. */
void csa_gemm_override(const csa_plan *plan);

#endif
