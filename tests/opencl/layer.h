/* What the OpenCL layers of the tests begin with (ocl-icd: OPENCL_LAYERS=libNAME.so): opencl/layer.c answers the
 * loader, a layer has layer_enter and the functions that it puts in the place of others. */
#pragma once

#include <CL/cl_icd.h>
#include <CL/cl_layer.h>
#include <stdbool.h>

/* What is below the layer: the functions that its own ones call. NULL until the loader was there. */
extern const struct _cl_icd_dispatch *next;

/* The layer's own: reads its settings and enters its functions into own, a copy of *next. If it returns false the
 * loader goes on without the layer, and in silence, so it says on stderr why. */
bool layer_enter(struct _cl_icd_dispatch *own);

/* The device that `clsattn devices` numbers so, or NULL. Not before the first call of the program. */
cl_device_id layer_device(unsigned platform, unsigned device);

/* The device of a queue, or NULL. */
cl_device_id layer_queue_device(cl_command_queue queue);
