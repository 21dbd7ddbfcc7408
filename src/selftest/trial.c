#include "selftest/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/half.h"
#include "core/rng.h"

#define COARSE 2.0 /* coarse draws are multiples of 1 / COARSE */

static const csa_layer_ops *const with_maximum[] = {&csa_layer_nonlocal};

/* Whether a layer picks the largest of computed numbers. They must then be the same on device and host, to the bit, or
 * gradients go to different places: values are drawn so coarse that their products' sums are exact, even in halves. */
static bool picks(const csa_layer_ops *ops) {
  for (size_t i = 0; i < sizeof with_maximum / sizeof with_maximum[0]; i++)
    if (ops == with_maximum[i]) return true;
  return false;
}

/* Values that halves hold exactly. */
static csa_status draw(csa_shape shape, uint32_t stream, bool coarse, double scale, double **values) {
  const csa_rng rng = {1, CSA_RNG_TEST, stream};
  const int64_t count = csa_elements(shape);
  CSA_TRY(csa_new(values, (size_t)count, sizeof **values));
  for (int64_t i = 0; i < count; i++) {
    const double value = (double)csa_half_to_float(csa_half_from_float(csa_rng_normal(&rng, (uint64_t)i)));
    (*values)[i] = scale * (coarse ? round(COARSE * value) / COARSE : value);
  }
  return CSA_OK;
}

static csa_status fill(csa_device *device, const csa_tensor *tensor, double value) {
  const int64_t count = csa_elements(tensor->shape);
  double *values = NULL;
  CSA_TRY(csa_new(&values, (size_t)count, sizeof *values));
  for (int64_t i = 0; i < count; i++) values[i] = value;
  const csa_status status = csa_tensor_write_doubles(device, tensor, values);
  free(values);
  return status;
}

static csa_status build(csa_trial *t, const csa_trial_case *c, csa_tensor **residual) {
  csa_graph *g = t->graph;
  csa_tensor *in = csa_graph_input(g, c->in);
  *residual = NULL;
  CSA_TRY(g->status);
  if (c->joins) CSA_TRY(csa_plan_tensor(g->plan, CSA_DATA, in->dtype, c->in, &g->gradients[0].gradient, "other"));
  t->other = g->gradients[0].gradient;
  if (c->residual.rank > 0) CSA_TRY(csa_plan_tensor(g->plan, CSA_DATA, in->dtype, c->residual, residual, "residual"));
  csa_graph_add(g, c->ops, c->config, in, *residual, "layer");
  CSA_TRY(csa_graph_record(g));
  t->layer = &g->layers[0];
  t->gradient = t->layer->din != NULL ? g->gradients[0].gradient : NULL;
  return csa_schedule_prepare(g);
}

const csa_parameter *csa_trial_parameter(const csa_trial *t, int slot) {
  const csa_parameters *all = &t->graph->parameters;
  size_t i = 0;
  while (all->list[i].value->start != t->layer->param[slot]->start) i++;
  return &all->list[i];
}

/* A power of two, at most about 1 / sqrt(fan_in), which keeps sums at the size of what they sum. */
static double scale_of(const csa_parameter *p) {
  return p->init == CSA_INIT_FAN_IN ? exp2(-round(0.5 * log2((double)p->fan_in))) : 1.0;
}

static csa_status set_parameters(csa_trial *t, csa_device *device, const csa_trial_case *c) {
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    const csa_tensor *param = t->layer->param[slot];
    if (param == NULL) continue;
    const csa_parameter *p = csa_trial_parameter(t, slot);
    CSA_TRY(draw(param->shape, (uint32_t)(10 + slot), picks(c->ops), scale_of(p), &t->param[slot]));
    for (int64_t i = 0; i < csa_elements(param->shape) && p->buffer && p->init == CSA_INIT_ONES; i++)
      t->param[slot][i] = fabs(t->param[slot][i]); /* a variance */
    CSA_TRY(csa_tensor_write_doubles(device, param, t->param[slot]));
    CSA_TRY(fill(device, t->layer->dparam[slot], c->accumulate ? 1.0 : (double)NAN));
  }
  return CSA_OK;
}

static csa_status set_inputs(csa_trial *t, csa_device *device, const csa_trial_case *c, const csa_tensor *residual) {
  CSA_TRY(draw(c->in, 0, picks(c->ops), 1.0, &t->in));
  CSA_TRY(draw(t->layer->out->shape, 1, false, 1.0, &t->dout));
  CSA_TRY(csa_tensor_write_doubles(device, t->graph->input, t->in));
  CSA_TRY(csa_tensor_write_doubles(device, t->graph->out_gradient, t->dout));
  if (residual != NULL) {
    CSA_TRY(draw(c->residual, 2, false, 1.0, &t->residual));
    CSA_TRY(csa_tensor_write_doubles(device, residual, t->residual));
  }
  if (t->other != NULL) CSA_TRY(fill(device, t->other, 1.0));
  return set_parameters(t, device, c);
}

static void take_ones(double *values, csa_shape shape) {
  for (int64_t i = 0; i < csa_elements(shape); i++) values[i] -= 1.0;
}

static csa_status collect(csa_trial *t, csa_device *device, const csa_trial_case *c) {
  const csa_layer *l = t->layer;
  CSA_TRY(csa_tensor_read_doubles(device, l->out, &t->out));
  if (t->gradient != NULL) {
    CSA_TRY(csa_tensor_read_doubles(device, t->gradient, &t->din));
    if (t->other != NULL) take_ones(t->din, t->gradient->shape);
  }
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    if (l->dparam[slot] == NULL) continue;
    CSA_TRY(csa_tensor_read_doubles(device, l->dparam[slot], &t->dparam[slot]));
    if (c->accumulate) take_ones(t->dparam[slot], l->dparam[slot]->shape);
  }
  return CSA_OK;
}

csa_status csa_trial_run(csa_trial *t, csa_device *device, csa_choices choices, const csa_trial_case *c) {
  csa_tensor *residual;
  *t = (csa_trial){0};
  const csa_graph_config config = {.choices = choices,
                                   .batch = (int)c->in.dim[0],
                                   .training = true,
                                   .accumulate = c->accumulate,
                                   .input_gradient = c->input_gradient,
                                   .keep_all = true};
  CSA_TRY(csa_graph_create(&t->graph, device, config));
  CSA_TRY(build(t, c, &residual));
  CSA_TRY(set_inputs(t, device, c, residual));
  t->state = (csa_step_state){.active = c->active > 0 ? c->active : config.batch,
                              .training = !c->evaluates,
                              .first = 5,
                              .seed = {7, 9},
                              .step = 11};
  CSA_TRY(csa_schedule_state(t->graph, &t->state));
  CSA_TRY(csa_schedule_micro_step(t->graph));
  return collect(t, device, c);
}

void csa_trial_fini(csa_trial *t) {
  double *all[] = {t->in, t->residual, t->dout, t->out, t->din};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    free(t->param[slot]);
    free(t->dparam[slot]);
  }
  csa_graph_destroy(t->graph);
}

double csa_difference(const double *got, const double *want, int64_t count, int64_t *where) {
  double largest = 1.0, worst = 0.0;
  int64_t at = 0;
  for (int64_t i = 0; i < count; i++) {
    const double error = fabs(got[i] - want[i]);
    largest = fmax(largest, fabs(want[i]));
    if (error <= worst) continue;
    worst = error;
    at = i;
    if (isnan(error)) break; /* worse than any */
  }
  if (where != NULL) *where = at;
  return worst / largest;
}
