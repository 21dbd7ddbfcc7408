#include "verify/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"
#include "train/config_device.h"
#include "verify/golden_run.h"

/* What a float32 program should meet: the golden files' README. The gradients of key.bias and phi.bias are 0 in exact
 * arithmetic (softmax ignores a shift of all keys): ours need only be tiny. */
typedef struct {
  double logits, gradient, all_gradients, zero_gradient, first_losses, losses, final_logits;
  double after1; /* fraction of elements that may be off: Adam's first step is about lr * sign(gradient) */
} tolerances;
static const tolerances vit_tolerances = {5e-6, 2e-5, 5e-6, 1e-6, 2e-5, 2e-5, 1e-4, 1e-3};
static const tolerances cnn_tolerances = {5e-6, 2e-3, 1e-4, 1e-9, 1e-5, 3e-3, 1e-2, 1e-3};
/* Activations in halves have 11 bits, 5e-4. A value before a ReLU that comes to lie on the other side of 0 changes much
 * of one element of a gradient, so a single one says little; all together do. */
static const tolerances half_tolerances = {5e-3, 0.5, 3e-2, 1e-4, 1e-2, 2e-2, 5e-2, 2e-2};
#define AFTER1_STEP 1e-5 /* an element of a parameter after one step of Adam is off if it differs by more */

/* One run of a golden file. */
typedef struct {
  csa_verification *result;
  csa_golden golden;
  csa_golden_run run;
  csa_graph *graph;             /* of the first device */
  csa_safetensors_writer *dump; /* all that was computed */
  tolerances tolerance;
  float *losses; /* [steps] */
} comparison;

static csa_status add_check(comparison *g, const char *name, double error, double limit) {
  csa_check check = {.error = error, .tolerance = limit, .ok = error <= limit};
  snprintf(check.name, sizeof check.name, "%s", name);
  return csa_verification_add(g->result, &check);
}

/* Expected values by name, on the heap; NULL where the file has none. */
static csa_status expected(const comparison *g, const char *name, csa_shape shape, float **values) {
  *values = NULL;
  if (csa_safetensors_find(g->golden.file, name) == NULL) return CSA_OK;
  CSA_TRY(csa_new(values, (size_t)csa_elements(shape), sizeof **values));
  return csa_safetensors_f32(g->golden.file, name, &shape, *values);
}

static double max_error(const float *got, const float *want, int64_t count) {
  double worst = 0.0;
  for (int64_t i = 0; i < count; i++) {
    const double error = fabs((double)got[i] - (double)want[i]);
    if (isnan(error)) return error; /* worse than any */
    if (error > worst) worst = error;
  }
  return worst;
}

static csa_status check_max(comparison *g, const char *name, csa_shape shape, const float *got, double limit) {
  float *want = NULL;
  csa_status status = expected(g, name, shape, &want);
  if (status == CSA_OK && want != NULL) status = add_check(g, name, max_error(got, want, csa_elements(shape)), limit);
  free(want);
  return status;
}

/* One parameter's values, in the layout of files, where the golden file expects some. */
typedef struct {
  const csa_parameter *parameter;
  const char *name; /* "grad.fc.bias" */
  const float *got, *want;
  int64_t count;
} compared;

/* Sums over all parameters: of squared errors and expected values, or of elements off and of all. */
typedef struct {
  double part, whole;
} totals;

/* Calls `compare` for every parameter whose PREFIX + NAME the file expects, with its values from `flat`. */
static csa_status compare_all(comparison *g, const char *prefix, const csa_tensor *flat,
                              csa_status (*compare)(comparison *, const compared *, totals *), totals *sums) {
  const size_t elements = (size_t)csa_elements(flat->shape);
  float *values = NULL, *got = NULL, *want = NULL;
  csa_status status;
  CSA_GO(csa_new(&got, elements, sizeof *got));
  CSA_GO(csa_weights_download(g->graph, flat, &values));
  for (size_t i = 0; i < g->graph->parameters.count; i++) {
    const csa_parameter *p = &g->graph->parameters.list[i];
    char name[CSA_TENSOR_NAME + 16];
    snprintf(name, sizeof name, "%s%s", prefix, p->name);
    CSA_GO(expected(g, name, p->value->shape, &want));
    if (want == NULL) continue;
    csa_parameter_to_file(p, values + p->value->start, got);
    CSA_GO(compare(g, &(compared){p, name, got, want, csa_elements(p->value->shape)}, sums));
    free(want);
    want = NULL;
  }
done:
  free(values);
  free(got);
  free(want);
  return status;
}

static csa_status compare_gradient(comparison *g, const compared *c, totals *sums) {
  double largest = 0.0;
  for (int64_t e = 0; e < c->count; e++) {
    const double want = (double)c->want[e], error = (double)c->got[e] - want;
    largest = fmax(largest, fabs(want));
    sums->part += error * error;
    sums->whole += want * want;
  }
  const double worst = max_error(c->got, c->want, c->count);
  if (csa_gradient_is_zero(c->parameter)) return add_check(g, c->name, worst, g->tolerance.zero_gradient);
  return add_check(g, c->name, worst == 0.0 ? 0.0 : worst / largest, g->tolerance.gradient);
}

static csa_status compare_after1(comparison *g, const compared *c, totals *sums) {
  (void)g;
  if (csa_gradient_is_zero(c->parameter)) return CSA_OK; /* noise divided by noise */
  for (int64_t e = 0; e < c->count; e++) sums->part += !(max_error(&c->got[e], &c->want[e], 1) <= AFTER1_STEP);
  sums->whole += (double)c->count;
  return CSA_OK;
}

/* What is compared after the first step: logits are those before the update. */
static csa_status after_first_step(comparison *g) {
  const csa_parameters *p = &g->graph->parameters;
  totals gradients = {0}, after1 = {0};
  CSA_TRY(compare_all(g, "grad.", p->gradients, compare_gradient, &gradients));
  CSA_TRY(compare_all(g, "after1.", p->values, compare_after1, &after1));
  if (gradients.whole > 0.0)
    CSA_TRY(
        add_check(g, "all gradients, relative L2", sqrt(gradients.part / gradients.whole), g->tolerance.all_gradients));
  if (after1.whole > 0.0)
    CSA_TRY(add_check(g, "after1, fraction off", after1.part / after1.whole, g->tolerance.after1));
  CSA_TRY(csa_weights_add(g->dump, g->graph, "grad.", p->gradients));
  return csa_weights_add(g->dump, g->graph, "after1.", p->values);
}

static csa_status run_steps(comparison *g) {
  for (int step = 0; step < g->golden.steps; step++) {
    CSA_TRY(csa_golden_run_step(&g->run, &g->losses[step]));
    if (step == 0) CSA_TRY(after_first_step(g));
  }
  return csa_golden_run_evaluate(&g->run);
}

static csa_status check_losses(comparison *g) {
  float *want = NULL;
  csa_status status = expected(g, "losses", csa_shape1(g->golden.steps), &want);
  for (int i = 0; i < g->golden.steps && want != NULL && status == CSA_OK; i++) {
    char name[32];
    snprintf(name, sizeof name, "losses[%d]", i);
    status = add_check(g, name, max_error(&g->losses[i], &want[i], 1),
                       i < 3 ? g->tolerance.first_losses : g->tolerance.losses);
  }
  free(want);
  return status;
}

static csa_status check_outputs(comparison *g) {
  const csa_shape logits = csa_shape2(g->golden.batch, g->golden.architecture.classes);
  CSA_TRY(check_max(g, "logits", logits, g->run.logits, g->tolerance.logits));
  CSA_TRY(check_max(g, "loss", csa_shape0(), g->losses, g->tolerance.logits));
  CSA_TRY(check_losses(g));
  CSA_TRY(check_max(g, "final_logits", logits, g->run.final_logits, g->tolerance.final_logits));
  CSA_TRY(csa_safetensors_writer_add(g->dump, "logits", CSA_ST_F32, logits, g->run.logits));
  CSA_TRY(csa_safetensors_writer_add(g->dump, "loss", CSA_ST_F32, csa_shape0(), g->losses));
  CSA_TRY(csa_safetensors_writer_add(g->dump, "losses", CSA_ST_F32, csa_shape1(g->golden.steps), g->losses));
  return csa_safetensors_writer_add(g->dump, "final_logits", CSA_ST_F32, logits, g->run.final_logits);
}

/* The largest difference between a parameter's values on two devices. Gaps between parameters are nobody's. */
static csa_status difference(csa_graph *a, csa_graph *b, double *worst) {
  float *first = NULL, *second = NULL;
  csa_status status;
  *worst = 0.0;
  CSA_GO(csa_weights_download(a, a->parameters.values, &first));
  CSA_GO(csa_weights_download(b, b->parameters.values, &second));
  for (size_t i = 0; i < a->parameters.count; i++) {
    const csa_tensor *t = a->parameters.list[i].value;
    const double error = max_error(first + t->start, second + t->start, csa_elements(t->shape));
    if (!(error <= *worst)) *worst = error;
    if (isnan(error)) break;
  }
done:
  free(first);
  free(second);
  return status;
}

static csa_status check_replicas(comparison *g) {
  const csa_trainer *t = g->run.trainer;
  for (int i = 1; i < t->replica_count; i++) {
    const csa_replica *first = &t->replicas[0], *other = &t->replicas[i];
    char name[CSA_CHECK_NAME];
    double worst;
    CSA_TRY(difference(first->graph, other->graph, &worst));
    snprintf(name, sizeof name, "parameters of %s and %s agree", first->device->info.name, other->device->info.name);
    CSA_TRY(add_check(g, name, worst, 0.0));
  }
  return CSA_OK;
}

static csa_status run_file(comparison *g, csa_device *const *devices, int count, const csa_golden_way *way,
                           const char *dump) {
  CSA_TRY(csa_safetensors_writer_begin(&g->dump));
  CSA_TRY(csa_golden_run_create(&g->run, &g->golden, devices, count, way));
  g->graph = g->run.trainer->replicas[0].graph;
  CSA_TRY(csa_new(&g->losses, (size_t)g->golden.steps, sizeof *g->losses));
  CSA_TRY(run_steps(g));
  CSA_TRY(check_outputs(g));
  CSA_TRY(check_replicas(g));
  return dump != NULL ? csa_safetensors_writer_write(g->dump, dump) : CSA_OK;
}

csa_status csa_verify(csa_verification *verification, csa_device *const *devices, int count, const csa_golden_way *way,
                      const char *path, const char *dump) {
  comparison g = {.result = verification};
  *verification = (csa_verification){.ok = true};
  csa_status status = csa_golden_open(&g.golden, path);
  g.tolerance = way->choices.precision == CSA_PRECISION_F16       ? half_tolerances
                : csa_architecture_is_vit(&g.golden.architecture) ? vit_tolerances
                                                                  : cnn_tolerances;
  if (status == CSA_OK) status = run_file(&g, devices, count, way, dump);
  csa_golden_run_fini(&g.run);
  free(g.losses);
  csa_safetensors_writer_close(g.dump);
  csa_golden_close(&g.golden);
  return status;
}
