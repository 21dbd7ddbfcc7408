#include "measure/roofline.h"

static double arithmetic_s(const csa_roofline *r, const csa_kernel_figures *k) { return 1e-9 * k->flops / r->gflops; }
static double copying_s(const csa_roofline *r, const csa_kernel_figures *k) {
  return 1e-9 * k->bytes / r->gbytes_per_s;
}

const char *csa_roofline_bound(const csa_roofline *r, const csa_kernel_figures *k) {
  return arithmetic_s(r, k) > copying_s(r, k) ? "compute" : "memory";
}

double csa_roofline_share(const csa_roofline *r, const csa_kernel_figures *k) {
  const double arithmetic = arithmetic_s(r, k), copying = copying_s(r, k);
  return k->seconds > 0.0 ? (arithmetic > copying ? arithmetic : copying) / k->seconds : 0.0;
}

double csa_roofline_step(const csa_roofline *r, const csa_benchmark *b) {
  double allowed_s = 0.0;
  for (size_t i = 0; i < b->kernel_count; i++)
    allowed_s += csa_roofline_share(r, &b->kernels[i]) * b->kernels[i].seconds;
  return b->kernels_s > 0.0 ? allowed_s / b->kernels_s : 0.0;
}

double csa_giga_rate(double amount, double seconds) { return seconds > 0.0 ? 1e-9 * amount / seconds : 0.0; }
