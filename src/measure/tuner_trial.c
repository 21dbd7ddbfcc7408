#include "measure/tuner_trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "device/compile.h"
#include "device/program.h"
#include "measure/benchmark.h"

#define WORK_PER_UNIT 5e8 /* floating-point operations: a longer product is cut, for the first trials */
#define SCREEN_SECONDS 0.01
#define RUN_SECONDS 0.02
#define RUNS 7
#define FINALISTS 3   /* timed in turns, beside the defaults */
#define HOPELESS 1.25 /* a first run so many times as long as the defaults' */

csa_status csa_subject_stopped(const csa_subject *s) {
  if (s->stop != NULL && *s->stop != 0)
    return csa_fail(CSA_INTERRUPTED, "tune: stopped by signal %d; what was found is kept", (int)*s->stop);
  return csa_seconds() < s->deadline ? CSA_OK : csa_fail(CSA_INTERRUPTED, "tune: the time is up");
}

/* Puts a contender aside. */
static void fault(const csa_subject *s, csa_contender *c, const char *why) {
  char note[CSA_TUNING_TEXT + 400] = "";
  size_t used = (size_t)snprintf(note, sizeof note, "%s", s->kernel);
  for (int i = 0; i < c->entry.count; i++)
    used +=
        (size_t)snprintf(note + used, sizeof note - used, " %s=%d", c->entry.values[i].name, c->entry.values[i].value);
  snprintf(note + used, sizeof note - used, ": %s", why);
  snprintf(c->fault, sizeof c->fault, "%s", why);
  if (s->on_note != NULL) s->on_note(s->user, note);
}

static csa_status run_once(const csa_contender *c) {
  const size_t first = c->graph != NULL ? 0 : c->first[0], end = c->graph != NULL ? c->plan->node_count : c->end[0];
  CSA_TRY(csa_plan_run(c->plan, first, end));
  return csa_device_finish(c->plan->device);
}

/* All results, one after the other. */
static csa_status download(const csa_contender *c, float **values, int64_t *count) {
  int64_t at = 0;
  *count = 0;
  for (int i = 0; i < c->result_count; i++) *count += csa_elements(c->results[i]->shape);
  CSA_TRY(csa_new(values, (size_t)*count, sizeof **values));
  for (int i = 0; i < c->result_count; at += csa_elements(c->results[i++]->shape))
    CSA_TRY(
        csa_tensor_read_floats(c->plan->device, c->results[i], 0, csa_elements(c->results[i]->shape), *values + at));
  return CSA_OK;
}

/* What a contender leaves unwritten must be seen, also where one before it wrote. */
static csa_status spoil(const csa_contender *c) {
  for (int i = 0; i < c->result_count; i++) {
    float *values = NULL;
    const int64_t count = csa_elements(c->results[i]->shape);
    CSA_TRY(csa_new(&values, (size_t)count, sizeof *values));
    for (int64_t j = 0; j < count; j++) values[j] = NAN;
    const csa_status status = csa_tensor_write_floats(c->plan->device, c->results[i], values);
    free(values);
    CSA_TRY(status);
  }
  return CSA_OK;
}

/* The largest difference, result by result, in parts of that result's largest value; infinite where something is not
 * finite. */
static double distance(const csa_contender *c, const float *got, const float *want) {
  double most = 0.0;
  for (int i = 0; i < c->result_count; i++) {
    const int64_t count = csa_elements(c->results[i]->shape);
    double apart = 0.0, size = 1e-30;
    for (int64_t j = 0; j < count; j++) {
      const double d = fabs((double)got[j] - (double)want[j]);
      if (!isfinite(d)) return INFINITY;
      if (d > apart) apart = d;
      if (fabs((double)want[j]) > size) size = fabs((double)want[j]);
    }
    if (apart / size > most) most = apart / size;
    got += count;
    want += count;
  }
  return most;
}

/* What rounding in another order may make: of sums of k terms, or of a layer, backward included. */
static double tolerance(const csa_subject *s) {
  const double halves = s->types[2] == CSA_F16 || s->choices.precision == CSA_PRECISION_F16 ? 2e-3 : 0.0; /* an ulp */
  return halves + (s->product.m > 0 ? 2e-6 * sqrt((double)s->product.k) + 1e-6 : 1e-4);
}

static csa_status compare(const csa_subject *s, csa_contender *c, const float *want) {
  float *got = NULL;
  int64_t count;
  csa_status status;
  CSA_GO(spoil(c));
  if (run_once(c) != CSA_OK) {
    fault(s, c, csa_last_error());
    goto done;
  }
  CSA_GO(download(c, &got, &count));
  const double apart = distance(c, got, want);
  if (!(apart <= tolerance(s))) {
    char why[100];
    snprintf(why, sizeof why, "computes wrongly: %.1e off, %.1e may be", apart, tolerance(s));
    fault(s, c, why);
  }
done:
  free(got);
  return status;
}

static csa_status compare_all(const csa_subject *s, csa_contender *all, int count) {
  float *want = NULL;
  int64_t elements;
  csa_status status;
  CSA_GO(spoil(&all[0]));
  CSA_GO(run_once(&all[0]));
  CSA_GO(download(&all[0], &want, &elements));
  for (int i = 1; i < count; i++) {
    CSA_GO(csa_subject_stopped(s));
    if (all[i].fault[0] == '\0') CSA_GO(compare(s, &all[i], want));
  }
done:
  free(want);
  return status;
}

/* Seconds of the launches that count, repeated until that takes `least`. */
static csa_status time_run(const csa_contender *c, double least, double *seconds) {
  int repeats = 1;
  for (;; repeats *= 2) {
    CSA_TRY(csa_device_finish(c->plan->device));
    const double start = csa_seconds();
    for (int i = 0; i < repeats; i++)
      for (int part = 0; part < c->parts; part++) CSA_TRY(csa_plan_run(c->plan, c->first[part], c->end[part]));
    CSA_TRY(csa_device_finish(c->plan->device));
    *seconds = csa_seconds() - start;
    if (*seconds >= least) break;
  }
  *seconds /= repeats;
  return CSA_OK;
}

/* One run each; all but the best FINALISTS, and what is hopeless, drop out: their `seconds` are 0. */
static csa_status screen(const csa_subject *s, csa_contender *all, int count) {
  double first[CSA_CONTENDERS_MAX] = {0};
  for (int i = 0; i < count; i++) {
    all[i].seconds = 0.0;
    CSA_TRY(csa_subject_stopped(s));
    if (all[i].fault[0] == '\0') CSA_TRY(time_run(&all[i], SCREEN_SECONDS, &first[i]));
  }
  for (int i = 1; i < count; i++) {
    int faster = 0;
    for (int j = 1; j < count; j++)
      faster += first[j] > 0.0 && (first[j] < first[i] || (j < i && first[j] == first[i]));
    const bool promising = faster < FINALISTS && first[i] < HOPELESS * first[0];
    if (first[i] > 0.0 && (promising || s->all)) all[i].seconds = first[i];
  }
  all[0].seconds = first[0];
  return CSA_OK;
}

static csa_status time_all(const csa_subject *s, csa_contender *all, int count) {
  double samples[CSA_CONTENDERS_MAX][RUNS];
  CSA_TRY(screen(s, all, count));
  for (int run = 0; run < RUNS; run++) {
    CSA_TRY(csa_subject_stopped(s));
    for (int i = 0; i < count; i++)
      if (all[i].seconds > 0.0) CSA_TRY(time_run(&all[i], RUN_SECONDS, &samples[i][run]));
  }
  for (int i = 0; i < count; i++) {
    if (all[i].seconds == 0.0) continue;
    double ratios[RUNS], sorted[RUNS];
    for (int run = 0; run < RUNS; run++) ratios[run] = samples[0][run] / samples[i][run];
    memcpy(sorted, samples[i], sizeof sorted);
    all[i].seconds = csa_median(sorted, RUNS);
    all[i].gain = csa_median(ratios, RUNS);
    all[i].sure = ratios[1] > 1.0;
  }
  return CSA_OK;
}

/* Whether a contender's programs are there; with `helped`, all that compile were compiled by now. */
static void build(const csa_subject *s, csa_contender *c, bool helped) {
  for (size_t n = 0; n < c->plan->node_count && c->fault[0] == '\0'; n++) {
    const csa_kernel *kernel = &c->plan->nodes[n].kernel;
    cl_program program;
    if (c->plan->nodes[n].call != NULL) continue;
    if ((helped && !csa_program_is_ready(s->device, kernel->file, kernel->options)) ||
        csa_program_get(s->device, kernel->file, kernel->options, &program) != CSA_OK)
      fault(s, c, "does not compile");
  }
}

/* The programs of all plans are compiled by helpers first: a compiler that crashes or refuses takes no more with it
 * than its contender. */
static csa_status compile_all(const csa_subject *s, csa_contender *all, int count) {
  csa_program_name *names = NULL;
  size_t total = 0, used = 0, ready = 0, before;
  bool helped;
  for (int i = 0; i < count; i++) total += all[i].plan->node_count;
  CSA_TRY(csa_new(&names, total, sizeof *names));
  for (int i = 0; i < count; i++)
    for (size_t n = 0; n < all[i].plan->node_count; n++)
      if (all[i].plan->nodes[n].call == NULL)
        names[used++] = (csa_program_name){all[i].plan->nodes[n].kernel.file, all[i].plan->nodes[n].kernel.options};
  do { /* helpers that crash leave work undone */
    before = ready;
    ready = 0;
    helped = csa_compile_ahead(s->device, names, used, 1);
    for (size_t n = 0; n < used; n++) ready += csa_program_is_ready(s->device, names[n].name, names[n].options);
  } while (helped && ready < used && ready > before && csa_subject_stopped(s) == CSA_OK);
  free(names);
  for (int i = 1; i < count; i++) {
    CSA_TRY(csa_subject_stopped(s));
    build(s, &all[i], helped);
  }
  return CSA_OK;
}

static double work_limit(const csa_subject *s) {
  return WORK_PER_UNIT * (s->device->info.compute_units > 0 ? s->device->info.compute_units : 1);
}

static bool is_long(const csa_subject *s) { return csa_contest_flops(&s->product) > 1.5 * work_limit(s); }

/* The same product with fewer rows, a shorter sum or a smaller batch, whatever it has most of. */
static csa_gemm_call cut(const csa_subject *s) {
  csa_gemm_call g = s->product;
  const double part = work_limit(s) / csa_contest_flops(&g);
  int *longest = g.batch > 1 ? &g.batch : g.trans_a ? &g.k : &g.m;
  *longest = (int)(*longest * part) > 1 ? (int)(*longest * part) : 1;
  return g;
}

/* Every contender in a plan of its own, with nothing in it allocated: what the device cannot do shows, and what would
 * have to be compiled. */
static csa_status look_at_all(const csa_subject *s, const csa_gemm_call *product, csa_contender *all, int count) {
  csa_status status = CSA_OK;
  for (int i = 0; i < count && status == CSA_OK; i++) {
    csa_plan *plan = NULL;
    status = csa_contest_build_product(s, product, &all[i], 1, &plan);
  }
  if (status == CSA_OK) status = compile_all(s, all, count);
  for (int i = 0; i < count; i++) {
    csa_plan_destroy(all[i].plan);
    all[i].plan = NULL;
  }
  return status;
}

static csa_status run_products(const csa_subject *s, csa_contender *all, int count, bool whole) {
  const csa_gemm_call product = whole || !is_long(s) ? s->product : cut(s);
  csa_plan *plan = NULL;
  csa_status status;
  CSA_GO(look_at_all(s, &product, all, count));
  CSA_GO(csa_contest_build_product(s, &product, all, count, &plan));
  CSA_GO(csa_plan_bind(plan));
  CSA_GO(csa_contest_load_product(&product, &all[0]));
  CSA_GO(compare_all(s, all, count));
  status = time_all(s, all, count);
done:
  csa_plan_destroy(plan);
  return status;
}

static csa_status run_layers(const csa_subject *s, csa_contender *all, int count) {
  csa_status status;
  for (int i = 0; i < count; i++) CSA_GO(csa_contest_build_layer(s, &all[i]));
  CSA_GO(compile_all(s, all, count));
  for (int i = 0; i < count; i++) {
    if (all[i].fault[0] != '\0') continue;
    CSA_GO(csa_plan_bind(all[i].plan));
    CSA_GO(csa_contest_load_layer(&all[i]));
  }
  CSA_GO(compare_all(s, all, count));
  status = time_all(s, all, count);
done:
  for (int i = 0; i < count; i++) {
    csa_graph_destroy(all[i].graph);
    all[i].graph = NULL;
    all[i].plan = NULL;
  }
  return status;
}

csa_status csa_contest_run(const csa_subject *s, csa_contender *all, int count, bool whole) {
  for (int i = 0; i < count; i++) all[i].fault[0] = '\0';
  return s->product.m > 0 ? run_products(s, all, count, whole) : run_layers(s, all, count);
}
