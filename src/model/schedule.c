#include "model/schedule.h"

#include <assert.h>
#include <string.h>

#include "model/guard.h"
#include "model/scaler.h"

csa_status csa_schedule_prepare(csa_graph *graph) {
  CSA_TRY(csa_plan_place(graph->plan));
  return csa_schedule_bind(graph);
}

csa_status csa_schedule_bind(csa_graph *graph) {
  CSA_TRY(csa_plan_bind(graph->plan));
  return csa_schedule_reset(graph);
}

csa_status csa_schedule_reset(csa_graph *graph) {
  CSA_TRY(csa_guard_reset(graph));
  return csa_scaler_reset(graph);
}

csa_status csa_schedule_state(csa_graph *graph, const csa_step_state *state) {
  const csa_tensor *step = graph->plan->step;
  cl_int pattern[32] = {0}; /* a fill copies its pattern at the call, so nothing need stay alive or be waited for */
  _Static_assert(sizeof *state <= sizeof pattern, "the state fits in one fill");
  assert(csa_tensor_bytes(step) == sizeof pattern);
  csa_step_state unscaled = *state;
  if (unscaled.images == 0) unscaled.images = unscaled.active;
  unscaled.scale = 1.0f;
  unscaled.finite = 1;
  unscaled.clip = 1.0f;
  memcpy(pattern, &unscaled, sizeof unscaled);
  return csa_cl_check(clEnqueueFillBuffer(graph->device->queue, step->memory, pattern, sizeof pattern,
                                          (size_t)step->offset * sizeof pattern[0], sizeof pattern, 0, NULL, NULL),
                      "step state", "clEnqueueFillBuffer");
}

csa_status csa_schedule_scale(csa_graph *graph, float *scale) {
  csa_step_state state;
  CSA_TRY(csa_tensor_download_part(graph->device, graph->plan->step, 0, sizeof state / sizeof(cl_int), &state));
  *scale = state.scale;
  return CSA_OK;
}

csa_status csa_schedule_begin(csa_graph *graph) {
  const csa_tensor *g = graph->parameters.gradients;
  const cl_float zero = 0.0f;
  if (!graph->config.accumulate) return CSA_OK;
  return csa_cl_check(clEnqueueFillBuffer(graph->device->queue, g->memory, &zero, sizeof zero,
                                          (size_t)g->offset * sizeof zero, (size_t)csa_tensor_bytes(g), 0, NULL, NULL),
                      "gradients", "clEnqueueFillBuffer");
}

csa_status csa_schedule_no_images(csa_graph *graph) {
  return graph->scaler != NULL ? csa_plan_run(graph->plan, 0, 1) : CSA_OK; /* the scale of the loss is first */
}

csa_status csa_schedule_forward(csa_graph *graph) { return csa_plan_run(graph->plan, 0, graph->forward_end); }

csa_status csa_schedule_micro_step(csa_graph *graph) {
  return csa_plan_run(graph->plan, 0, graph->plan->list_end[CSA_MICRO_STEP]);
}

csa_status csa_schedule_update(csa_graph *graph) {
  return csa_plan_run(graph->plan, graph->plan->list_end[CSA_MICRO_STEP], graph->plan->list_end[CSA_UPDATE]);
}

csa_status csa_schedule_pace(csa_graph *graph) {
  cl_event end;
  CSA_TRY(csa_cl_check(clEnqueueMarkerWithWaitList(graph->device->queue, 0, NULL, &end), "step",
                       "clEnqueueMarkerWithWaitList"));
  cl_event oldest = graph->pace[0];
  graph->pace[0] = graph->pace[1];
  graph->pace[1] = end;
  if (oldest == NULL) return CSA_OK;
  const cl_int error = clWaitForEvents(1, &oldest);
  clReleaseEvent(oldest);
  return csa_cl_check(error, "step", "clWaitForEvents");
}
