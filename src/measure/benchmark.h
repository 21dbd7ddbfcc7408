/* How fast: models in training and forward alone, kernel by kernel, and single matrix products. */
#ifndef CSA_MEASURE_BENCHMARK_H
#define CSA_MEASURE_BENCHMARK_H

#include <jansson.h>

#include "device/profile.h"
#include "model/architecture.h"

#define CSA_KERNEL_NAME 48

/* All launches of one kernel in a step of training. */
typedef struct {
  char name[CSA_KERNEL_NAME];
  int calls;
  double seconds;
  double flops, bytes; /* of its products; of the tensors it touches */
} csa_kernel_figures;

/* One launch, for a timeline. */
typedef struct {
  char label[CSA_TENSOR_NAME], name[CSA_KERNEL_NAME];
  csa_span span;
} csa_launch_figures;

/* Of CSA_BENCHMARK_RUNS runs. */
typedef struct {
  double images_per_s, slowest, fastest; /* median and extremes */
  int steps;                             /* of all runs */
} csa_rate;

typedef struct {
  int batch;
  csa_choices choices; /* what was asked for, with `auto` as it came out; its tuning is not kept */
  json_t *tuning;      /* the tuned parameters in use, as csa_tuning_to_json lists them */
  csa_rate train, eval;
  double compile_s;             /* until kernels were ready, with whatever the caches had */
  double step_s, kernels_s;     /* a queued step: first launch to last, and the launches' own time */
  uint64_t bytes;               /* of device memory: the plan's and the batch's */
  csa_kernel_figures *kernels;  /* most time first */
  csa_launch_figures *launches; /* as they ran */
  size_t kernel_count, launch_count;
} csa_benchmark;

#define CSA_BENCHMARK_RUNS 7

/* Sorts them. */
double csa_median(double *values, int count);

/* What is measured: initial values and images are drawn from the seed, so they are the same on every device. */
typedef struct {
  csa_architecture architecture;
  int batch;
  csa_choices choices;
  uint64_t seed;
} csa_benchmark_config;

/* Builds the model and measures steps on random images: first how long kernels take to be ready, then training and
 * forward alone by turns, then every launch of a step. Released by csa_benchmark_fini, which accepts one that is zero.
 */
csa_status csa_benchmark_model(csa_benchmark *benchmark, csa_device *device, const csa_benchmark_config *config);
void csa_benchmark_fini(csa_benchmark *benchmark);

/* Runs the plan a few times and fills kernels, launches and their times from the fastest. Its tensors change: a model's
 * parameters move on. */
csa_status csa_benchmark_profile(csa_benchmark *benchmark, csa_plan *plan);

/* Only the training's images a second: the median of CSA_BENCHMARK_RUNS runs. */
csa_status csa_benchmark_training(double *images_per_s, csa_device *device, const csa_benchmark_config *config);

/* Only compile_s: building and binding all programs, and what the first step took beyond the second, as drivers compile
 * at the first launch, too. */
csa_status csa_benchmark_compile(double *seconds, csa_device *device, const csa_benchmark_config *config);

/* C [m, n] = op(A) op(B) over k. */
typedef struct {
  int m, n, k;
  bool trans_a, trans_b;
  csa_gemm_provider provider;
} csa_product;

/* Median GFLOP/s of CSA_BENCHMARK_RUNS runs of at least 50 ms. */
csa_status csa_benchmark_product(csa_device *device, const csa_product *product, double *gflops);

#endif
