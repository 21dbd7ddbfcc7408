#include "verify/against.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/scaler.h"
#include "selftest/trial.h"
#include "verify/sample.h"

#define LEARNING_RATE 1e-3f
#define HALF_SCALE 1024.0f /* of the loss where activations are halves: every step's gradients fit */

/* Relative L2 errors. Of activations: rounding alone, more of it where convolutions are transformed. Of gradients: a
 * number near 0 may be on either side of a ReLU, or another of two nearly equal ones the maximum, and then a whole
 * gradient goes another way. Of parameters, relative to how far the step moved them: Adam's first steps are about
 * lr * sign(gradient), whatever the gradient's size. */
typedef struct {
  double kinds[CSA_KINDS];
} tolerances;
static const tolerances vit_tolerances = {{5e-6, 2e-3, 2e-3, 5e-2}};
static const tolerances cnn_tolerances = {{2e-5, 5e-2, 2e-2, 2e-1}};
static const tolerances half_tolerances = {{5e-3, 2e-1, 1e-1, 5e-1}}; /* one side, or both */

static const char *const kind_texts[CSA_KINDS] = {"activations", "gradients", "parameter gradients", "parameters"};

const char *csa_against_text(csa_against_kind kind) { return kind_texts[kind]; }

typedef struct {
  csa_graph *graph;
  csa_optimizer optimizer;
  float scale; /* of this step's gradients */
} side;

typedef struct {
  csa_divergence *result;
  const csa_against_config *config;
  tolerances tolerance;
  side tested, reference;
  size_t first_row; /* of the step */
  int step;
} comparison;

static csa_status build(side *s, const csa_side *given, const csa_against_config *c) {
  const csa_graph_config config = {.choices = given->choices, .batch = c->batch, .training = true, .keep_all = true};
  CSA_TRY(csa_graph_create(&s->graph, given->device, config));
  CSA_TRY(csa_architecture_build(&c->architecture, s->graph));
  CSA_TRY(csa_optimizer_record(&s->optimizer, s->graph, (csa_optimizer_config){.kind = CSA_ADAM, .lr = LEARNING_RATE}));
  return csa_schedule_prepare(s->graph);
}

static csa_status copy(const side *from, const csa_tensor *source, const side *to, const csa_tensor *target) {
  double *values = NULL;
  csa_status status = csa_tensor_read_doubles(from->graph->device, source, &values);
  if (status == CSA_OK) status = csa_tensor_write_doubles(to->graph->device, target, values);
  free(values);
  return status;
}

static csa_status set_scale(const side *s) {
  csa_scaler_state state;
  CSA_TRY(csa_scaler_get(s->graph, &state));
  state.scale = HALF_SCALE;
  return csa_scaler_set(s->graph, &state);
}

/* The tested side goes on from where the reference is. */
static csa_status join(const comparison *c) {
  const side *from = &c->reference, *to = &c->tested;
  CSA_TRY(copy(from, from->graph->parameters.values, to, to->graph->parameters.values));
  CSA_TRY(copy(from, from->optimizer.first, to, to->optimizer.first));
  return copy(from, from->optimizer.second, to, to->optimizer.second);
}

static csa_status run(const comparison *c, side *s) {
  csa_step_state state = {.active = c->config->batch};
  csa_optimizer_step(&s->optimizer, c->step, &state);
  CSA_TRY(set_scale(s));
  CSA_TRY(csa_sample_batch(s->graph, c->config->architecture.classes, c->config->seed, c->step));
  CSA_TRY(csa_schedule_state(s->graph, &state));
  CSA_TRY(csa_schedule_micro_step(s->graph));
  CSA_TRY(csa_schedule_scale(s->graph, &s->scale));
  return csa_schedule_update(s->graph);
}

static csa_status download_gradients(const side *s, const csa_tensor *tensor, double **values) {
  CSA_TRY(csa_tensor_read_doubles(s->graph->device, tensor, values));
  for (int64_t i = 0; i < csa_elements(tensor->shape); i++) (*values)[i] /= (double)s->scale;
  return CSA_OK;
}

/* |a - b| / |b| in the L2 norm, b being the reference; `before`, where not NULL, is taken off b's norm: what changed.
 */
static double relative(const double *a, const double *b, const double *before, int64_t count) {
  double difference = 0.0, whole = 0.0;
  for (int64_t i = 0; i < count; i++) {
    const double own = before != NULL ? b[i] - before[i] : b[i];
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    whole += own * own;
  }
  return difference == 0.0 ? 0.0 : sqrt(difference / whole);
}

static csa_status compare_outputs(const comparison *c, const csa_tensor *tested, const csa_tensor *reference,
                                  double *error) {
  double *a = NULL, *b = NULL;
  csa_status status;
  CSA_GO(csa_tensor_read_doubles(c->tested.graph->device, tested, &a));
  CSA_GO(csa_tensor_read_doubles(c->reference.graph->device, reference, &b));
  *error = relative(a, b, NULL, csa_elements(reference->shape));
done:
  free(a);
  free(b);
  return status;
}

static csa_status compare_gradients(const comparison *c, const csa_tensor *tested, const csa_tensor *reference,
                                    double *error) {
  double *a = NULL, *b = NULL;
  csa_status status;
  CSA_GO(download_gradients(&c->tested, tested, &a));
  CSA_GO(download_gradients(&c->reference, reference, &b));
  *error = relative(a, b, NULL, csa_elements(reference->shape));
done:
  free(a);
  free(b);
  return status;
}

static void enter(const comparison *c, size_t layer, csa_against_kind kind, double error) {
  csa_divergence *d = c->result;
  csa_against_row *row = &d->rows[c->first_row + layer];
  csa_check *check = &row->kinds[kind];
  const double limit = c->tolerance.kinds[kind];
  if (check->name[0] != '\0' && !(error > check->error) && !isnan(error)) return; /* another parameter is off more */
  *check = (csa_check){.error = error, .tolerance = limit, .ok = error <= limit};
  snprintf(check->name, sizeof check->name, "step %d: %s (%s): %s", row->step, row->layer, row->ops, kind_texts[kind]);
}

static csa_status begin_step(comparison *c) {
  csa_divergence *d = c->result;
  const csa_graph *g = c->reference.graph;
  c->first_row = d->count;
  for (size_t i = 0; i < g->layer_count; i++) {
    const csa_layer *l = &g->layers[i];
    CSA_TRY(csa_grow(&d->rows, d->count, &d->capacity, sizeof *d->rows));
    csa_against_row *row = &d->rows[d->count++];
    *row = (csa_against_row){.step = c->step, .ops = l->ops->name};
    snprintf(row->layer, sizeof row->layer, "%s", l->name[0] != '\0' ? l->name : l->ops->name);
  }
  return CSA_OK;
}

/* A layer's output; of the loss, whose output is for many steps, each image's. */
static const csa_tensor *output_of(const csa_layer *l) {
  return l->ops == &csa_layer_loss ? l->saved[CSA_LOSS_VALUES] : l->out;
}

static csa_status compare_layers(const comparison *c) {
  const csa_graph *a = c->tested.graph, *b = c->reference.graph;
  for (size_t i = 0; i < b->layer_count; i++) {
    const csa_layer *x = &a->layers[i], *y = &b->layers[i];
    double error;
    CSA_TRY(compare_outputs(c, output_of(x), output_of(y), &error));
    enter(c, i, CSA_ACTIVATIONS, error);
    if (x->dout == NULL || y->dout == NULL) continue;
    CSA_TRY(compare_gradients(c, x->dout, y->dout, &error));
    enter(c, i, CSA_GRADIENTS, error);
  }
  return CSA_OK;
}

/* The layer whose slot has the parameter. */
static size_t layer_of(const csa_graph *g, const csa_parameter *p) {
  for (size_t i = 0; i < g->layer_count; i++)
    for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
      const csa_tensor *t = g->layers[i].param[slot];
      if (t != NULL && t->start <= p->value->start && p->value->start < t->start + csa_elements(t->shape)) return i;
    }
  return 0;
}

static double rms(const double *values, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) sum += values[i] * values[i];
  return count > 0 ? sqrt(sum / (double)count) : 0.0;
}

/* Gradients of all parameters, or the parameters themselves with what they were before the step. */
typedef struct {
  double *tested, *reference, *before;
} flat;

static void flat_fini(flat *f) { free(f->tested), free(f->reference), free(f->before); }

/* A gradient that is 0 in exact arithmetic is rounding on both sides: it need only be tiny beside the others, and its
 * parameters go where the rounding points. */
static void compare_parameter_gradients(const comparison *c, const flat *f, int64_t all) {
  const csa_graph *g = c->reference.graph;
  for (size_t i = 0; i < g->parameters.count; i++) {
    const csa_parameter *p = &g->parameters.list[i];
    const int64_t at = p->value->start, count = csa_elements(p->value->shape);
    const double error = csa_gradient_is_zero(p) ? rms(f->tested + at, count) / rms(f->reference, all)
                                                 : relative(f->tested + at, f->reference + at, NULL, count);
    enter(c, layer_of(g, p), CSA_PARAMETER_GRADIENTS, error);
  }
}

static void compare_parameters(const comparison *c, const flat *f) {
  const csa_graph *g = c->reference.graph;
  for (size_t i = 0; i < g->parameters.count; i++) {
    const csa_parameter *p = &g->parameters.list[i];
    const int64_t at = p->value->start, count = csa_elements(p->value->shape);
    if (csa_gradient_is_zero(p)) continue;
    enter(c, layer_of(g, p), CSA_PARAMETERS, relative(f->tested + at, f->reference + at, f->before + at, count));
  }
}

static csa_status compare_flat(const comparison *c, double **before) {
  const csa_parameters *a = &c->tested.graph->parameters, *b = &c->reference.graph->parameters;
  flat gradients = {0}, values = {.before = *before};
  csa_status status;
  *before = NULL;
  CSA_GO(download_gradients(&c->tested, a->gradients, &gradients.tested));
  CSA_GO(download_gradients(&c->reference, b->gradients, &gradients.reference));
  compare_parameter_gradients(c, &gradients, csa_elements(b->gradients->shape));
  CSA_GO(csa_tensor_read_doubles(c->tested.graph->device, a->values, &values.tested));
  CSA_GO(csa_tensor_read_doubles(c->reference.graph->device, b->values, &values.reference));
  compare_parameters(c, &values);
done:
  flat_fini(&gradients);
  flat_fini(&values);
  return status;
}

/* The row and kind at place `i` of the order in which a step computes. */
static void place(const comparison *c, size_t i, size_t layers, csa_against_row **row, csa_against_kind *kind) {
  const size_t last = layers - 1;
  if (i < layers) {
    *row = &c->result->rows[c->first_row + i];
    *kind = CSA_ACTIVATIONS;
  } else if (i < 3 * layers) { /* backward, last layer first: its output's gradient, then its parameters' */
    *row = &c->result->rows[c->first_row + last - (i - layers) / 2];
    *kind = (i - layers) % 2 == 0 ? CSA_GRADIENTS : CSA_PARAMETER_GRADIENTS;
  } else {
    *row = &c->result->rows[c->first_row + i - 3 * layers];
    *kind = CSA_PARAMETERS;
  }
}

static void find_first(const comparison *c) {
  const size_t layers = c->reference.graph->layer_count;
  for (size_t i = 0; i < 4 * layers && c->result->first == NULL; i++) {
    csa_against_row *row;
    csa_against_kind kind;
    place(c, i, layers, &row, &kind);
    if (row->kinds[kind].name[0] == '\0' || row->kinds[kind].ok) continue;
    c->result->first = row;
    c->result->first_kind = kind;
  }
}

static csa_status step(comparison *c) {
  double *before = NULL;
  csa_status status;
  CSA_GO(join(c));
  CSA_GO(csa_tensor_read_doubles(c->reference.graph->device, c->reference.graph->parameters.values, &before));
  CSA_GO(run(c, &c->tested));
  CSA_GO(run(c, &c->reference));
  CSA_GO(begin_step(c));
  CSA_GO(compare_layers(c));
  CSA_GO(compare_flat(c, &before));
  find_first(c);
done:
  free(before);
  return status;
}

csa_status csa_against(csa_divergence *d, const csa_side *tested, const csa_side *reference,
                       const csa_against_config *config) {
  comparison c = {.result = d, .config = config};
  csa_status status;
  *d = (csa_divergence){0};
  const bool halves = (tested->choices.precision | reference->choices.precision) == CSA_PRECISION_F16;
  c.tolerance = halves                                           ? half_tolerances
                : csa_architecture_is_vit(&config->architecture) ? vit_tolerances
                                                                 : cnn_tolerances;
  CSA_GO(build(&c.tested, tested, config));
  CSA_GO(build(&c.reference, reference, config));
  CSA_GO(csa_graph_initialize(c.reference.graph, config->seed));
  for (c.step = 1; c.step <= config->steps && d->first == NULL; c.step++) CSA_GO(step(&c));
done:
  csa_graph_destroy(c.tested.graph);
  csa_graph_destroy(c.reference.graph);
  return status;
}

void csa_divergence_fini(csa_divergence *d) {
  free(d->rows);
  *d = (csa_divergence){0};
}
