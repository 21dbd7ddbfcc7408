/* An OpenCL layer (ocl-icd: OPENCL_LAYERS=libslow.so) that slows devices, so that the cores of one machine can stand
 * for several devices of different speeds. Numbers stay what they are; the host waits for nothing that it would not
 * wait for.
 *
 * $CLSATTN_SLOW="0:0=2,0:1=4": each kernel takes twice its own time on the first device of the first platform, four
 * times on its second one (`clsattn devices` has the numbers; a factor of 1 leaves a device alone).
 * $CLSATTN_SLOW_COSTS=FILE has kernels' own times. Without $CLSATTN_SLOW the layer measures all devices, slows none,
 * and writes what it found, and the least of it where the file had something already; to be done once for each device
 * while nothing else runs. With $CLSATTN_SLOW it reads the file only. What is not in there it measures as it goes
 * along, though then kernels on other devices can make it look slow.
 *
 * Copies are not slowed, and events of a queue that keeps times have the real ones. At exit a line on stderr for each
 * device says what was done. */
#include <stdlib.h>
#include <string.h>

#include "opencl/layer.h"
#include "scaling/gates.h"

static CL_API_ENTRY cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id device,
                                                              cl_command_queue_properties properties, cl_int *error) {
  const bool meant = slow_device_meant(device), keeps_times = (properties & CL_QUEUE_PROFILING_ENABLE) != 0;
  if (meant) properties |= CL_QUEUE_PROFILING_ENABLE;
  cl_command_queue queue = next->clCreateCommandQueue(context, device, properties, error);
  if (queue == NULL || !meant) return queue;
  const cl_int failed = slow_queue_add(queue, context, device, keeps_times);
  if (failed == CL_SUCCESS) return queue;
  if (error != NULL) *error = failed;
  next->clReleaseCommandQueue(queue);
  return NULL;
}

/* Its properties are a list; only those that the other call has are passed on. */
static CL_API_ENTRY cl_command_queue CL_API_CALL create_queue_with(cl_context context, cl_device_id device,
                                                                   const cl_queue_properties *list, cl_int *error) {
  cl_command_queue_properties properties = 0;
  if (!slow_device_meant(device)) return next->clCreateCommandQueueWithProperties(context, device, list, error);
  for (; list != NULL && list[0] != 0; list += 2)
    if (list[0] == CL_QUEUE_PROPERTIES) properties = list[1];
  return create_queue(context, device, properties, error);
}

static CL_API_ENTRY cl_int CL_API_CALL retain_queue(cl_command_queue id) {
  slow_queue *queue = slow_queue_find(id);
  if (queue != NULL) slow_queue_retain(queue);
  return next->clRetainCommandQueue(id);
}

static CL_API_ENTRY cl_int CL_API_CALL release_queue(cl_command_queue id) {
  slow_queue *queue = slow_queue_find(id);
  if (queue != NULL) slow_queue_release(queue);
  return next->clReleaseCommandQueue(id);
}

static CL_API_ENTRY cl_kernel CL_API_CALL create_kernel(cl_program program, const char *name, cl_int *error) {
  cl_kernel kernel = next->clCreateKernel(program, name, error);
  slow_lock();
  if (kernel != NULL) slow_kernel_made(kernel, program, name);
  slow_unlock();
  return kernel;
}

static CL_API_ENTRY cl_int CL_API_CALL set_argument(cl_kernel kernel, cl_uint index, size_t size, const void *value) {
  slow_lock();
  slow_kernel_argument(kernel, index, size, value);
  slow_unlock();
  return next->clSetKernelArg(kernel, index, size, value);
}

/* What comes after a kernel was queued. An event that the program asked for is the gate's behind the kernel, so that
 * who waits for it waits long enough; but the kernel's own where its times may be asked for, or where little is owed.
 */
static cl_int follow(slow_queue *queue, const slow_launch *launch, cl_event *event) {
  cl_event own = launch->event, gate = NULL;
  if (event == NULL) return slow_queue_launch(queue, launch, NULL);
  cl_int error = next->clRetainEvent(own);
  if (error != CL_SUCCESS) return error;
  error = slow_queue_launch(queue, launch, &gate);
  if (error == CL_SUCCESS && gate == NULL) error = slow_queue_settle(queue, &gate);
  const bool by_gate = gate != NULL && !slow_queue_keeps_times(queue);
  cl_event given = by_gate ? gate : own, other = by_gate ? own : gate;
  if (other != NULL) next->clReleaseEvent(other);
  if (error == CL_SUCCESS)
    *event = given;
  else
    next->clReleaseEvent(given);
  return error;
}

static CL_API_ENTRY cl_int CL_API_CALL enqueue_kernel(cl_command_queue id, cl_kernel kernel, cl_uint dimensions,
                                                      const size_t *offset, const size_t *global, const size_t *local,
                                                      cl_uint waits, const cl_event *wait_list, cl_event *event) {
  slow_queue *queue = slow_queue_find(id);
  if (queue == NULL)
    return next->clEnqueueNDRangeKernel(id, kernel, dimensions, offset, global, local, waits, wait_list, event);
  slow_launch launch = {.apart = waits > 0};
  slow_lock();
  launch.cost = slow_cost_find(kernel, slow_queue_device(queue), dimensions, global, local);
  slow_unlock();
  if (launch.cost == NULL) return CL_OUT_OF_HOST_MEMORY;
  slow_queue_lock(queue);
  launch.asked = slow_now();
  cl_int error =
      next->clEnqueueNDRangeKernel(id, kernel, dimensions, offset, global, local, waits, wait_list, &launch.event);
  launch.queued = slow_now();
  if (error == CL_SUCCESS) error = follow(queue, &launch, event);
  slow_queue_unlock(queue);
  return error;
}

/* NAME, whether somebody is told when it is done, parameters after the queue, arguments. */
#define OTHER_CALLS(X)                                                                                          \
  X(clFinish, true, (cl_command_queue id), (id))                                                                \
  X(clEnqueueMarkerWithWaitList, event != NULL,                                                                 \
    (cl_command_queue id, cl_uint n, const cl_event *events, cl_event *event), (id, n, events, event))          \
  X(clEnqueueBarrierWithWaitList, event != NULL,                                                                \
    (cl_command_queue id, cl_uint n, const cl_event *events, cl_event *event), (id, n, events, event))          \
  X(clEnqueueFillBuffer, event != NULL,                                                                         \
    (cl_command_queue id, cl_mem to, const void *pattern, size_t length, size_t offset, size_t size, cl_uint n, \
     const cl_event *events, cl_event *event),                                                                  \
    (id, to, pattern, length, offset, size, n, events, event))                                                  \
  X(clEnqueueCopyBuffer, event != NULL,                                                                         \
    (cl_command_queue id, cl_mem from, cl_mem to, size_t at, size_t offset, size_t size, cl_uint n,             \
     const cl_event *events, cl_event *event),                                                                  \
    (id, from, to, at, offset, size, n, events, event))                                                         \
  X(clEnqueueMigrateMemObjects, event != NULL,                                                                  \
    (cl_command_queue id, cl_uint count, const cl_mem *memory, cl_mem_migration_flags flags, cl_uint n,         \
     const cl_event *events, cl_event *event),                                                                  \
    (id, count, memory, flags, n, events, event))                                                               \
  X(clEnqueueReadBuffer, blocking || event != NULL,                                                             \
    (cl_command_queue id, cl_mem from, cl_bool blocking, size_t offset, size_t size, void *to, cl_uint n,       \
     const cl_event *events, cl_event *event),                                                                  \
    (id, from, blocking, offset, size, to, n, events, event))                                                   \
  X(clEnqueueWriteBuffer, blocking || event != NULL,                                                            \
    (cl_command_queue id, cl_mem to, cl_bool blocking, size_t offset, size_t size, const void *from, cl_uint n, \
     const cl_event *events, cl_event *event),                                                                  \
    (id, to, blocking, offset, size, from, n, events, event))                                                   \
  X(clEnqueueUnmapMemObject, event != NULL,                                                                     \
    (cl_command_queue id, cl_mem memory, void *mapped, cl_uint n, const cl_event *events, cl_event *event),     \
    (id, memory, mapped, n, events, event))

#define OTHER_WRAPPER(name, told, parameters, arguments)                   \
  static CL_API_ENTRY cl_int CL_API_CALL slow_##name parameters {          \
    slow_queue *queue = slow_queue_find(id);                               \
    const cl_int error = queue != NULL ? behind(queue, told) : CL_SUCCESS; \
    return error != CL_SUCCESS ? error : next->name arguments;             \
  }

/* Something else than a kernel is queued, by which somebody may be told that the kernels are done. */
static cl_int behind(slow_queue *queue, bool told) {
  slow_queue_lock(queue);
  const cl_int error = told ? slow_queue_settle(queue, NULL) : CL_SUCCESS;
  slow_queue_apart(queue);
  slow_queue_unlock(queue);
  return error;
}
OTHER_CALLS(OTHER_WRAPPER)

static CL_API_ENTRY void *CL_API_CALL map_buffer(cl_command_queue id, cl_mem memory, cl_bool blocking,
                                                 cl_map_flags flags, size_t offset, size_t size, cl_uint n,
                                                 const cl_event *events, cl_event *event, cl_int *error) {
  slow_queue *queue = slow_queue_find(id);
  const cl_int failed = queue != NULL ? behind(queue, blocking || event != NULL) : CL_SUCCESS;
  if (failed == CL_SUCCESS)
    return next->clEnqueueMapBuffer(id, memory, blocking, flags, offset, size, n, events, event, error);
  if (error != NULL) *error = failed;
  return NULL;
}

static const char *costs; /* the file to be written, or NULL */

/* "0:0=2,0:1=4" */
static bool read_factors(const char *text) {
  unsigned platform, device;
  double factor;
  int used;
  for (;; text += used + 1) {
    if (sscanf(text, "%u:%u=%lf%n", &platform, &device, &factor, &used) != 3) return false;
    if (!(factor >= 1.0 && factor <= 1e6) || !slow_set_factor(platform, device, factor)) return false;
    if (text[used] == '\0') return true;
    if (text[used] != ',') return false;
  }
}

bool layer_enter(struct _cl_icd_dispatch *own) {
  const char *factors = getenv("CLSATTN_SLOW"), *file = getenv("CLSATTN_SLOW_COSTS");
  const bool learns = factors == NULL || factors[0] == '\0';
  if (!learns && !read_factors(factors)) {
    fprintf(stderr, "slow: CLSATTN_SLOW: %s: not as in 0:0=2,0:1=4, with factors from 1\n", factors);
    return false;
  }
  if (file != NULL && !slow_costs_read(file, !learns)) {
    fprintf(stderr, "slow: CLSATTN_SLOW_COSTS: %s: not a file of costs\n", file);
    slow_costs_free(); /* what was read before: the loader lets the layer go */
    return false;
  }
  if (learns) {
    slow_set_learning();
    costs = file;
  }
#define ENTER(name, ...) own->name = slow_##name;
  OTHER_CALLS(ENTER)
  own->clCreateCommandQueue = create_queue;
  own->clCreateCommandQueueWithProperties = create_queue_with;
  own->clRetainCommandQueue = retain_queue;
  own->clReleaseCommandQueue = release_queue;
  own->clCreateKernel = create_kernel;
  own->clSetKernelArg = set_argument;
  own->clEnqueueNDRangeKernel = enqueue_kernel;
  own->clEnqueueMapBuffer = map_buffer;
  return true;
}

__attribute__((destructor)) static void report(void) {
  if (next == NULL) return;
  slow_end();
  if (costs != NULL && !slow_costs_write(costs))
    fprintf(stderr, "slow: CLSATTN_SLOW_COSTS: %s: cannot be written\n", costs);
  slow_costs_free();
}
