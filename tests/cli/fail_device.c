/* An OpenCL layer (ocl-icd: OPENCL_LAYERS=libfail_device.so) under which one of several devices does not work, or no
 * longer.
 *
 * By itself every device but the first of its platform fails to give a context. $CLSATTN_FAIL_DEVICE names one device,
 * by the numbers of `clsattn devices`, and leaves all others alone: "0:1" gives no context; "0:1:20" works until 20
 * commands were queued on it, over all its queues, and then is lost: all that it would have to do fails with
 * CL_OUT_OF_RESOURCES, or with another code, as in "0:1:20:-2". What was queued before still runs. A comma may stand
 * before a second device, "0:1:20,0:2:30". $CLSATTN_FAIL_BYTES:
 * buffers above so many bytes are refused, too, so that a large model fails where a small one does not. At exit a line
 * on stderr proves that the layer was there, since one that is not found is passed over in silence. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "opencl/layer.h"

/* A device that is named. */
typedef struct {
  unsigned platform, number;
  unsigned long most;
  cl_int code;
  bool breaks;                 /* after `most` commands; else it never works */
  _Atomic(cl_device_id) meant; /* known from the first call on that needs it */
  atomic_ulong queued;
  atomic_bool lost;
} victim;

static victim victims[2];
static int named; /* how many; 0: all devices but the first fail */
static atomic_int refused;

static victim *victim_of(cl_device_id device) {
  for (victim *v = victims; device != NULL && v < victims + named; v++) {
    if (atomic_load(&v->meant) == NULL) atomic_store(&v->meant, layer_device(v->platform, v->number));
    if (device == atomic_load(&v->meant)) return v;
  }
  return NULL;
}

/* The code that a call on this device fails with, or CL_SUCCESS; a command counts, and is the last one or behind it. */
static cl_int device_fault(cl_device_id device, bool command) {
  victim *v = victim_of(device);
  if (v == NULL || !v->breaks) return CL_SUCCESS;
  if (command && atomic_fetch_add(&v->queued, 1) >= v->most) atomic_store(&v->lost, true);
  return atomic_load(&v->lost) ? v->code : CL_SUCCESS;
}

static cl_int queue_fault(cl_command_queue queue, bool command) {
  return named > 0 ? device_fault(layer_queue_device(queue), command) : CL_SUCCESS;
}

/* A context of several devices goes on without one. */
static cl_int context_fault(cl_context context) {
  cl_device_id device = NULL;
  if (named == 0 || next->clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof device, &device, NULL) != CL_SUCCESS)
    return CL_SUCCESS;
  return device_fault(device, false);
}

static cl_int event_fault(cl_event event) {
  cl_command_queue queue = NULL; /* of a user event it stays NULL */
  if (named == 0 || next->clGetEventInfo(event, CL_EVENT_COMMAND_QUEUE, sizeof queue, &queue, NULL) != CL_SUCCESS)
    return CL_SUCCESS;
  return queue != NULL ? queue_fault(queue, false) : CL_SUCCESS;
}

/* NAME, whether it is a command that counts, parameters, arguments. */
#define QUEUE_CALLS(X)                                                                                                \
  X(clFlush, false, (cl_command_queue queue), (queue))                                                                \
  X(clFinish, false, (cl_command_queue queue), (queue))                                                               \
  X(clEnqueueMarkerWithWaitList, true, (cl_command_queue queue, cl_uint n, const cl_event *events, cl_event *event),  \
    (queue, n, events, event))                                                                                        \
  X(clEnqueueBarrierWithWaitList, true, (cl_command_queue queue, cl_uint n, const cl_event *events, cl_event *event), \
    (queue, n, events, event))                                                                                        \
  X(clEnqueueFillBuffer, true,                                                                                        \
    (cl_command_queue queue, cl_mem to, const void *pattern, size_t length, size_t offset, size_t size, cl_uint n,    \
     const cl_event *events, cl_event *event),                                                                        \
    (queue, to, pattern, length, offset, size, n, events, event))                                                     \
  X(clEnqueueCopyBuffer, true,                                                                                        \
    (cl_command_queue queue, cl_mem from, cl_mem to, size_t at, size_t offset, size_t size, cl_uint n,                \
     const cl_event *events, cl_event *event),                                                                        \
    (queue, from, to, at, offset, size, n, events, event))                                                            \
  X(clEnqueueNDRangeKernel, true,                                                                                     \
    (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset, const size_t *global,        \
     const size_t *local, cl_uint n, const cl_event *events, cl_event *event),                                        \
    (queue, kernel, dimensions, offset, global, local, n, events, event))                                             \
  X(clEnqueueReadBuffer, true,                                                                                        \
    (cl_command_queue queue, cl_mem from, cl_bool blocking, size_t offset, size_t size, void *to, cl_uint n,          \
     const cl_event *events, cl_event *event),                                                                        \
    (queue, from, blocking, offset, size, to, n, events, event))                                                      \
  X(clEnqueueWriteBuffer, true,                                                                                       \
    (cl_command_queue queue, cl_mem to, cl_bool blocking, size_t offset, size_t size, const void *from, cl_uint n,    \
     const cl_event *events, cl_event *event),                                                                        \
    (queue, to, blocking, offset, size, from, n, events, event))                                                      \
  X(clEnqueueUnmapMemObject, true,                                                                                    \
    (cl_command_queue queue, cl_mem memory, void *mapped, cl_uint n, const cl_event *events, cl_event *event),        \
    (queue, memory, mapped, n, events, event))

#define QUEUE_WRAPPER(name, command, parameters, arguments)       \
  static CL_API_ENTRY cl_int CL_API_CALL fail_##name parameters { \
    const cl_int failed = queue_fault(queue, command);            \
    return failed != CL_SUCCESS ? failed : next->name arguments;  \
  }
QUEUE_CALLS(QUEUE_WRAPPER)

static CL_API_ENTRY void *CL_API_CALL map_buffer(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                                                 cl_map_flags flags, size_t offset, size_t size, cl_uint n,
                                                 const cl_event *events, cl_event *event, cl_int *error) {
  const cl_int failed = queue_fault(queue, true);
  if (failed == CL_SUCCESS)
    return next->clEnqueueMapBuffer(queue, memory, blocking, flags, offset, size, n, events, event, error);
  if (error != NULL) *error = failed;
  return NULL;
}

static CL_API_ENTRY cl_int CL_API_CALL wait_for_events(cl_uint n, const cl_event *events) {
  for (cl_uint i = 0; i < n; i++)
    if (event_fault(events[i]) != CL_SUCCESS) return CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  return next->clWaitForEvents(n, events);
}

static CL_API_ENTRY cl_int CL_API_CALL get_times(cl_event event, cl_profiling_info what, size_t size, void *value,
                                                 size_t *used) {
  if (event_fault(event) != CL_SUCCESS) return CL_PROFILING_INFO_NOT_AVAILABLE;
  return next->clGetEventProfilingInfo(event, what, size, value, used);
}

static bool gives_context(cl_device_id device, cl_platform_id of) {
  cl_device_id first = NULL;
  const victim *v = victim_of(device);
  if (named > 0) return v == NULL || (v->breaks && !atomic_load(&v->lost));
  return next->clGetDeviceIDs(of, CL_DEVICE_TYPE_ALL, 1, &first, NULL) == CL_SUCCESS && device == first;
}

static CL_API_ENTRY cl_context CL_API_CALL
create_context(const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
               void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user, cl_int *error) {
  if (count > 0 && gives_context(devices[0], (cl_platform_id)properties[1]))
    return next->clCreateContext(properties, count, devices, notify, user, error);
  atomic_fetch_add(&refused, 1);
  if (error != NULL) *error = CL_DEVICE_NOT_AVAILABLE;
  return NULL;
}

static CL_API_ENTRY cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id device,
                                                              cl_command_queue_properties properties, cl_int *error) {
  const cl_int failed = device_fault(device, false);
  if (failed == CL_SUCCESS) return next->clCreateCommandQueue(context, device, properties, error);
  if (error != NULL) *error = failed;
  return NULL;
}

static CL_API_ENTRY cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                                     cl_int *error) {
  const char *bytes = getenv("CLSATTN_FAIL_BYTES");
  const bool refuses = bytes != NULL && size > strtoull(bytes, NULL, 10);
  const cl_int failed = refuses ? CL_MEM_OBJECT_ALLOCATION_FAILURE : context_fault(context);
  if (failed == CL_SUCCESS) return next->clCreateBuffer(context, flags, size, host, error);
  if (error != NULL) *error = failed;
  return NULL;
}

static bool read_settings(const char *text) {
  for (; named < 2; text++) {
    victim *v = &victims[named++];
    int used = 0;
    v->code = CL_OUT_OF_RESOURCES;
    if (sscanf(text, "%u:%u%n", &v->platform, &v->number, &used) != 2) return false;
    text += used;
    used = 0;
    v->breaks = sscanf(text, ":%lu%n", &v->most, &used) == 1;
    text += used;
    used = 0;
    if (v->breaks && sscanf(text, ":%d%n", &v->code, &used) == 1 && v->code >= 0) return false;
    text += used;
    if (*text != ',') return *text == '\0';
  }
  return false;
}

bool layer_enter(struct _cl_icd_dispatch *own) {
  const char *text = getenv("CLSATTN_FAIL_DEVICE");
  if (text != NULL && !read_settings(text)) {
    fprintf(stderr, "fail_device: CLSATTN_FAIL_DEVICE: %s: not as in 0:1, 0:1:20, 0:1:20:-2 or 0:1:20,0:2:30\n", text);
    return false;
  }
#define ENTER(name, ...) own->name = fail_##name;
  QUEUE_CALLS(ENTER)
  own->clEnqueueMapBuffer = map_buffer;
  own->clWaitForEvents = wait_for_events;
  own->clGetEventProfilingInfo = get_times;
  own->clCreateContext = create_context;
  own->clCreateCommandQueue = create_queue;
  own->clCreateBuffer = create_buffer;
  return true;
}

__attribute__((destructor)) static void report(void) {
  if (atomic_load(&refused) > 0) fprintf(stderr, "fail_device: %d contexts refused\n", atomic_load(&refused));
  for (const victim *v = victims; v < victims + named; v++)
    if (v->breaks)
      fprintf(stderr, "fail_device: %s: %u:%u had %lu commands\n", atomic_load(&v->lost) ? "reached" : "not reached",
              v->platform, v->number, atomic_load(&v->queued));
}
