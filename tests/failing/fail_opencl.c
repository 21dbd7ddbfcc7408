/* An OpenCL layer (ocl-icd: OPENCL_LAYERS=libfail_opencl.so) under which a call fails that would not.
 *
 * $CLSATTN_FAIL says which: "clCreateBuffer:3" the third of these, "clCreateBuffer:3:-5" with another code than its
 * usual one, "clFinish:3+" the device is lost: from there on all that it would have to do fails. $CLSATTN_FAIL_BYTES:
 * buffers above so many bytes are refused.
 * At exit a line on stderr tells whether the call was reached, and if not, how many of each function there were;
 * another names what was made and not released. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl/layer.h"

/* NAME, the code it fails with, whether a lost device fails it, whether it makes an event, parameters, arguments. */
#define STATUS_CALLS(X)                                                                                                \
  X(clGetPlatformIDs, CL_OUT_OF_HOST_MEMORY, false, false, (cl_uint n, cl_platform_id * ids, cl_uint * found),         \
    (n, ids, found))                                                                                                   \
  X(clGetPlatformInfo, CL_OUT_OF_HOST_MEMORY, false, false,                                                            \
    (cl_platform_id of, cl_platform_info what, size_t size, void *value, size_t *used), (of, what, size, value, used)) \
  X(clGetDeviceIDs, CL_OUT_OF_RESOURCES, false, false,                                                                 \
    (cl_platform_id of, cl_device_type type, cl_uint n, cl_device_id * ids, cl_uint * found),                          \
    (of, type, n, ids, found))                                                                                         \
  X(clGetDeviceInfo, CL_OUT_OF_HOST_MEMORY, false, false,                                                              \
    (cl_device_id of, cl_device_info what, size_t size, void *value, size_t *used), (of, what, size, value, used))     \
  X(clBuildProgram, CL_BUILD_PROGRAM_FAILURE, true, false,                                                             \
    (cl_program program, cl_uint n, const cl_device_id *devices, const char *options,                                  \
     void(CL_CALLBACK * notify)(cl_program, void *), void *user),                                                      \
    (program, n, devices, options, notify, user))                                                                      \
  X(clGetProgramInfo, CL_OUT_OF_HOST_MEMORY, false, false,                                                             \
    (cl_program of, cl_program_info what, size_t size, void *value, size_t *used), (of, what, size, value, used))      \
  X(clGetProgramBuildInfo, CL_OUT_OF_HOST_MEMORY, false, false,                                                        \
    (cl_program of, cl_device_id device, cl_program_build_info what, size_t size, void *value, size_t *used),          \
    (of, device, what, size, value, used))                                                                             \
  X(clGetKernelWorkGroupInfo, CL_OUT_OF_RESOURCES, false, false,                                                       \
    (cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t size, void *value, size_t *got),    \
    (kernel, device, what, size, value, got))                                                                          \
  X(clGetKernelInfo, CL_OUT_OF_HOST_MEMORY, false, false,                                                              \
    (cl_kernel of, cl_kernel_info what, size_t size, void *value, size_t *used), (of, what, size, value, used))        \
  X(clGetKernelArgInfo, CL_KERNEL_ARG_INFO_NOT_AVAILABLE, false, false,                                                \
    (cl_kernel of, cl_uint index, cl_kernel_arg_info what, size_t size, void *value, size_t *used),                    \
    (of, index, what, size, value, used))                                                                              \
  X(clGetMemObjectInfo, CL_OUT_OF_HOST_MEMORY, false, false,                                                           \
    (cl_mem of, cl_mem_info what, size_t size, void *value, size_t *used), (of, what, size, value, used))              \
  X(clSetKernelArg, CL_OUT_OF_HOST_MEMORY, false, false,                                                               \
    (cl_kernel of, cl_uint index, size_t size, const void *value), (of, index, size, value))                           \
  X(clGetEventProfilingInfo, CL_PROFILING_INFO_NOT_AVAILABLE, true, false,                                             \
    (cl_event of, cl_profiling_info what, size_t size, void *value, size_t *used), (of, what, size, value, used))      \
  X(clFlush, CL_OUT_OF_RESOURCES, true, false, (cl_command_queue queue), (queue))                                      \
  X(clFinish, CL_OUT_OF_RESOURCES, true, false, (cl_command_queue queue), (queue))                                     \
  X(clWaitForEvents, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, true, false, (cl_uint n, const cl_event *events),   \
    (n, events))                                                                                                       \
  X(clEnqueueMarkerWithWaitList, CL_OUT_OF_RESOURCES, true, event != NULL,                                             \
    (cl_command_queue queue, cl_uint n, const cl_event *events, cl_event *event), (queue, n, events, event))           \
  X(clEnqueueFillBuffer, CL_OUT_OF_RESOURCES, true, event != NULL,                                                     \
    (cl_command_queue queue, cl_mem to, const void *pattern, size_t length, size_t offset, size_t size, cl_uint n,     \
     const cl_event *events, cl_event *event),                                                                         \
    (queue, to, pattern, length, offset, size, n, events, event))                                                      \
  X(clEnqueueNDRangeKernel, CL_OUT_OF_RESOURCES, true, event != NULL,                                                  \
    (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset, const size_t *global,         \
     const size_t *local, cl_uint n, const cl_event *events, cl_event *event),                                         \
    (queue, kernel, dimensions, offset, global, local, n, events, event))                                              \
  X(clEnqueueReadBuffer, CL_OUT_OF_RESOURCES, true, event != NULL,                                                     \
    (cl_command_queue queue, cl_mem from, cl_bool blocking, size_t offset, size_t size, void *to, cl_uint n,           \
     const cl_event *events, cl_event *event),                                                                         \
    (queue, from, blocking, offset, size, to, n, events, event))                                                       \
  X(clEnqueueWriteBuffer, CL_OUT_OF_RESOURCES, true, event != NULL,                                                    \
    (cl_command_queue queue, cl_mem to, cl_bool blocking, size_t offset, size_t size, const void *from, cl_uint n,     \
     const cl_event *events, cl_event *event),                                                                         \
    (queue, to, blocking, offset, size, from, n, events, event))

/* NAME, code, whether a lost device fails it, what it makes, parameters, arguments. */
#define OBJECT_CALLS(X)                                                                                              \
  X(clCreateContext, CL_DEVICE_NOT_AVAILABLE, true, cl_context,                                                      \
    (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,                                \
     void(CL_CALLBACK * notify)(const char *, const void *, size_t, void *), void *user, cl_int *error),             \
    (properties, n, devices, notify, user, error))                                                                   \
  X(clCreateCommandQueue, CL_OUT_OF_RESOURCES, true, cl_command_queue,                                               \
    (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int * error),               \
    (context, device, properties, error))                                                                            \
  X(clCreateBuffer, CL_MEM_OBJECT_ALLOCATION_FAILURE, true, cl_mem,                                                  \
    (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error),                                \
    (context, flags, size, host, error))                                                                             \
  X(clCreateProgramWithSource, CL_OUT_OF_HOST_MEMORY, false, cl_program,                                             \
    (cl_context context, cl_uint n, const char **texts, const size_t *lengths, cl_int *error),                       \
    (context, n, texts, lengths, error))                                                                             \
  X(clCreateProgramWithBinary, CL_INVALID_BINARY, false, cl_program,                                                 \
    (cl_context context, cl_uint n, const cl_device_id *devices, const size_t *lengths, const unsigned char **bytes, \
     cl_int *loaded, cl_int *error),                                                                                 \
    (context, n, devices, lengths, bytes, loaded, error))                                                            \
  X(clCreateKernel, CL_OUT_OF_RESOURCES, false, cl_kernel, (cl_program program, const char *name, cl_int *error),    \
    (program, name, error))

/* They do release: a driver that leaked would hide our own leaks. */
#define RELEASE_CALLS(X)                     \
  X(clReleaseContext, cl_context)            \
  X(clReleaseCommandQueue, cl_command_queue) \
  X(clReleaseMemObject, cl_mem)              \
  X(clReleaseProgram, cl_program)            \
  X(clReleaseKernel, cl_kernel)              \
  X(clReleaseEvent, cl_event)

enum {
#define NUMBER(name, ...) of_##name,
  STATUS_CALLS(NUMBER) OBJECT_CALLS(NUMBER) RELEASE_CALLS(NUMBER) FUNCTIONS
};

static const char *const names[FUNCTIONS] = {
#define NAME(name, ...) #name,
    STATUS_CALLS(NAME) OBJECT_CALLS(NAME) RELEASE_CALLS(NAME)};

static atomic_ulong seen[FUNCTIONS];
static atomic_long alive; /* objects made and not released: LeakSanitizer cannot tell ours from the driver's */
static int wanted = -1;   /* the function, or none */
static unsigned long at;
static bool stays;
static int code; /* 0: the function's own */
static atomic_bool reached;
static size_t most_bytes = SIZE_MAX;

/* The code that this call fails with, or CL_SUCCESS. */
static cl_int fault(int function, bool by_device, cl_int own) {
  const unsigned long number = atomic_fetch_add(&seen[function], 1) + 1;
  const bool lost = stays && by_device && atomic_load(&reached);
  if (!lost && (function != wanted || number != at)) return CL_SUCCESS;
  atomic_store(&reached, true);
  return code != 0 ? code : lost ? CL_OUT_OF_RESOURCES : own;
}

#define STATUS_WRAPPER(name, own, by_device, event_made, parameters, arguments) \
  static CL_API_ENTRY cl_int CL_API_CALL fail_##name parameters {               \
    const cl_int failed = fault(of_##name, by_device, own);                     \
    const cl_int error = failed != CL_SUCCESS ? failed : next->name arguments;  \
    if (error == CL_SUCCESS && event_made) atomic_fetch_add(&alive, 1);         \
    return error;                                                               \
  }
STATUS_CALLS(STATUS_WRAPPER)

#define OBJECT_WRAPPER(name, own, by_device, type, parameters, arguments) \
  static CL_API_ENTRY type CL_API_CALL fail_##name parameters {           \
    const cl_int failed = fault(of_##name, by_device, own);               \
    const type made = failed == CL_SUCCESS ? next->name arguments : NULL; \
    if (failed != CL_SUCCESS && error != NULL) *error = failed;           \
    if (made != NULL) atomic_fetch_add(&alive, 1);                        \
    return made;                                                          \
  }
OBJECT_CALLS(OBJECT_WRAPPER)

#define RELEASE_WRAPPER(name, type)                                       \
  static CL_API_ENTRY cl_int CL_API_CALL fail_##name(type object) {       \
    const cl_int error = next->name(object);                              \
    const cl_int failed = fault(of_##name, false, CL_OUT_OF_HOST_MEMORY); \
    if (error == CL_SUCCESS) atomic_fetch_sub(&alive, 1);                 \
    return failed != CL_SUCCESS ? failed : error;                         \
  }
RELEASE_CALLS(RELEASE_WRAPPER)

static CL_API_ENTRY cl_mem CL_API_CALL small_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                                    cl_int *error) {
  if (size <= most_bytes) return fail_clCreateBuffer(context, flags, size, host, error);
  atomic_store(&reached, true);
  if (error != NULL) *error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  return NULL;
}

static bool read_settings(void) {
  const char *text = getenv("CLSATTN_FAIL"), *bytes = getenv("CLSATTN_FAIL_BYTES");
  char name[64], more[2] = "";
  if (bytes != NULL) most_bytes = strtoull(bytes, NULL, 10);
  if (text == NULL) return true;
  if (sscanf(text, "%63[^:]:%lu%1[+]", name, &at, more) < 2) return false;
  stays = more[0] == '+';
  const char *second = strchr(strchr(text, ':') + 1, ':');
  if (second != NULL) code = atoi(second + 1);
  for (int i = 0; i < FUNCTIONS; i++)
    if (strcmp(names[i], name) == 0) wanted = i;
  return wanted >= 0;
}

__attribute__((destructor)) static void report(void) {
  if (next == NULL) return;
  if (atomic_load(&alive) != 0) fprintf(stderr, "fail_opencl: leaked %ld objects\n", atomic_load(&alive));
  if (atomic_load(&reached)) {
    fprintf(stderr, "fail_opencl: reached\n");
    return;
  }
  fprintf(stderr, "fail_opencl: not reached");
  for (int i = 0; i < FUNCTIONS; i++)
    if (atomic_load(&seen[i]) > 0) fprintf(stderr, " %s:%lu", names[i], atomic_load(&seen[i]));
  fprintf(stderr, "\n");
}

bool layer_enter(struct _cl_icd_dispatch *own) {
  if (!read_settings()) {
    fprintf(stderr, "fail_opencl: CLSATTN_FAIL: not NAME:N, or no such function\n");
    return false;
  }
#define ENTER(name, ...) own->name = fail_##name;
  STATUS_CALLS(ENTER)
  OBJECT_CALLS(ENTER)
  RELEASE_CALLS(ENTER)
  own->clCreateBuffer = small_buffer;
  return true;
}
