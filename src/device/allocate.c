/* The device's memory for a placed plan. */
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
