/* What `bench` measured on one device, and the forms in which it is told. */
#ifndef CSA_CLI_BENCH_REPORT_H
#define CSA_CLI_BENCH_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "train/benchmark.h"

#define CSA_BENCH_MODELS 2
#define CSA_BENCH_PRODUCTS 48

typedef struct {
  csa_device_info info;
  double gflops, gbytes_per_s; /* the device's measured peak */
  const char *names[CSA_BENCH_MODELS];
  csa_benchmark models[CSA_BENCH_MODELS];
  int model_count;
  csa_product products[CSA_BENCH_PRODUCTS];
  double product_gflops[CSA_BENCH_PRODUCTS];
  int product_count;
} csa_bench;

/* Share of the device's peak that a kernel reaches, in arithmetic or in bytes, whichever is more. */
double csa_bench_of_peak(const csa_bench *bench, const csa_kernel_figures *kernel);

void csa_bench_print(const csa_bench *bench, FILE *out);
void csa_bench_print_csv(const csa_bench *bench, FILE *out, bool header);

/* One device's document, a new reference; NULL without memory. */
json_t *csa_bench_json(const csa_bench *bench);

/* One step of each model as a timeline that chrome://tracing and Perfetto show. */
csa_status csa_bench_write_trace(const csa_bench *bench, const char *path);

/* Reads two documents that `bench --json` wrote, and prints B over A for all that both have. */
csa_status csa_bench_compare(const char *path_a, const char *path_b, FILE *out);

#endif
