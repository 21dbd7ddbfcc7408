#include "opencl/layer.h"

#include <stdlib.h>
#include <string.h>

#define LOADER __attribute__((visibility("default"))) CL_API_ENTRY

const struct _cl_icd_dispatch *next;

static struct _cl_icd_dispatch table; /* ours */

cl_device_id layer_device(unsigned platform, unsigned device) {
  cl_platform_id platforms[64];
  cl_device_id devices[64];
  cl_uint count = 0;
  if (next->clGetPlatformIDs(64, platforms, &count) != CL_SUCCESS || platform >= count || platform >= 64) return NULL;
  if (next->clGetDeviceIDs(platforms[platform], CL_DEVICE_TYPE_ALL, 64, devices, &count) != CL_SUCCESS) return NULL;
  return device < count && device < 64 ? devices[device] : NULL;
}

cl_device_id layer_queue_device(cl_command_queue queue) {
  cl_device_id device = NULL;
  const cl_int error = next->clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
  return error == CL_SUCCESS ? device : NULL;
}

LOADER cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void *value, size_t *returned) {
  const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
  if (what != CL_LAYER_API_VERSION || (value != NULL && size < sizeof version)) return CL_INVALID_VALUE;
  if (value != NULL) memcpy(value, &version, sizeof version);
  if (returned != NULL) *returned = sizeof version;
  return CL_SUCCESS;
}

LOADER cl_int CL_API_CALL clInitLayer(cl_uint count, const struct _cl_icd_dispatch *target, cl_uint *own_count,
                                      const struct _cl_icd_dispatch **own) {
  if (target == NULL || own_count == NULL || own == NULL || count < sizeof table / sizeof(void *)) /* an older loader */
    return CL_INVALID_VALUE;
  memcpy(&table, target, sizeof table);
  if (!layer_enter(&table)) return CL_INVALID_VALUE;
  next = target;
  *own_count = sizeof table / sizeof(void *);
  *own = &table;
  return CL_SUCCESS;
}
