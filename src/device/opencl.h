/* OpenCL's own header, and its failures in our terms. */
#ifndef CSA_DEVICE_OPENCL_H
#define CSA_DEVICE_OPENCL_H

#include <CL/cl.h>

#include "core/status.h"

/* "CL_INVALID_VALUE"; the number itself for a code that OpenCL 1.2 does not know. */
const char *csa_cl_error_name(cl_int error);

/* What it says of the device or the driver, in a few words. */
const char *csa_cl_error_meaning(cl_int error);

/* CSA_OK for CL_SUCCESS; else CSA_MEMORY for the codes that mean it and CSA_DEVICE for all others, with the sentence
 * "WHAT: CALL: CL_… (its meaning)". */
csa_status csa_cl_check(cl_int error, const char *what, const char *call);

#endif
