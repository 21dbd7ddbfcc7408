#include "verify/against.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/scaler.h"
#include "selftest/trial.h"
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
  csa_divergence *result;
  tolerances tolerance;
  csa_sample tested, reference;
  size_t first_row; /* of the step */
  int step;
} comparison;

/* The tested side goes on from where the reference is. */
static csa_status join(const comparison *c) {
  const csa_sample *a = &c->tested, *b = &c->reference;
  const csa_tensor *const to[] = {a->graph->parameters.values, a->optimizer.first, a->optimizer.second},
                          *const from[] = {b->graph->parameters.values, b->optimizer.first, b->optimizer.second};
  for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
    CSA_TRY(csa_tensor_copy(b->graph->device, from[i], a->graph->device, to[i]));
  return CSA_OK;
}

static csa_status run(csa_sample *s, int number) {
  csa_scaler_state state;
  CSA_TRY(csa_scaler_get(s->graph, &state));
  state.scale = HALF_SCALE;
  CSA_TRY(csa_scaler_set(s->graph, &state));
  return csa_sample_step(s, number);
}

/* Gradients without the loss's scale. */
static csa_status download(const csa_sample *s, const csa_tensor *tensor, bool gradient, double **values) {
  float scale;
  CSA_TRY(csa_tensor_read_doubles(s->graph->device, tensor, values));
  if (!gradient) return CSA_OK;
  CSA_TRY(csa_schedule_scale(s->graph, &scale));
  for (int64_t i = 0; i < csa_elements(tensor->shape); i++) (*values)[i] /= (double)scale;
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

static csa_status compare(const comparison *c, size_t layer, csa_against_kind kind, const csa_tensor *tested,
                          const csa_tensor *reference) {
  double *a = NULL, *b = NULL;
  csa_status status;
  CSA_GO(download(&c->tested, tested, kind == CSA_GRADIENTS, &a));
  CSA_GO(download(&c->reference, reference, kind == CSA_GRADIENTS, &b));
  enter(c, layer, kind, relative(a, b, NULL, csa_elements(reference->shape)));
done:
  free(a);
  free(b);
  return status;
}

static csa_status compare_layers(const comparison *c) {
  for (size_t i = 0; i < c->reference.graph->layer_count; i++) {
    const csa_layer *x = &c->tested.graph->layers[i], *y = &c->reference.graph->layers[i];
    CSA_TRY(compare(c, i, CSA_ACTIVATIONS, output_of(x), output_of(y)));
    if (x->dout != NULL && y->dout != NULL) CSA_TRY(compare(c, i, CSA_GRADIENTS, x->dout, y->dout));
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

/* A gradient that is 0 in exact arithmetic is rounding on both sides: it need only be tiny beside the others, and its
 * parameters go where the rounding points. */
static void compare_parameter_gradients(const comparison *c, const double *tested, const double *reference) {
  const csa_graph *g = c->reference.graph;
  for (size_t i = 0; i < g->parameters.count; i++) {
    const csa_parameter *p = &g->parameters.list[i];
    const int64_t at = p->value->start, count = csa_elements(p->value->shape);
    const double error = csa_gradient_is_zero(p)
                             ? rms(tested + at, count) / rms(reference, csa_elements(g->parameters.values->shape))
                             : relative(tested + at, reference + at, NULL, count);
    enter(c, layer_of(g, p), CSA_PARAMETER_GRADIENTS, error);
  }
}

static void compare_parameters(const comparison *c, const double *tested, const double *reference,
                               const double *before) {
  const csa_graph *g = c->reference.graph;
  for (size_t i = 0; i < g->parameters.count; i++) {
    const csa_parameter *p = &g->parameters.list[i];
    const int64_t at = p->value->start, count = csa_elements(p->value->shape);
    if (csa_gradient_is_zero(p)) continue;
    enter(c, layer_of(g, p), CSA_PARAMETERS, relative(tested + at, reference + at, before + at, count));
  }
}

/* Gradients of all parameters; where `before` says what they were before the step, the parameters themselves. */
static csa_status compare_flat(const comparison *c, const double *before) {
  const csa_parameters *x = &c->tested.graph->parameters, *y = &c->reference.graph->parameters;
  const bool gradients = before == NULL;
  double *a = NULL, *b = NULL;
  csa_status status;
  CSA_GO(download(&c->tested, gradients ? x->gradients : x->values, gradients, &a));
  CSA_GO(download(&c->reference, gradients ? y->gradients : y->values, gradients, &b));
  if (gradients)
    compare_parameter_gradients(c, a, b);
  else
    compare_parameters(c, a, b, before);
done:
  free(a);
  free(b);
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
  CSA_GO(run(&c->tested, c->step));
  CSA_GO(run(&c->reference, c->step));
  CSA_GO(begin_step(c));
  CSA_GO(compare_layers(c));
  CSA_GO(compare_flat(c, NULL));
  CSA_GO(compare_flat(c, before));
  find_first(c);
done:
  free(before);
  return status;
}

csa_status csa_against(csa_divergence *d, const csa_side *tested, const csa_side *reference,
                       const csa_sample_config *config) {
  comparison c = {.result = d};
  csa_status status;
  *d = (csa_divergence){0};
  const bool halves = (tested->choices.precision | reference->choices.precision) == CSA_PRECISION_F16;
  c.tolerance = halves                                           ? half_tolerances
                : csa_architecture_is_vit(&config->architecture) ? vit_tolerances
                                                                 : cnn_tolerances;
  CSA_GO(csa_sample_create(&c.tested, tested, config, true));
  CSA_GO(csa_sample_create(&c.reference, reference, config, true));
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
