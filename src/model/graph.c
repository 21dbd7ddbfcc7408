#include "model/graph.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "core/rng.h"
#include "model/scaler.h"

csa_status csa_graph_create(csa_graph **out, csa_device *device, csa_graph_config config) {
  csa_graph *graph = NULL;
  csa_status status;
  CSA_GO(csa_new(&graph, 1, sizeof *graph));
  graph->device = device;
  graph->config = config;
  CSA_GO(csa_plan_create(&graph->plan, device, config.choices));
  graph->plan->keep_all = config.keep_all;
  graph->plan->beta = config.accumulate ? 1.0f : 0.0f;
  graph->parameters.plan = graph->plan;
  graph->parameters.freeze = config.freeze;
  CSA_GO(csa_plan_tensor(graph->plan, CSA_PARAMETER, CSA_F32, csa_shape1(0), &graph->parameters.values, "parameters"));
  if (config.training)
    CSA_GO(
        csa_plan_tensor(graph->plan, CSA_GRADIENT, CSA_F32, csa_shape1(0), &graph->parameters.gradients, "gradients"));
  *out = graph;
  graph = NULL;
done:
  csa_graph_destroy(graph);
  return status;
}

void csa_graph_destroy(csa_graph *graph) {
  if (graph == NULL) return;
  for (int i = 0; i < 2; i++)
    if (graph->pace[i] != NULL) clReleaseEvent(graph->pace[i]);
  csa_plan_destroy(graph->plan);
  free(graph->parameters.list);
  free(graph->layers);
  free(graph->gradients);
  free(graph);
}

/* Keeps the first failure; the thread's sentence may be another by the time it is reported. */
static bool failed(csa_graph *graph, csa_status status) {
  if (status == CSA_OK || graph->status != CSA_OK) return graph->status != CSA_OK;
  graph->status = status;
  snprintf(graph->error, sizeof graph->error, "%s", csa_last_error());
  return true;
}

static csa_gradient *find(csa_graph *graph, const csa_tensor *value) {
  for (size_t i = 0; i < graph->gradient_count; i++)
    if (graph->gradients[i].value == value) return &graph->gradients[i];
  return NULL;
}

static csa_status know(csa_graph *graph, const csa_tensor *value, bool wanted) {
  CSA_TRY(csa_grow(&graph->gradients, graph->gradient_count, &graph->gradient_capacity, sizeof *graph->gradients));
  graph->gradients[graph->gradient_count++] = (csa_gradient){value, NULL, wanted};
  return CSA_OK;
}

csa_tensor *csa_graph_input(csa_graph *graph, csa_shape shape) {
  if (graph->status != CSA_OK) return NULL;
  if (failed(graph,
             csa_plan_tensor(graph->plan, CSA_DATA, csa_plan_storage(graph->plan), shape, &graph->input, "input")))
    return NULL;
  if (failed(graph, know(graph, graph->input, graph->config.input_gradient))) return NULL;
  return graph->input;
}

static csa_status add_layer(csa_graph *graph, csa_layer layer) {
  CSA_TRY(csa_grow(&graph->layers, graph->layer_count, &graph->layer_capacity, sizeof *graph->layers));
  const size_t parameters = graph->parameters.count;
  csa_layer *added = &graph->layers[graph->layer_count];
  *added = layer;
  added->number = (int)graph->layer_count;
  CSA_TRY(layer.ops->plan(&graph->parameters, added));
  graph->layer_count++;
  bool wanted = false; /* what is before the first parameter that is trained needs no backward */
  for (size_t i = parameters; i < graph->parameters.count; i++) wanted = wanted || !graph->parameters.list[i].fixed;
  for (int i = 0; i < 2; i++) {
    const csa_gradient *in = layer.in[i] != NULL ? find(graph, layer.in[i]) : NULL;
    wanted = wanted || (in != NULL && in->wanted);
  }
  return know(graph, added->out, wanted);
}

csa_tensor *csa_graph_add(csa_graph *graph, const csa_layer_ops *ops, csa_layer_config config, csa_tensor *in,
                          csa_tensor *residual, const char *name_format, ...) {
  if (graph->status != CSA_OK) return NULL;
  csa_layer layer = {.ops = ops, .config = config, .in = {in, residual}};
  va_list args;
  va_start(args, name_format);
  vsnprintf(layer.name, sizeof layer.name, name_format, args);
  va_end(args);
  if (failed(graph, add_layer(graph, layer))) return NULL;
  graph->out = graph->layers[graph->layer_count - 1].out;
  return graph->out;
}

static csa_status add_loss(csa_graph *graph, csa_tensor *logits) {
  const csa_shape images = csa_shape1(logits->shape.dim[0]);
  CSA_TRY(csa_plan_tensor(graph->plan, CSA_DATA, CSA_I32, images, &graph->labels, "labels"));
  logits->role = CSA_DATA; /* the host reads them after forward */
  CSA_TRY(add_layer(graph, (csa_layer){.ops = &csa_layer_loss,
                                       .name = "loss",
                                       .config = {.smoothing = graph->config.smoothing},
                                       .in = {logits, graph->labels}}));
  const csa_layer *loss = &graph->layers[graph->layer_count - 1];
  graph->history = loss->out;
  graph->predictions = loss->saved[CSA_LOSS_PREDICTIONS];
  return CSA_OK;
}

void csa_graph_loss(csa_graph *graph, csa_tensor *logits) {
  if (graph->status == CSA_OK) failed(graph, add_loss(graph, logits));
}

static void label(csa_graph *graph, const csa_layer *layer, const char *what) {
  const char *name = layer->name[0] != '\0' ? layer->name : layer->ops->name;
  snprintf(graph->plan->label, sizeof graph->plan->label, "%.80s %s", name, what);
}

/* A tensor read by several layers has a gradient that is a sum. A part may belong to another tensor as well (a
 * residual's is its reader's own), so the sum goes to a new place. */
static csa_status join(csa_graph *graph, csa_gradient *entry, csa_tensor *part) {
  if (entry->gradient == NULL) {
    entry->gradient = part;
    return CSA_OK;
  }
  const csa_tensor *a = entry->gradient, *b = part;
  const int n = (int)csa_elements(a->shape);
  csa_tensor *sum;
  CSA_TRY(
      csa_plan_tensor(graph->plan, CSA_TRANSIENT, a->dtype, a->shape, &sum, "gradient of %.80s", entry->value->name));
  entry->gradient = sum;
  return csa_launch(graph->plan, csa_kernel_named(graph->plan, "join_add", "%s", ""), csa_items(n),
                    CSA_ARGS(a, b, sum, n));
}

/* Whether the layer is the last to read its output's gradient, and nobody will inspect it. */
static bool may_overwrite(const csa_graph *graph, const csa_layer *layer) {
  if (layer->dout->role != CSA_TRANSIENT || layer->in[1] != NULL || graph->config.keep_all) return false;
  int owners = 0; /* a residual's gradient is its reader's own */
  for (size_t i = 0; i < graph->gradient_count; i++) owners += graph->gradients[i].gradient == layer->dout;
  return owners == 1;
}

static csa_status place_din(csa_graph *graph, csa_layer *layer, const csa_tensor *in) {
  if (layer->ops->in_place && may_overwrite(graph, layer)) {
    layer->din = layer->dout;
    return CSA_OK;
  }
  return csa_plan_tensor(graph->plan, CSA_TRANSIENT, in->dtype, in->shape, &layer->din, "gradient of %.80s", in->name);
}

static csa_status layer_backward(csa_graph *graph, csa_layer *layer) {
  csa_gradient *in = find(graph, layer->in[0]), *residual = layer->in[1] != NULL ? find(graph, layer->in[1]) : NULL;
  const csa_gradient *out = find(graph, layer->out);
  assert(in != NULL && out != NULL); /* inputs and outputs are known from the time they are added */
  csa_tensor *dout = out->gradient;
  if (!out->wanted || (dout == NULL && layer->ops != &csa_layer_loss)) return CSA_OK; /* nothing to learn, or unread */
  label(graph, layer, "backward");
  layer->dout = dout;
  layer->din = NULL;
  if (in->wanted && dout != NULL) CSA_TRY(place_din(graph, layer, in->value)); /* the loss has no dout */
  layer->dother = layer->ops->joins ? in->gradient : NULL;
  CSA_TRY(layer->ops->backward(graph->plan, layer));
  if (layer->dother != NULL)
    in->gradient = layer->din;
  else if (in->wanted)
    CSA_TRY(join(graph, in, layer->din));
  if (residual != NULL && residual->wanted) CSA_TRY(join(graph, residual, dout));
  return CSA_OK;
}

static csa_status record(csa_graph *graph) {
  csa_plan_record(graph->plan, CSA_MICRO_STEP);
  if (graph->config.training && graph->labels != NULL) CSA_TRY(csa_scaler_begin(graph));
  for (size_t i = 0; i < graph->layer_count; i++) {
    label(graph, &graph->layers[i], "forward");
    CSA_TRY(graph->layers[i].ops->forward(graph->plan, &graph->layers[i]));
  }
  graph->forward_end = graph->plan->node_count;
  if (!graph->config.training) return CSA_OK;
  if (graph->labels == NULL) {
    CSA_TRY(csa_plan_tensor(graph->plan, CSA_DATA, graph->out->dtype, graph->out->shape, &graph->out_gradient,
                            "output gradient"));
    csa_gradient *last = find(graph, graph->out);
    assert(last != NULL);
    last->gradient = graph->out_gradient;
  }
  for (size_t i = graph->layer_count; i-- > 0;) CSA_TRY(layer_backward(graph, &graph->layers[i]));
  return CSA_OK;
}

csa_status csa_graph_record(csa_graph *graph) {
  if (graph->status == CSA_OK) failed(graph, record(graph));
  return graph->status == CSA_OK ? CSA_OK : csa_fail(graph->status, "%s", graph->error);
}

int64_t csa_graph_parameter_count(const csa_graph *graph) {
  int64_t count = 0;
  for (size_t i = 0; i < graph->parameters.count; i++) {
    const csa_parameter *p = &graph->parameters.list[i];
    count += p->buffer ? 0 : csa_elements(p->value->shape);
  }
  return count;
}

double csa_graph_flops(const csa_graph *graph, bool training) {
  const csa_plan *plan = graph->plan;
  const size_t end = training ? plan->list_end[CSA_MICRO_STEP] : graph->forward_end;
  double flops = 0.0;
  for (size_t i = 0; i < end; i++) flops += plan->nodes[i].flops;
  return flops / graph->config.batch;
}

static float initial_value(const csa_parameter *parameter, const csa_rng *rng, int64_t i) {
  switch (parameter->init) {
    case CSA_INIT_ZEROS: return 0.0f;
    case CSA_INIT_ONES: return 1.0f;
    case CSA_INIT_NORMAL: return csa_rng_normal(rng, (uint64_t)i);
    case CSA_INIT_FAN_IN: break;
  }
  const float bound = 1.0f / sqrtf((float)parameter->fan_in);
  return bound * (2.0f * csa_rng_uniform(rng, (uint64_t)i) - 1.0f);
}

csa_status csa_graph_initialize(csa_graph *graph, uint64_t seed) {
  for (size_t p = 0; p < graph->parameters.count; p++) {
    const csa_parameter *parameter = &graph->parameters.list[p];
    const csa_rng rng = {seed, CSA_RNG_INIT, (uint32_t)p}; /* a stream for each parameter */
    const int64_t count = csa_elements(parameter->value->shape);
    float *values = NULL;
    CSA_TRY(csa_new(&values, (size_t)count, sizeof *values));
    for (int64_t i = 0; i < count; i++) values[i] = initial_value(parameter, &rng, i);
    const csa_status status = csa_tensor_upload(graph->device, parameter->value, values);
    free(values);
    CSA_TRY(status);
  }
  return CSA_OK;
}
