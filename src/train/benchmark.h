/* How fast: models in training and forward alone, kernel by kernel, and single matrix products. */
#ifndef CSA_TRAIN_BENCHMARK_H
#define CSA_TRAIN_BENCHMARK_H

#include "device/profile.h"
#include "model/architecture.h"

/* All launches of one kernel in a step of training. */
typedef struct {
  const char *name;
  int calls;
  double seconds;
  double flops, bytes; /* of its products; of the tensors it touches */
} csa_kernel_figures;

/* One launch, for a timeline. */
typedef struct {
  const char *label, *name;
  csa_span span;
} csa_launch_figures;

typedef struct {
  int batch;
  double train_images_per_s, eval_images_per_s; /* medians of CSA_BENCHMARK_RUNS alternating runs */
  double compile_s;                             /* building and binding, with whatever the caches had */
  double step_s, kernels_s;                     /* a queued step: first launch to last, and the launches' own time */
  uint64_t bytes;                               /* of device memory: the plan's and the batch's */
  csa_kernel_figures *kernels;                  /* most time first */
  csa_launch_figures *launches;                 /* as they ran */
  size_t kernel_count, launch_count;
  csa_graph *graph; /* whose names they are */
} csa_benchmark;

#define CSA_BENCHMARK_RUNS 7

/* Builds the model and measures steps on random images. */
csa_status csa_benchmark_model(csa_benchmark *benchmark, csa_device *device, const csa_architecture *architecture,
                               int batch, csa_choices choices);
void csa_benchmark_fini(csa_benchmark *benchmark); /* accepts one that is zero */

/* C [m, n] = op(A) op(B) over k. */
typedef struct {
  int m, n, k;
  bool trans_a, trans_b;
  csa_gemm_provider provider;
} csa_product;

/* Median GFLOP/s of CSA_BENCHMARK_RUNS runs of at least 50 ms. */
csa_status csa_benchmark_product(csa_device *device, const csa_product *product, double *gflops);

#endif
