#include "device/gemm_override.h"

#include <clblast_c.h>

const char *const csa_clblast_kernels[] = {"Xgemm", "XgemmDirect", "GemmRoutine", NULL};
#define KERNELS 3

/* What holds already: CLBlast compiles anew after every change. */
static struct {
  cl_device_id device;
  csa_tuning_entry entry;
} in_force[KERNELS];

static bool override(const csa_plan *plan, const csa_tuning_entry *entry) {
  const char *names[CSA_TUNING_VALUES];
  size_t values[CSA_TUNING_VALUES];
  for (int i = 0; i < entry->count; i++) {
    names[i] = entry->values[i].name;
    values[i] = (size_t)entry->values[i].value;
  }
  return CLBlastOverrideParameters(plan->device->info.id, entry->kernel, CLBlastPrecisionSingle, (size_t)entry->count,
                                   names, values) == CLBlastSuccess;
}

void csa_gemm_override(const csa_plan *plan) {
  for (int i = 0; i < KERNELS; i++) {
    csa_tuning_entry *entry = csa_tuned(plan, csa_clblast_kernels[i], "");
    if (entry == NULL || entry->count == 0) continue;
    if (in_force[i].device == plan->device->info.id && csa_tuning_same(&in_force[i].entry, entry)) continue;
    if (!override(plan, entry)) {
      csa_tuned_refuse(plan, entry, "CLBlast does not take it");
      continue;
    }
    in_force[i].device = plan->device->info.id;
    in_force[i].entry = *entry;
  }
}
