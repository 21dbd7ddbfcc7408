/* A placed plan at work: its memory, its kernels, its launches. */
#include <stdlib.h>

#include "device/compile.h"
#include "device/plan.h"

static double mebibytes(uint64_t bytes) { return (double)bytes / 1048576.0; }

static csa_status check(const csa_plan *plan, uint64_t bytes, cl_int error, const char *call) {
  if (error == CL_SUCCESS) return CSA_OK;
  const csa_device_info *info = &plan->device->info;
  return csa_fail(csa_cl_check(error, "plan", call),
                  "plan: a buffer of %.1f MiB, of %.1f MiB that are needed on %s, which has %.1f MiB: %s: %s (%s)\n"
                  "  a smaller --batch takes less of the device",
                  mebibytes(bytes), mebibytes(csa_plan_bytes(plan)), info->name, mebibytes(info->global_bytes), call,
                  csa_cl_error_name(error), csa_cl_error_meaning(error));
}

/* Drivers may put off finding room until a buffer is used, so something is written to each. */
static csa_status allocate(csa_plan *plan, csa_role role) {
  csa_arena *arena = &plan->arenas[role];
  CSA_TRY(csa_new(&arena->memory, (size_t)arena->count, sizeof *arena->memory));
  for (int i = 0; i < arena->count; i++) {
    cl_int error;
    const cl_int zero = 0;
    const size_t size = (size_t)((arena->bytes[i] + 3) / 4 * 4), fill = role == CSA_TRANSIENT ? sizeof zero : size;
    arena->memory[i] = clCreateBuffer(plan->device->context, CL_MEM_READ_WRITE, size, NULL, &error);
    CSA_TRY(check(plan, size, error, "clCreateBuffer"));
    error = clEnqueueFillBuffer(plan->device->queue, arena->memory[i], &zero, sizeof zero, 0, fill, 0, NULL, NULL);
    CSA_TRY(check(plan, size, error, "clEnqueueFillBuffer"));
  }
  return CSA_OK;
}

csa_status csa_plan_allocate(csa_plan *plan) {
  for (int role = 0; role < CSA_ROLES; role++) CSA_TRY(allocate(plan, (csa_role)role));
  return CSA_OK;
}

csa_status csa_plan_compile(const csa_plan *plan) {
  csa_program_name *names = NULL;
  size_t count = 0;
  CSA_TRY(csa_new(&names, plan->node_count + 1, sizeof *names));
  for (size_t i = 0; i < plan->node_count; i++)
    if (plan->nodes[i].call == NULL)
      names[count++] = (csa_program_name){plan->nodes[i].kernel.file, plan->nodes[i].kernel.options};
  (void)csa_compile_ahead(plan->device, names, count, 2); /* one is compiled here as fast */
  free(names);
  return CSA_OK;
}

csa_status csa_plan_bind(csa_plan *plan) {
  CSA_TRY(csa_plan_allocate(plan));
  CSA_TRY(csa_plan_compile(plan)); /* takes long: after what may fail at once */
  for (size_t i = 0; i < plan->tensor_count; i++) {
    csa_tensor *tensor = plan->tensors[i];
    if (plan->arenas[tensor->role].count > 0) tensor->memory = plan->arenas[tensor->role].memory[tensor->buffer];
  }
  for (size_t i = 0; i < plan->node_count; i++) CSA_TRY(csa_plan_node_bind(plan->device, &plan->nodes[i]));
  return csa_device_finish(plan->device);
}

csa_status csa_plan_run(csa_plan *plan, size_t first, size_t end) {
  for (size_t i = first; i < end; i++) CSA_TRY(csa_plan_node_enqueue(plan->device, &plan->nodes[i], NULL));
  return csa_cl_check(clFlush(plan->device->queue), "plan", "clFlush");
}
