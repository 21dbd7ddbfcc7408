/* What the forms of `bench`'s report have in common: figures by their number, shares, and words. */
#include <string.h>

#include "cli/bench_report.h"

const csa_bench_figure csa_bench_figures[CSA_BENCH_FIGURES] = {
    [CSA_BENCH_TRAIN] = {"train_images_per_s", "training", "images/s", 1.0, 0},
    [CSA_BENCH_EVAL] = {"eval_images_per_s", "evaluation", "images/s", 1.0, 0},
    [CSA_BENCH_EPOCH] = {"epoch_s", "an epoch", "s", 1.0, 2},
    [CSA_BENCH_TARGET] = {"target_s", "to the target accuracy", "s", 1.0, 1},
    [CSA_BENCH_COLD] = {"compile_cold_s", "compiling, caches empty", "s", 1.0, 2},
    [CSA_BENCH_WARM] = {"compile_warm_s", "compiling, caches full", "s", 1.0, 2},
    [CSA_BENCH_MEMORY] = {"peak_bytes", "device memory", "MiB", 1.0 / 1048576.0, 1},
    [CSA_BENCH_STEP] = {"step_ms", "a step", "ms", 1.0, 2},
    [CSA_BENCH_OF_PEAK] = {"of_peak", "share of the roofline, all kernels", "%", 100.0, 1},
};

/* All kernels of a step at their bounds, as a share of the time they took. */
static double step_of_peak(const csa_bench_device *d, const csa_benchmark *m) {
  double bound_s = 0.0;
  for (size_t i = 0; i < m->kernel_count; i++) bound_s += csa_bench_of_peak(d, &m->kernels[i]) * m->kernels[i].seconds;
  return m->kernels_s > 0.0 ? bound_s / m->kernels_s : 0.0;
}

bool csa_bench_value(const csa_bench *b, int device, int model, int figure, double *value) {
  const csa_bench_device *d = &b->devices[device];
  const csa_bench_model *m = &d->models[model];
  const csa_rate *train = &m->speed.train;
  switch (figure) {
    case CSA_BENCH_TRAIN: *value = train->images_per_s; break;
    case CSA_BENCH_EVAL: *value = m->speed.eval.images_per_s; break;
    case CSA_BENCH_EPOCH:
      *value = train->images_per_s > 0.0 ? (double)b->epoch_images / train->images_per_s : 0.0;
      break;
    case CSA_BENCH_TARGET: *value = m->target.train_s; return m->target.reached;
    case CSA_BENCH_COLD: *value = m->cold_s; return m->cold_s >= 0.0;
    case CSA_BENCH_WARM: *value = m->warm_s; return m->warm_s >= 0.0;
    case CSA_BENCH_MEMORY: *value = (double)m->speed.bytes; break;
    case CSA_BENCH_STEP: *value = 1e3 * m->speed.step_s; break;
    default: *value = step_of_peak(d, &m->speed); break;
  }
  return true;
}

double csa_bench_rate(double amount, double seconds) { return seconds > 0.0 ? 1e-9 * amount / seconds : 0.0; }

static double at_peak(const csa_bench_device *d, const csa_kernel_figures *k, bool arithmetic) {
  return arithmetic ? 1e-9 * k->flops / d->gflops : 1e-9 * k->bytes / d->gbytes_per_s;
}

double csa_bench_of_peak(const csa_bench_device *d, const csa_kernel_figures *k) {
  const double arithmetic = at_peak(d, k, true), bytes = at_peak(d, k, false);
  return k->seconds > 0.0 ? (arithmetic > bytes ? arithmetic : bytes) / k->seconds : 0.0;
}

const char *csa_bench_bound(const csa_bench_device *d, const csa_kernel_figures *k) {
  return at_peak(d, k, true) > at_peak(d, k, false) ? "compute" : "memory";
}

int64_t csa_bench_epoch_steps(const csa_bench *b, const csa_benchmark *m) {
  return (b->epoch_images + m->batch - 1) / m->batch;
}

const char *csa_product_form(const csa_product *p) { return p->trans_a ? "TN" : p->trans_b ? "NT" : "NN"; }

const char *csa_product_provider(const csa_product *p) {
  return p->provider == CSA_GEMM_CLBLAST ? "clblast" : "native";
}

void csa_bench_choices_text(const csa_benchmark *m, char text[256]) {
  const csa_choices *c = &m->choices;
  const size_t tuned = json_array_size(m->tuning);
  const int used = snprintf(text, 256, "%s kernels, products by %s, %s convolutions, activations in %s, ",
                            csa_kernels_text(c->kernels), csa_gemm_text(c->gemm), csa_conv_text(c->conv),
                            csa_precision_text(c->precision));
  if (tuned == 0)
    snprintf(text + used, 256 - (size_t)used, "untuned");
  else
    snprintf(text + used, 256 - (size_t)used, "tuned in %zu places", tuned);
}

void csa_bench_target_text(const csa_target *t, char text[256]) {
  const char *epochs = t->epochs == 1 ? "epoch" : "epochs";
  if (t->reached)
    snprintf(text, 256,
             "accuracy %.3g on %lld validation images: reached after %d %s of %lld images, %.2f s of training "
             "(%.4f there; evaluations took %.2f s more)",
             t->wanted, (long long)t->validation_images, t->epochs, epochs, (long long)t->train_images, t->train_s,
             t->accuracy, t->evaluation_s);
  else
    snprintf(text, 256,
             "accuracy %.3g on %lld validation images: not reached in %d %s of %lld images, %.2f s of training "
             "(%.4f there; evaluations took %.2f s more)",
             t->wanted, (long long)t->validation_images, t->epochs, epochs, (long long)t->train_images, t->train_s,
             t->accuracy, t->evaluation_s);
}

bool csa_bench_has_figures(const csa_bench_device *d) { return d->model_count > 0 || d->product_count > 0; }

bool csa_bench_busy_text(const csa_bench *b, char text[256]) {
  const bool busy = b->machine.load > 0.5 * b->machine.cores;
  text[0] = '\0';
  if (busy)
    snprintf(text, 256,
             "the machine was busy before (load %.1f on %d processors): figures are what that left, and shares of the "
             "roofline are of a peak that was disturbed, too",
             b->machine.load, b->machine.cores);
  return busy;
}

int csa_bench_same_chip(const csa_bench *b, int device) {
  for (int i = 0; i < device; i++)
    if (csa_chip_same(b->devices[i].chip, b->devices[device].chip)) return i;
  return -1;
}

void csa_bench_chips(const csa_bench *b, void (*say)(void *user, const char *names, const char *chip), void *user) {
  for (int first = 0; first < b->count; first++) {
    char names[1100];
    size_t used = (size_t)snprintf(names, sizeof names, "%s", b->devices[first].info.name);
    bool more = false;
    if (csa_bench_same_chip(b, first) >= 0) continue; /* told with the earlier one */
    for (int i = first + 1; i < b->count && used < sizeof names - 32; i++) {
      if (!csa_chip_same(b->devices[first].chip, b->devices[i].chip)) continue;
      used += (size_t)snprintf(names + used, sizeof names - used, ", %s", b->devices[i].info.name);
      more = true;
    }
    if (more) say(user, names, b->devices[first].chip);
  }
}
