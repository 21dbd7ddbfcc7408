/* An OpenCL layer (ocl-icd: OPENCL_LAYERS=libfail_device.so) under which every device but the first of its platform
 * fails to give a context: of several devices, one that does not work. $CLSATTN_FAIL_BYTES: buffers above so many bytes
 * are refused, too, so that a large model fails where a small one does not. At exit a line on stderr proves that the
 * layer was there, since one that is not found is passed over in silence. */
#include <stdio.h>
#include <stdlib.h>

#include "opencl/layer.h"

static int refused;

static CL_API_ENTRY cl_context CL_API_CALL
create_context(const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
               void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user, cl_int *error) {
  cl_device_id first = NULL;
  next->clGetDeviceIDs((cl_platform_id)properties[1], CL_DEVICE_TYPE_ALL, 1, &first, NULL);
  if (count > 0 && devices[0] == first) return next->clCreateContext(properties, count, devices, notify, user, error);
  refused++;
  if (error != NULL) *error = CL_DEVICE_NOT_AVAILABLE;
  return NULL;
}

static CL_API_ENTRY cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                                     cl_int *error) {
  const char *most = getenv("CLSATTN_FAIL_BYTES");
  if (most == NULL || size <= strtoull(most, NULL, 10)) return next->clCreateBuffer(context, flags, size, host, error);
  if (error != NULL) *error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  return NULL;
}

bool layer_enter(struct _cl_icd_dispatch *own) {
  own->clCreateContext = create_context;
  own->clCreateBuffer = create_buffer;
  return true;
}

__attribute__((destructor)) static void report(void) {
  if (refused > 0) fprintf(stderr, "fail_device: %d contexts refused\n", refused);
}
