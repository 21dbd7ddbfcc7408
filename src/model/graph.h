/* A model: layers over tensors, and the plan that comes of them. Layers are added in the order in which they run; what
 * fails makes all later calls do nothing, and csa_graph_record reports it. */
#ifndef CSA_MODEL_GRAPH_H
#define CSA_MODEL_GRAPH_H

#include "layers/layer.h"

typedef struct {
  csa_choices choices;
  int batch;
  bool training;       /* with backward and gradients */
  bool keep_all;       /* every tensor keeps its place to the end, for inspection */
  bool accumulate;     /* gradients are added to what is there */
  bool input_gradient; /* also of the graph's input */
  float smoothing;     /* of labels, in training; from 0, below 1 */
  const char *freeze;  /* parameters that stay as they are: patterns for names, with commas between; NULL: none */
} csa_graph_config;

/* A tensor and its gradient, as far as backward has come. */
typedef struct {
  const csa_tensor *value;
  csa_tensor *gradient; /* NULL until a reader of `value` has gone backward */
  bool wanted;
} csa_gradient;

typedef struct csa_graph {
  csa_device *device;
  csa_plan *plan;
  csa_graph_config config;
  csa_parameters parameters;
  csa_layer *layers;
  size_t layer_count, layer_capacity;
  csa_gradient *gradients;
  size_t gradient_count, gradient_capacity;
  csa_tensor *input;        /* [N, H, W, C] */
  csa_tensor *labels;       /* I32 [N]; NULL without a loss */
  csa_tensor *out;          /* of the last layer but the loss: the logits */
  csa_tensor *out_gradient; /* of `out`, where there is no loss: to be uploaded */
  csa_tensor *history;      /* of losses and right predictions, by slot; NULL without a loss */
  csa_tensor *predictions;  /* I32 [N]; NULL without a loss */
  csa_tensor *scaler;       /* of the loss, see scaler.h; NULL for floats, and without training */
  csa_tensor *guard;        /* of the updates, see guard.h; NULL without any */
  cl_event pace[2];         /* the ends of the last steps queued; used by schedule.c alone */
  size_t forward_end;       /* nodes before it are forward and loss */
  csa_status status;        /* of the first call that failed */
  char error[1024];         /* its sentence */
} csa_graph;

csa_status csa_graph_create(csa_graph **graph, csa_device *device, csa_graph_config config);
void csa_graph_destroy(csa_graph *graph);

/* The input, [batch, height, width, channels] or any other shape that the first layer takes. */
csa_tensor *csa_graph_input(csa_graph *graph, csa_shape shape);

/* Adds a layer that reads `in` and, where not NULL, `residual`; returns its output, or NULL after a failure. */
csa_tensor *csa_graph_add(csa_graph *graph, const csa_layer_ops *ops, csa_layer_config config, csa_tensor *in,
                          csa_tensor *residual, const char *name_format, ...) __attribute__((format(printf, 6, 7)));

/* Ends the model with softmax cross-entropy on `logits`. */
void csa_graph_loss(csa_graph *graph, csa_tensor *logits);

/* Records the micro-step: forward of every layer and, for training, backward. Reports the first failure of all. */
csa_status csa_graph_record(csa_graph *graph);

/* Elements of all parameters; buffers are none. */
int64_t csa_graph_parameter_count(const csa_graph *graph);

/* Floating-point operations of the products of one image, 2 per multiply-add: of forward alone, or of forward and
 * backward, where what backward computes again is not counted. Norms, softmax and the like are not products. The graph
 * is recorded. */
double csa_graph_flops(const csa_graph *graph, bool training);

/* Draws initial values for `seed` and uploads them. */
csa_status csa_graph_initialize(csa_graph *graph, uint64_t seed);

#endif
