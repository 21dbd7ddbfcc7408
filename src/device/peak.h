/* What a device can do at most, measured: the figures that shares of peak are shares of. */
#ifndef CSA_DEVICE_PEAK_H
#define CSA_DEVICE_PEAK_H

#include "device/plan.h"

/* Two plans, ready to be timed beside what is compared with them. */
typedef struct {
  csa_plan *multiply_add, *copy;
  double flops; /* of one run of multiply_add */
  double bytes; /* read and written by one run of copy */
} csa_peak;

csa_status csa_peak_create(csa_peak *peak, csa_device *device);
csa_status csa_peak_record(csa_peak *peak, csa_device *device); /* only recorded, neither placed nor bound */
void csa_peak_destroy(csa_peak *peak);                          /* accepts one that is zero */

/* Seconds of one replay of a plan, of so many queued one after the other that all take `least` seconds. */
csa_status csa_plan_time(csa_plan *plan, double least, double *seconds);

/* Single precision GFLOP/s and GB/s (10^9), each the best of `runs`. */
csa_status csa_peak_measure(const csa_peak *peak, int runs, double *gflops, double *gbytes_per_s);

#endif
