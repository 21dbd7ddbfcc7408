/* What a layer is. `plan` declares: the shape of the output, parameters, what backward will need. `forward` and
 * `backward` then record launches; a table of these functions closes the layer's file. */
#ifndef CSA_LAYERS_LAYER_H
#define CSA_LAYERS_LAYER_H

#include "device/plan.h"
#include "layer_list.h"

#define CSA_LAYER_SLOTS 6

/* Settings of all layers; each reads its own. */
typedef struct {
  int out;         /* linear, conv2d: outputs */
  int kernel;      /* conv2d: its side, 3 or 1 */
  bool no_bias;    /* conv2d: as where a norm follows, which would undo it */
  bool relu;       /* linear, conv2d, layernorm, batchnorm: max(y, 0) on the result */
  int reduction;   /* nonlocal: inner channels are so many times fewer */
  int heads;       /* attention */
  bool class_only; /* attention: only the first token queries; the output has one token */
  int patch;       /* patches: side of a patch */
  bool grid;       /* patches: squares of the image, not runs of its buffer */
  float rate;      /* dropout: share of the elements that become 0 */
  float smoothing; /* loss: share of a label that is spread over all classes, in training; below 1 */
} csa_layer_config;

/* PyTorch's default initial values. */
typedef enum {
  CSA_INIT_ZEROS,
  CSA_INIT_ONES,
  CSA_INIT_NORMAL, /* N(0, 1) */
  CSA_INIT_FAN_IN  /* uniform in +-sqrt(1 / fan_in) */
} csa_init;

/* One parameter as files know it: PyTorch's name and shape, a part of a tensor on the device. */
typedef struct {
  char name[CSA_TENSOR_NAME];
  csa_tensor *value, *gradient; /* views, of the shape in files; gradient is NULL in a plan that does not train */
  bool convolution;             /* [O, I, kh, kw] in files is [kh, kw, I, O] on the device */
  csa_init init;
  int fan_in;
  bool buffer; /* PyTorch's word: it is kept like a parameter, but is none, as running statistics are; it is fixed */
  bool fixed;  /* no optimizer changes it */
} csa_parameter;

/* All parameters of a model: two flat tensors of the same layout, and who lives where in them. */
typedef struct {
  csa_plan *plan;
  csa_tensor *values, *gradients; /* [total], each parameter aligned; gradients NULL: the plan does not train */
  const char *freeze;             /* names of parameters that are made fixed, as csa_graph_config has them; or NULL */
  csa_parameter *list;
  size_t count, capacity;
} csa_parameters;

/* The core of attention: sizes, and elements from a query to the next, in q and dq, and from a key to the next, in kv
 * and dkv. */
typedef struct {
  int images, heads, head, queries, tokens;
  int query_stride, key_stride;
  bool scaled; /* scores by 1 / sqrt(head) */
} csa_attention_core;

/* Slots of the saved tensors of a layer with attention: what csa_layer_attention_forward takes and writes. */
enum { CSA_QUERY, CSA_KEY_VALUE, CSA_CONTEXT, CSA_LSE };

typedef struct csa_layer csa_layer;

typedef struct {
  const char *name;
  csa_status (*plan)(csa_parameters *parameters, csa_layer *layer);
  csa_status (*forward)(csa_plan *plan, csa_layer *layer);
  csa_status (*backward)(csa_plan *plan, csa_layer *layer);
  bool joins;    /* backward adds `dother` to din */
  bool in_place; /* backward's din may be dout: what it reads of dout it reads before it writes there */
} csa_layer_ops;

struct csa_layer {
  const csa_layer_ops *ops;
  char name[CSA_TENSOR_NAME]; /* prefix of its parameters' names */
  int number;                 /* in the model, from 0 */
  csa_layer_config config;
  csa_tensor *in[2]; /* in[1]: a residual that is added to the output, or the labels; or NULL */
  csa_tensor *out;
  csa_tensor *param[CSA_LAYER_SLOTS], *dparam[CSA_LAYER_SLOTS]; /* gradients are written with the plan's beta */
  csa_tensor *saved[CSA_LAYER_SLOTS];
  csa_attention_core core;  /* of a layer with attention, set by plan; heads 0: it has none */
  csa_tensor *dout;         /* in backward: the gradient of out */
  csa_tensor *din;          /* in backward: where the gradient of in[0] goes; NULL if nobody needs it. A residual's
                               gradient is dout itself. */
  const csa_tensor *dother; /* in backward, of a layer that joins: the gradient of in[0] from its other readers, or
                               NULL */
};

/* csa_layer_linear, … one table for every name in CSA_LAYERS. */
#define CSA_LAYER_EXTERN(name) extern const csa_layer_ops csa_layer_##name;
CSA_LAYER_LIST(CSA_LAYER_EXTERN)
#undef CSA_LAYER_EXTERN

/* The loss layer's output [CSA_HISTORY, 2] has a row {sum of losses, right predictions} for each of so many batches;
 * its saved tensors have these slots. */
#define CSA_HISTORY 32
enum { CSA_LOSS_GRADIENT, CSA_LOSS_VALUES, CSA_LOSS_PREDICTIONS };

/* For `plan`: the output, a transient tensor of the plan's precision. */
csa_status csa_layer_output(csa_parameters *parameters, csa_layer *layer, csa_shape shape);

/* A tensor that forward writes and backward reads: activations, or statistics, which are always floats. */
csa_status csa_layer_saved(csa_parameters *parameters, csa_layer *layer, int slot, csa_shape shape, const char *name);
csa_status csa_layer_statistics(csa_parameters *parameters, csa_layer *layer, int slot, csa_shape shape,
                                const char *name);

/* Whether one of the patterns in `list`, with commas between, matches `name`, as a shell's do. */
bool csa_name_listed(const char *list, const char *name);

/* A part of a parameter tensor that has a name of its own in files. */
typedef struct {
  const char *name; /* "query.weight"; the layer's name and a dot go before it */
  csa_shape shape;  /* in files */
  bool convolution; /* as in csa_parameter */
} csa_part;

/* The parameter `slot`, made of `count` parts that follow each other in memory. */
csa_status csa_layer_param(csa_parameters *parameters, csa_layer *layer, int slot, csa_shape shape, csa_init init,
                           int fan_in, const csa_part *parts, int count);

/* A buffer, in param[slot]. In place of a gradient dparam[slot] takes, with the plan's beta, what a batch shows, times
 * its share of the step's images: where an update is made, the buffer moves towards it by CSA_BUFFER_MOMENTUM
 * (PyTorch's default for running statistics). */
#define CSA_BUFFER_MOMENTUM 0.1f
csa_status csa_layer_buffer(csa_parameters *parameters, csa_layer *layer, int slot, csa_shape shape, csa_init init,
                            const char *name);

/* Records the gradients of y = x W^T + b, of its weight [outputs, inputs] and bias, from dy [rows, outputs] and x,
 * whose rows are `stride` elements apart. */
csa_status csa_layer_weights_backward(csa_plan *plan, const csa_tensor *dy, int rows, int outputs, const csa_tensor *x,
                                      int stride, int inputs, csa_tensor *dweight, csa_tensor *dbias);

/* Records dz, the gradient before the layer's ReLU, in scratch. */
csa_status csa_layer_relu_backward(csa_plan *plan, const csa_layer *layer, csa_tensor **dz);

/* Columns of a head, at most: two rows of a tile of cl/attention.cl fill a quarter of local memory. */
#define CSA_HEAD_MAX 1024

/* Records the core. q, dq [images, queries, query_stride], kv, dkv [images, tokens, key_stride] (keys, then values),
 * y, dy [images, queries, heads * head], lse [images, heads, queries]: log-sum-exp of the scores, for backward. */
csa_status csa_layer_attention_forward(csa_plan *plan, const csa_attention_core *core, const csa_tensor *q,
                                       const csa_tensor *kv, csa_tensor *y, csa_tensor *lse);
csa_status csa_layer_attention_backward(csa_plan *plan, const csa_attention_core *core, const csa_tensor *q,
                                        const csa_tensor *kv, const csa_tensor *y, const csa_tensor *lse,
                                        const csa_tensor *dy, csa_tensor *dq, csa_tensor *dkv);

/* Max-pooling over squares of 2 x 2, of `cols` columns from `first` on of x [images, height, width, stride], to
 * y [images, height / 2, width / 2, cols]. */
typedef struct {
  int images, height, width, cols, first, stride;
} csa_pooling;

/* Records it; backward writes those columns of dx. */
csa_status csa_layer_pool_forward(csa_plan *plan, const csa_pooling *pooling, const csa_tensor *x, csa_tensor *y);
csa_status csa_layer_pool_backward(csa_plan *plan, const csa_pooling *pooling, const csa_tensor *x,
                                   const csa_tensor *dy, csa_tensor *dx);

/* Elements side by side, in rows of `cols`, that one work-item of a copying kernel takes: on a GPU one, so that
 * neighbours read neighbours. */
int csa_layer_run(const csa_plan *plan, int64_t cols);

/* "linear 'fc': why", CSA_USAGE: a model that cannot be. */
csa_status csa_layer_bad(const csa_layer *layer, const char *why);

#endif
