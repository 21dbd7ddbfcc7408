#include "device/peak.h"

#include "core/clock.h"

#define CHAINS 12 /* CHAINS of cl/peak.cl */
#define COPY_BYTES ((uint64_t)64 << 20)

static csa_status ready(csa_plan *plan) {
  CSA_TRY(csa_plan_place(plan));
  return csa_plan_bind(plan);
}

/* Four work-items for each compute unit of a CPU; elsewhere enough to fill it. */
static csa_status make_multiply_add(csa_peak *peak, csa_device *device) {
  const bool cpu = device->info.type == CSA_CPU;
  const int units = device->info.compute_units > 0 ? device->info.compute_units : 1, rounds = cpu ? 200000 : 16000;
  const int items = cpu ? 4 * units : 2048 * units, lanes = cpu ? csa_device_vector(&device->info) : 4;
  csa_tensor *out;
  CSA_TRY(csa_plan_create(&peak->multiply_add, device, (csa_choices){0}));
  csa_plan *p = peak->multiply_add;
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_F32, csa_shape1(items), &out, "out"));
  csa_kernel kernel = csa_kernel_portable(p, "peak_fma", "-DLANES=%d", lanes);
  if (cpu) kernel.local = 1;
  CSA_TRY(csa_launch(p, kernel, csa_groups(items / kernel.local), CSA_ARGS(out, rounds, 0.5f, 1.0f)));
  const int whole_groups = items / kernel.local * kernel.local;
  peak->flops = (double)whole_groups * rounds * lanes * 2.0 * CHAINS;
  return CSA_OK;
}

static csa_status make_copy(csa_peak *peak, csa_device *device) {
  uint64_t bytes = device->info.global_bytes / 8;
  if (bytes > COPY_BYTES) bytes = COPY_BYTES;
  const int n = (int)(bytes / 64);
  csa_tensor *from, *to;
  CSA_TRY(csa_plan_create(&peak->copy, device, (csa_choices){0}));
  csa_plan *p = peak->copy;
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_F32, csa_shape2(n, 16), &from, "from"));
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_F32, csa_shape2(n, 16), &to, "to"));
  CSA_TRY(csa_launch(p, csa_kernel_portable(p, "peak_copy", "%s", ""), csa_items(n),
                     CSA_ARGS((const csa_tensor *)from, to, n)));
  peak->bytes = 2.0 * 64.0 * n;
  return CSA_OK;
}

csa_status csa_peak_record(csa_peak *peak, csa_device *device) {
  *peak = (csa_peak){0};
  csa_status status = make_multiply_add(peak, device);
  if (status == CSA_OK) status = make_copy(peak, device);
  if (status != CSA_OK) csa_peak_destroy(peak);
  return status;
}

csa_status csa_peak_create(csa_peak *peak, csa_device *device) {
  CSA_TRY(csa_peak_record(peak, device));
  csa_status status = ready(peak->multiply_add);
  if (status == CSA_OK) status = ready(peak->copy);
  if (status != CSA_OK) csa_peak_destroy(peak);
  return status;
}

void csa_peak_destroy(csa_peak *peak) {
  csa_plan_destroy(peak->multiply_add);
  csa_plan_destroy(peak->copy);
  *peak = (csa_peak){0};
}

/* Replays are queued as in training, more and more of them, until they take long enough to be timed. */
csa_status csa_plan_time(csa_plan *plan, double least, double *seconds) {
  int repeats = 0;
  *seconds = 0.0;
  while (*seconds < least) {
    repeats = repeats == 0 ? 1 : *seconds > 0.25 * least ? 2 * repeats : 4 * repeats;
    CSA_TRY(csa_device_finish(plan->device));
    const double start = csa_seconds();
    for (int i = 0; i < repeats; i++) CSA_TRY(csa_plan_run(plan, 0, plan->node_count));
    CSA_TRY(csa_device_finish(plan->device));
    *seconds = csa_seconds() - start;
  }
  *seconds /= repeats;
  return CSA_OK;
}

csa_status csa_peak_measure(const csa_peak *peak, int runs, double *gflops, double *gbytes_per_s) {
  double best[2] = {0.0, 0.0};
  for (int run = -1; run < runs; run++) { /* the first warms up */
    double seconds[2];
    CSA_TRY(csa_plan_time(peak->multiply_add, 0.02, &seconds[0]));
    CSA_TRY(csa_plan_time(peak->copy, 0.02, &seconds[1]));
    for (int i = 0; i < 2 && run >= 0; i++)
      if (run == 0 || seconds[i] < best[i]) best[i] = seconds[i];
  }
  *gflops = 1e-9 * peak->flops / best[0];
  *gbytes_per_s = 1e-9 * peak->bytes / best[1];
  return CSA_OK;
}
