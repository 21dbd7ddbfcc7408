/* bench_gemm [DEVICE]: matrix products through the one door, native and CLBlast, beside the device's own multiply-add
 * rate measured in the same run. Prints Markdown: medians of alternating runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/gemm.h"
#include "train/evaluate.h"

#define RUNS 9
#define PEAK_ROUNDS 200000
#define PEAK_CHAINS 12 /* CHAINS of cl/peak.cl */

typedef struct {
  const char *name;
  int m, n, k;
  bool trans_a, trans_b;
} product;

static const product products[] = {
    {"square 1024", 1024, 1024, 1024, false, false}, {"square 2048", 2048, 2048, 2048, false, false},
    {"vit embed", 6400, 64, 48, false, true},        {"vit query", 6500, 64, 64, false, true},
    {"vit key+value", 6500, 128, 64, false, true},   {"vit fc1", 6500, 256, 64, false, true},
    {"vit fc2", 6500, 64, 256, false, true},         {"vit fc", 100, 10, 64, false, true},
    {"vit d fc1", 6500, 64, 256, false, false},      {"vit d fc2", 6500, 256, 64, false, false},
    {"vit w embed", 64, 48, 6400, true, false},      {"vit w query", 64, 64, 6500, true, false},
    {"vit w fc1", 256, 64, 6500, true, false},       {"vit w fc2", 64, 256, 6500, true, false},
};
#define PRODUCTS (sizeof products / sizeof products[0])

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(double *values) {
  qsort(values, RUNS, sizeof *values, by_value);
  return values[RUNS / 2];
}

/* A plan that does nothing but this product. */
static csa_status make_plan(csa_plan **plan, csa_device *device, const product *p, csa_gemm_provider provider) {
  csa_tensor *a, *b, *c;
  CSA_TRY(csa_plan_create(plan, device, (csa_choices){CSA_KERNELS_AUTO, provider}));
  CSA_TRY(csa_plan_tensor(*plan, CSA_DATA, CSA_F32, csa_shape2(p->m, p->k), &a, "a"));
  CSA_TRY(csa_plan_tensor(*plan, CSA_DATA, CSA_F32, csa_shape2(p->k, p->n), &b, "b"));
  CSA_TRY(csa_plan_tensor(*plan, CSA_DATA, CSA_F32, csa_shape2(p->m, p->n), &c, "c"));
  CSA_TRY(csa_gemm(
      *plan,
      &(csa_gemm_call){
          .m = p->m, .n = p->n, .k = p->k, .trans_a = p->trans_a, .trans_b = p->trans_b, .a = a, .b = b, .c = c}));
  CSA_TRY(csa_plan_place(*plan));
  return csa_plan_bind(*plan);
}

/* GFLOP/s of so many replays of a plan that make `flops` each. */
static csa_status rate(csa_plan *plan, double flops, double *gflops) {
  const int repeats = flops < 1e9 ? (int)(1e9 / flops) + 1 : 1;
  const double start = csa_seconds();
  for (int i = 0; i < repeats; i++) CSA_TRY(csa_plan_run(plan, 0, plan->node_count));
  CSA_TRY(csa_device_finish(plan->device));
  *gflops = flops * repeats / (csa_seconds() - start) * 1e-9;
  return CSA_OK;
}

static csa_status make_peak(csa_plan **plan, csa_device *device, double *flops) {
  const int items = 4 * (device->info.compute_units > 0 ? device->info.compute_units : 1), rounds = PEAK_ROUNDS;
  csa_tensor *out;
  CSA_TRY(csa_plan_create(plan, device, (csa_choices){0}));
  CSA_TRY(csa_plan_tensor(*plan, CSA_DATA, CSA_F32, csa_shape1(items), &out, "out"));
  csa_kernel kernel = csa_kernel_portable(*plan, "peak_fma", "%s", "");
  kernel.local = 1;
  CSA_TRY(csa_launch(*plan, kernel, csa_groups(items), CSA_ARGS(out, rounds, 0.5f, 1.0f)));
  *flops = (double)items * rounds * 16.0 * 2.0 * PEAK_CHAINS;
  CSA_TRY(csa_plan_place(*plan));
  return csa_plan_bind(*plan);
}

static csa_status measure(csa_device *device, csa_plan *peak, double peak_flops, const product *p) {
  csa_plan *plans[2] = {NULL, NULL};
  double peaks[RUNS], figures[2][RUNS];
  csa_status status;
  const double flops = 2.0 * p->m * p->n * p->k;
  CSA_GO(make_plan(&plans[0], device, p, CSA_GEMM_NATIVE));
  CSA_GO(make_plan(&plans[1], device, p, CSA_GEMM_CLBLAST));
  for (int run = -1; run < RUNS; run++) { /* the first warms up */
    const int slot = run < 0 ? 0 : run;
    CSA_GO(rate(peak, peak_flops, &peaks[slot]));
    for (int i = 0; i < 2; i++) CSA_GO(rate(plans[i], flops, &figures[i][slot]));
  }
  const double top = median(peaks), native = median(figures[0]);
  printf("| %s | %d x %d x %d %c%c | %.1f | %.1f | %.0f %% | %.1f |\n", p->name, p->m, p->n, p->k,
         p->trans_a ? 'T' : 'N', p->trans_b ? 'T' : 'N', top, native, 100.0 * native / top, median(figures[1]));
  fflush(stdout);
done:
  csa_plan_destroy(plans[0]);
  csa_plan_destroy(plans[1]);
  return status;
}

static csa_status run(const char *name) {
  csa_device *device = NULL;
  csa_plan *peak = NULL;
  double peak_flops;
  csa_status status;
  CSA_GO(csa_device_open(&device, name));
  CSA_GO(make_peak(&peak, device, &peak_flops));
  printf("%s, %d compute units; GFLOP/s, medians of %d alternating runs\n\n", device->info.device,
         device->info.compute_units, RUNS);
  printf("| product | m x n x k | FMA peak | native | of peak | CLBlast |\n|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < PRODUCTS; i++) CSA_GO(measure(device, peak, peak_flops, &products[i]));
done:
  csa_plan_destroy(peak);
  csa_device_close(device);
  return status;
}

int main(int argc, char **argv) {
  setenv("POCL_AFFINITY", "1", 0);
  const csa_status status = run(argc > 1 ? argv[1] : NULL);
  if (status != CSA_OK) fprintf(stderr, "bench_gemm: %s\n", csa_last_error());
  return csa_exit_code(status);
}
