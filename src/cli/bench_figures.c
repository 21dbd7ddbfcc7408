/* What the forms of `bench`'s report have in common: figures by their number, products, and sentences. */
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

bool csa_bench_value(const csa_bench *b, const csa_bench_device *d, const csa_bench_model *m, int figure,
                     double *value) {
  if (m == NULL) return false;
  const double rate = m->speed.train.images_per_s;
  switch (figure) {
    case CSA_BENCH_TRAIN: *value = rate; break;
    case CSA_BENCH_EVAL: *value = m->speed.eval.images_per_s; break;
    case CSA_BENCH_EPOCH: *value = rate > 0.0 ? (double)b->epoch_images / rate : 0.0; break;
    case CSA_BENCH_TARGET: *value = m->target.train_s; return m->target.reached;
    case CSA_BENCH_COLD: *value = m->cold_s; return m->cold_s >= 0.0;
    case CSA_BENCH_WARM: *value = m->warm_s; return m->warm_s >= 0.0;
    case CSA_BENCH_MEMORY: *value = (double)m->speed.bytes; break;
    case CSA_BENCH_STEP: *value = 1e3 * m->speed.step_s; break;
    default: *value = csa_roofline_step(&d->peak, &m->speed); break;
  }
  return true;
}

bool csa_bench_value_text(const csa_bench *b, const csa_bench_device *d, const csa_bench_model *m, int figure,
                          char text[32]) {
  const csa_bench_figure *f = &csa_bench_figures[figure];
  double value;
  const bool known = csa_bench_value(b, d, m, figure, &value);
  snprintf(text, 32, "-");
  if (known) snprintf(text, 32, "%.*f", f->digits, f->scale * value);
  return known;
}

const csa_bench_model *csa_bench_model_named(const csa_bench_device *d, const char *name) {
  for (int m = 0; m < d->model_count; m++)
    if (strcmp(d->models[m].name, name) == 0) return &d->models[m];
  return NULL;
}

const csa_bench_device *csa_bench_fullest(const csa_bench *b) {
  const csa_bench_device *most = b->devices;
  for (int i = 1; i < b->count; i++)
    if (b->devices[i].model_count > most->model_count) most = &b->devices[i];
  return most;
}

bool csa_bench_has_figures(const csa_bench_device *d) {
  return d->status == CSA_OK || d->model_count > 0 || d->product_count > 0;
}

int64_t csa_bench_epoch_steps(const csa_bench *b, const csa_bench_model *m) {
  return (b->epoch_images + m->speed.batch - 1) / m->speed.batch;
}

/* ---- products */

const char *csa_product_form(const csa_product *p) { return p->trans_a ? "TN" : p->trans_b ? "NT" : "NN"; }

const char *csa_product_provider(const csa_product *p) {
  return p->provider == CSA_GEMM_CLBLAST ? "clblast" : "native";
}

void csa_bench_print_products(const csa_bench_device *d, csa_form form, FILE *out) {
  const char *x = form == CSA_AS_HTML ? "×" : "x";
  char title[32];
  snprintf(title, sizeof title, "%sm %s n %s k", form == CSA_AS_TEXT ? "product " : "", x, x); /* has no heading */
  const csa_column columns[] = {{title, -28}, {"form", -4}, {"provider", -9}, {"GFLOP/s", 10}, {"of peak", 8}};
  csa_table t = csa_table_begin(out, form, columns, 5);
  for (int i = 0; i < d->product_count; i++) {
    const csa_product *p = &d->products[i];
    csa_cell(&t, "%d %s %d %s %d", p->m, x, p->n, x, p->k);
    csa_cell(&t, "%s", csa_product_form(p));
    csa_cell(&t, "%s", csa_product_provider(p));
    csa_cell(&t, "%.1f", d->product_gflops[i]);
    csa_cell(&t, "%.1f %%", 100.0 * d->product_gflops[i] / d->peak.gflops);
  }
  csa_table_end(&t);
}

/* ---- sentences */

void csa_bench_choices_text(const csa_bench_model *m, char text[CSA_BENCH_TEXT]) {
  const csa_choices *c = &m->speed.choices;
  const size_t tuned = json_array_size(m->speed.tuning);
  char places[48] = "untuned";
  if (tuned > 0) snprintf(places, sizeof places, "tuned in %zu places", tuned);
  snprintf(text, CSA_BENCH_TEXT, "%s kernels, products by %s, %s convolutions, activations in %s, %s",
           csa_kernels_text(c->kernels), csa_gemm_text(c->gemm), csa_conv_text(c->conv),
           csa_precision_text(c->precision), places);
}

void csa_bench_target_text(const csa_target *t, char text[CSA_BENCH_TEXT]) {
  snprintf(text, CSA_BENCH_TEXT,
           "accuracy %.3g on %lld validation images: %s %d %s of %lld images, %.2f s of training (%.4f there; "
           "evaluations took %.2f s more)",
           t->wanted, (long long)t->validation_images, t->reached ? "reached after" : "not reached in", t->epochs,
           t->epochs == 1 ? "epoch" : "epochs", (long long)t->train_images, t->train_s, t->accuracy, t->evaluation_s);
}

bool csa_bench_busy_text(const csa_bench *b, char text[CSA_BENCH_TEXT]) {
  const bool busy = b->machine.load > 0.5 * b->machine.cores;
  text[0] = '\0';
  if (busy)
    snprintf(text, CSA_BENCH_TEXT,
             "the machine was busy before (load %.1f on %d processors): figures are what that left, and shares of the "
             "roofline are of a peak that was disturbed, too",
             b->machine.load, b->machine.cores);
  return busy;
}

int csa_bench_same_chip(const csa_bench *b, int device) {
  int first = 0;
  while (first < device && !csa_chip_same(b->devices[first].chip, b->devices[device].chip)) first++;
  return first;
}

bool csa_bench_chip_text(const csa_bench *b, int first, char text[CSA_BENCH_TEXT]) {
  size_t used = 0;
  int count = 0;
  for (int i = first; i < b->count && used < CSA_BENCH_TEXT - 128; i++) {
    if (csa_bench_same_chip(b, i) != first) continue;
    used +=
        (size_t)snprintf(text + used, CSA_BENCH_TEXT - used, "%s%s", i > first ? ", " : "", b->devices[i].info.name);
    count++;
  }
  snprintf(text + used, CSA_BENCH_TEXT - used, " are the same chip (%s): what differs is how they use it",
           b->devices[first].chip);
  if (count < 2) text[0] = '\0';
  return count > 1;
}
