#include "device/profile.h"

#include <stdlib.h>

/* The end of what was queued before a node (only for calls, which are several kernels), and the node's own. */
typedef struct {
  cl_event before, node;
} node_events;

static csa_status queue_node(csa_device *device, const csa_plan_node *node, node_events *events) {
  if (node->call != NULL)
    CSA_TRY(csa_cl_check(clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &events->before), node->kernel.name,
                         "clEnqueueMarkerWithWaitList"));
  return csa_plan_node_enqueue(device, node, &events->node);
}

static csa_status read_time(cl_event event, cl_profiling_info which, double *seconds) {
  cl_ulong nanoseconds = 0;
  CSA_TRY(csa_cl_check(clGetEventProfilingInfo(event, which, sizeof nanoseconds, &nanoseconds, NULL), "profile",
                       "clGetEventProfilingInfo"));
  *seconds = 1e-9 * (double)nanoseconds;
  return CSA_OK;
}

static csa_status read_span(const node_events *events, double *start, csa_span *span) {
  double end;
  *span = (csa_span){0};
  if (events->node == NULL) return CSA_OK; /* there was nothing to do */
  if (events->before != NULL)
    CSA_TRY(read_time(events->before, CL_PROFILING_COMMAND_END, &span->begin));
  else
    CSA_TRY(read_time(events->node, CL_PROFILING_COMMAND_START, &span->begin));
  CSA_TRY(read_time(events->node, CL_PROFILING_COMMAND_END, &end));
  span->seconds = end - span->begin;
  if (*start == 0.0) *start = span->begin;
  span->begin -= *start;
  return CSA_OK;
}

static csa_status profile(csa_plan *plan, size_t first, size_t count, node_events *events, csa_span *spans) {
  double start = 0.0;
  for (size_t i = 0; i < count; i++) CSA_TRY(queue_node(plan->device, &plan->nodes[first + i], &events[i]));
  CSA_TRY(csa_device_finish(plan->device));
  for (size_t i = 0; i < count; i++) CSA_TRY(read_span(&events[i], &start, &spans[i]));
  return CSA_OK;
}

static void release(node_events *events, size_t count) {
  for (size_t i = 0; i < count && events != NULL; i++) {
    if (events[i].before != NULL) clReleaseEvent(events[i].before);
    if (events[i].node != NULL) clReleaseEvent(events[i].node);
  }
  free(events);
}

/* The device's own queue takes no times, as that costs some; for once another one stands in for it. */
csa_status csa_plan_profile(csa_plan *plan, size_t first, size_t end, csa_span *spans) {
  csa_device *device = plan->device;
  cl_command_queue own = device->queue;
  node_events *events = NULL;
  cl_int error;
  csa_status status;
  CSA_TRY(csa_device_finish(device));
  CSA_TRY(csa_new(&events, end - first + 1, sizeof *events));
  device->queue = clCreateCommandQueue(device->context, device->info.id, CL_QUEUE_PROFILING_ENABLE, &error);
  CSA_GO(csa_cl_check(error, device->info.name, "clCreateCommandQueue"));
  status = profile(plan, first, end - first, events, spans);
  clFinish(device->queue);
  clReleaseCommandQueue(device->queue);
done:
  device->queue = own;
  release(events, end - first);
  return status;
}

double csa_plan_node_bytes(const csa_plan_node *node) {
  double bytes = 0.0;
  for (int i = 0; i < node->arg_count; i++) {
    const csa_arg *arg = &node->args[i];
    bool counted = arg->kind < CSA_ARG_IN;
    for (int j = 0; j < i && !counted; j++)
      counted = node->args[j].kind == arg->kind && node->args[j].value.in == arg->value.in;
    if (!counted) bytes += (double)csa_tensor_bytes(arg->value.in);
  }
  return bytes;
}
