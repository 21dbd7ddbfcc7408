/* An OpenCL layer (ocl-icd: OPENCL_LAYERS=libdisguise.so) that makes every device look like a small one without
 * extensions, and holds programs to it: what the small device would refuse fails here, too.
 *
 * $CLSATTN_DISGUISE says how, in words like "local=32768 group=64 items=32 alloc=67108864 memory=1000000000 gpu
 * vendor=4318": bytes of local memory, work-items of a group, and of one of a kernel that requires no size, bytes of a
 * buffer and of all of them, that it is a GPU, and whose by PCI's number. At exit a line on stderr proves that the
 * layer was there, since a layer that is not found is passed over in silence. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl/layer.h"

static size_t local_most, group_most, items_most, alloc_most, memory_most; /* 0: the device's own */
static size_t vendor;
static bool is_gpu;
static struct {
  unsigned launches, refused;
  size_t group, alloc, local; /* the largest that passed */
} seen;

static size_t number(const char *text, const char *name) {
  const char *found = strstr(text, name);
  return found != NULL ? strtoull(found + strlen(name), NULL, 10) : 0;
}

static void least(size_t *value, size_t limit) {
  if (limit > 0 && *value > limit) *value = limit;
}

static void most(size_t *value, size_t other) {
  if (other > *value) *value = other;
}

static cl_int refuse(cl_int error) {
  seen.refused++;
  return error;
}

static void shrink_bytes(void *value, size_t size, size_t limit) {
  if (size >= sizeof(cl_ulong)) least(value, limit);
}

/* Replaces what a query returned; its size stays. */
static void shrink(cl_device_info what, size_t size, void *value) {
  switch (what) {
    case CL_DEVICE_TYPE:
      if (is_gpu && size >= sizeof(cl_device_type)) *(cl_device_type *)value = CL_DEVICE_TYPE_GPU;
      break;
    case CL_DEVICE_VENDOR_ID:
      if (vendor > 0 && size >= sizeof(cl_uint)) *(cl_uint *)value = (cl_uint)vendor;
      break;
    case CL_DEVICE_LOCAL_MEM_SIZE: shrink_bytes(value, size, local_most); break;
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE: shrink_bytes(value, size, alloc_most); break;
    case CL_DEVICE_GLOBAL_MEM_SIZE: shrink_bytes(value, size, memory_most); break;
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
      if (size >= sizeof(size_t)) least(value, group_most);
      break;
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
      for (size_t i = 0; i < size / sizeof(size_t); i++) least((size_t *)value + i, group_most);
      break;
    case CL_DEVICE_EXTENSIONS: memset(value, 0, size); break;
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE:
      if (size >= sizeof(cl_uint)) *(cl_uint *)value = 0;
      break;
    default: break;
  }
}

static CL_API_ENTRY cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info what, size_t size,
                                                       void *value, size_t *returned) {
  size_t written = 0;
  const cl_int error = next->clGetDeviceInfo(device, what, size, value, &written);
  if (returned != NULL) *returned = written;
  if (error == CL_SUCCESS && value != NULL) shrink(what, written, value);
  return error;
}

static CL_API_ENTRY cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                                     cl_int *error) {
  if (alloc_most > 0 && size > alloc_most) {
    if (error != NULL) *error = refuse(CL_INVALID_BUFFER_SIZE);
    return NULL;
  }
  most(&seen.alloc, size);
  return next->clCreateBuffer(context, flags, size, host, error);
}

/* Work-items of a group of this kernel; 0: as many as the device itself takes. */
static size_t kernel_most(cl_kernel kernel, cl_device_id device) {
  size_t required[3] = {0};
  next->clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof required, required, NULL);
  return required[0] == 0 && items_most > 0 ? items_most : group_most;
}

static CL_API_ENTRY cl_int CL_API_CALL get_kernel_info(cl_kernel kernel, cl_device_id device,
                                                       cl_kernel_work_group_info what, size_t size, void *value,
                                                       size_t *returned) {
  const cl_int error = next->clGetKernelWorkGroupInfo(kernel, device, what, size, value, returned);
  if (error == CL_SUCCESS && value != NULL && what == CL_KERNEL_WORK_GROUP_SIZE)
    least(value, kernel_most(kernel, device));
  return error;
}

static CL_API_ENTRY cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                                      const size_t *offset, const size_t *global, const size_t *local,
                                                      cl_uint waits, const cl_event *wait_list, cl_event *event) {
  cl_device_id device = NULL;
  cl_ulong held = 0;
  size_t group = 1;
  for (cl_uint i = 0; local != NULL && i < dimensions; i++) group *= local[i];
  next->clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
  next->clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof held, &held, NULL);
  const size_t group_limit = kernel_most(kernel, device);
  if (group_limit > 0 && group > group_limit) return refuse(CL_INVALID_WORK_GROUP_SIZE);
  if (local_most > 0 && held > local_most) return refuse(CL_OUT_OF_RESOURCES);
  seen.launches++;
  most(&seen.group, group);
  most(&seen.local, (size_t)held);
  return next->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, waits, wait_list, event);
}

__attribute__((destructor)) static void report(void) {
  if (next == NULL) return;
  fprintf(stderr,
          "disguise: %u launches in groups of up to %zu, local memory up to %zu, buffers up to %zu bytes; %u calls "
          "refused\n",
          seen.launches, seen.group, seen.local, seen.alloc, seen.refused);
}

bool layer_enter(struct _cl_icd_dispatch *own) {
  const char *words = getenv("CLSATTN_DISGUISE");
  if (words == NULL) words = "";
  local_most = number(words, "local=");
  group_most = number(words, "group=");
  items_most = number(words, "items=");
  alloc_most = number(words, "alloc=");
  vendor = number(words, "vendor=");
  memory_most = number(words, "memory=");
  is_gpu = strstr(words, "gpu") != NULL;
  own->clGetDeviceInfo = get_device_info;
  own->clCreateBuffer = create_buffer;
  own->clGetKernelWorkGroupInfo = get_kernel_info;
  own->clEnqueueNDRangeKernel = enqueue_kernel;
  return true;
}
