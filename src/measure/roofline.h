/* The roofline: the shortest time that a kernel's arithmetic at the device's peak, or its bytes at the rate of copying,
 * would take, whichever is longer. */
#ifndef CSA_MEASURE_ROOFLINE_H
#define CSA_MEASURE_ROOFLINE_H

#include "measure/benchmark.h"

/* What a device was measured to reach. */
typedef struct {
  double gflops, gbytes_per_s;
} csa_roofline;

/* As a share of what it took; above 1 where caches spare the memory its bytes. */
double csa_roofline_share(const csa_roofline *roofline, const csa_kernel_figures *kernel);

/* Which of the two it is: "compute" or "memory". */
const char *csa_roofline_bound(const csa_roofline *roofline, const csa_kernel_figures *kernel);

/* All kernels of a step, as a share of the time they took. */
double csa_roofline_step(const csa_roofline *roofline, const csa_benchmark *benchmark);

/* 10^9 a second. */
double csa_giga_rate(double amount, double seconds);

#endif
