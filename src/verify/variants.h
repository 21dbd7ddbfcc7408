/* Every program of the portable family that may be asked of a GPU's driver: what compilers are tried with where no such
 * GPU is. They come from recorded plans, not from a list of their own, so that none is forgotten. */
#ifndef CSA_VERIFY_VARIANTS_H
#define CSA_VERIFY_VARIANTS_H

#include "core/status.h"

/* Records the models with every choice, for several classes of GPUs, and writes each different program into `folder`
 * (made if need be) as one source file, and manifest.jsonl, a line for each:
 * {"variant": "gemm-3", "source": "gemm-3.cl", "file": "gemm", "macros": "-DSIDE=8", "options": "", "kernels":
 * {"gemm_tile": 64}} The source defines the macros itself; options are what else a compiler has to be given; a kernel's
 * number is its largest group. OpenCL is not called. What cannot be written is CSA_OUTPUT. */
csa_status csa_variants_write(const char *folder);

#endif
