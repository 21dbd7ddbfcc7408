/* The library's models: calls of clsattn.h are kept as a list of layers, and csa_model_build makes graph, optimizer and
 * feed of it, the same ones that the command line trains with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/feed.h"
#include "model/optimizer.h"
#include "model/weights.h"

#define NAME_MAX_BYTES 60 /* of a layer; a parameter's name adds to it */
#define INPUT 1           /* the input's node; layer i of the list is node i + 2 */

typedef struct {
  const csa_layer_ops *ops;
  csa_layer_config config;
  int in, residual; /* nodes; 0: none */
  char name[NAME_MAX_BYTES + 1];
} layer_call;

struct csa_model {
  csa_device *device;
  csa_size size;
  layer_call *layers;
  size_t count, capacity;
  int logits; /* node; 0 without a classifier */
  csa_graph *graph;
  csa_optimizer optimizer;
  csa_dataset format; /* of the images that csa_feed is given */
  csa_split split;    /* a batch of the caller's */
  int32_t *no_labels; /* [batch] zeros, for predictions */
  csa_feed *feed;     /* NULL until built */
  int64_t step;
  uint64_t seed;
  csa_status status; /* of the first call that failed */
  char error[512];   /* its sentence */
};

csa_status csa_model_create(csa_model **out, csa_device *device, csa_size size) {
  *out = NULL;
  if (size.height < 1 || size.width < 1 || size.channels < 1)
    return csa_fail(CSA_USAGE, "model: images of %d x %d x %d: must be from 1 up", size.height, size.width,
                    size.channels);
  CSA_TRY(csa_new(out, 1, sizeof **out));
  (*out)->device = device;
  (*out)->size = size;
  return CSA_OK;
}

void csa_model_destroy(csa_model *m) {
  if (m == NULL) return;
  csa_feed_destroy(m->feed);
  csa_graph_destroy(m->graph);
  free(m->no_labels);
  free(m->layers);
  free(m);
}

/* Keeps the first failure: the thread's sentence may be another by the time it is reported. */
static csa_node keep_failure(csa_model *m, csa_status status) {
  if (m->status == CSA_OK) snprintf(m->error, sizeof m->error, "%s", csa_last_error());
  if (m->status == CSA_OK) m->status = status;
  return (csa_node){0};
}

static csa_status check_call(const csa_model *m, const layer_call *call) {
  const int last = (int)m->count + INPUT;
  if (m->graph != NULL) return csa_fail(CSA_USAGE, "%s '%s': the model is built already", call->ops->name, call->name);
  if (call->in < INPUT || call->in > last || call->residual < 0 || call->residual > last)
    return csa_fail(CSA_USAGE, "%s '%s': its input is no node of this model", call->ops->name, call->name);
  for (size_t i = 0; i < m->count; i++)
    if (call->name[0] != '\0' && strcmp(call->name, m->layers[i].name) == 0)
      return csa_fail(CSA_USAGE, "%s '%s': another layer has that name", call->ops->name, call->name);
  return CSA_OK;
}

static csa_status append(csa_model *m, const char *name, layer_call call) {
  if (strlen(name) > NAME_MAX_BYTES)
    return csa_fail(CSA_USAGE, "%s '%s': a name has at most %d bytes", call.ops->name, name, NAME_MAX_BYTES);
  memcpy(call.name, name, strlen(name) + 1);
  CSA_TRY(check_call(m, &call));
  CSA_TRY(csa_grow(&m->layers, m->count, &m->capacity, sizeof *m->layers));
  m->layers[m->count++] = call;
  return CSA_OK;
}

static csa_node add(csa_model *m, const char *name, layer_call call) {
  if (m->status != CSA_OK) return (csa_node){0};
  const csa_status status = append(m, name, call);
  if (status != CSA_OK) return keep_failure(m, status);
  return (csa_node){(int)m->count + INPUT};
}

csa_node csa_input(csa_model *m) {
  (void)m;
  return (csa_node){INPUT};
}

csa_node csa_conv2d(csa_model *m, csa_node in, const char *name, csa_conv2d_config c) {
  if (c.pad != c.kernel / 2)
    return keep_failure(
        m, csa_fail(CSA_USAGE, "conv2d '%s': kernel %d takes pad %d, not %d", name, c.kernel, c.kernel / 2, c.pad));
  return add(m, name,
             (layer_call){.ops = &csa_layer_conv2d,
                          .config = {.out = c.out, .kernel = c.kernel, .no_bias = c.no_bias, .relu = c.relu},
                          .in = in.id,
                          .residual = c.residual.id});
}

csa_node csa_max_pool(csa_model *m, csa_node in) {
  return add(m, "", (layer_call){.ops = &csa_layer_pool, .in = in.id});
}

csa_node csa_nonlocal(csa_model *m, csa_node in, const char *name, csa_nonlocal_config c) {
  return add(m, name, (layer_call){.ops = &csa_layer_nonlocal, .config = {.reduction = c.reduction}, .in = in.id});
}

csa_node csa_linear(csa_model *m, csa_node in, const char *name, csa_linear_config c) {
  return add(
      m, name,
      (layer_call){
          .ops = &csa_layer_linear, .config = {.out = c.out, .relu = c.relu}, .in = in.id, .residual = c.residual.id});
}

csa_node csa_global_average(csa_model *m, csa_node in) {
  return add(m, "", (layer_call){.ops = &csa_layer_average, .in = in.id});
}

csa_node csa_patches(csa_model *m, csa_node in, csa_patches_config c) {
  return add(m, "", (layer_call){.ops = &csa_layer_patches, .config = {.patch = c.patch, .grid = c.grid}, .in = in.id});
}

csa_node csa_tokens(csa_model *m, csa_node in, const char *name) {
  return add(m, name, (layer_call){.ops = &csa_layer_tokens, .in = in.id});
}

csa_node csa_class_token(csa_model *m, csa_node in) {
  return add(m, "", (layer_call){.ops = &csa_layer_select, .in = in.id});
}

csa_node csa_layer_norm(csa_model *m, csa_node in, const char *name, csa_layer_norm_config c) {
  return add(m, name, (layer_call){.ops = &csa_layer_layernorm, .config = {.relu = c.relu}, .in = in.id});
}

csa_node csa_batch_norm(csa_model *m, csa_node in, const char *name, csa_batch_norm_config c) {
  return add(
      m, name,
      (layer_call){.ops = &csa_layer_batchnorm, .config = {.relu = c.relu}, .in = in.id, .residual = c.residual.id});
}

csa_node csa_dropout(csa_model *m, csa_node in, csa_dropout_config c) {
  return add(
      m, "",
      (layer_call){.ops = &csa_layer_dropout, .config = {.rate = c.rate}, .in = in.id, .residual = c.residual.id});
}

csa_node csa_attention(csa_model *m, csa_node in, const char *name, csa_attention_config c) {
  return add(m, name,
             (layer_call){.ops = &csa_layer_attention,
                          .config = {.heads = c.heads, .class_only = c.class_only},
                          .in = in.id,
                          .residual = c.residual.id});
}

void csa_classifier(csa_model *m, csa_node logits) {
  if (m->status != CSA_OK) return;
  if (logits.id <= INPUT || logits.id > (int)m->count + INPUT)
    keep_failure(m, csa_fail(CSA_USAGE, "classifier: its input is no layer of this model"));
  else if (m->logits != 0)
    keep_failure(m, csa_fail(CSA_USAGE, "classifier: the model has one already"));
  else
    m->logits = logits.id;
}

static csa_status check_build(const csa_model *m, const csa_build *b) {
  if (m->status != CSA_OK) return csa_fail(m->status, "%s", m->error);
  if (m->graph != NULL) return csa_fail(CSA_USAGE, "model: it is built already");
  if (m->logits != (int)m->count + INPUT)
    return csa_fail(CSA_USAGE, "model: its last layer must be given to csa_classifier");
  if (b->batch < 1) return csa_fail(CSA_USAGE, "model: batch %d: must be from 1 up", b->batch);
  if (b->optimizer > CSA_SGD) return csa_fail(CSA_USAGE, "model: optimizer %d: unknown", (int)b->optimizer);
  if (!isfinite(b->lr) || b->lr < 0.0f || !isfinite(b->weight_decay) || b->weight_decay < 0.0f)
    return csa_fail(CSA_USAGE, "model: lr %g, weight_decay %g: must be from 0 up", (double)b->lr,
                    (double)b->weight_decay);
  return CSA_OK;
}

static csa_status build_graph(csa_model *m, csa_graph *g) {
  csa_tensor **nodes = NULL; /* by id */
  CSA_TRY(csa_new(&nodes, m->count + INPUT + 1, sizeof *nodes));
  nodes[INPUT] = csa_graph_input(g, csa_shape4(g->config.batch, m->size.height, m->size.width, m->size.channels));
  for (size_t i = 0; i < m->count; i++) {
    const layer_call *call = &m->layers[i];
    nodes[i + INPUT + 1] =
        csa_graph_add(g, call->ops, call->config, nodes[call->in], nodes[call->residual], "%s", call->name);
  }
  csa_graph_loss(g, nodes[m->logits]);
  free(nodes);
  return csa_graph_record(g);
}

/* Batches go through a feed that keeps nothing on the device, from a split that is one batch of the caller's. */
static csa_status make_feed(csa_model *m) {
  m->format = (csa_dataset){.channels = m->size.channels, .height = m->size.height, .width = m->size.width};
  m->split.count = m->graph->config.batch;
  CSA_TRY(csa_new(&m->no_labels, (size_t)m->split.count, sizeof *m->no_labels));
  return csa_feed_create(&m->feed, m->graph, &m->format, &m->split, NULL, 1);
}

static csa_status build(csa_model *m, const csa_build *b) {
  CSA_TRY(csa_graph_create(&m->graph, m->device, (csa_graph_config){.batch = b->batch, .training = true}));
  CSA_TRY(build_graph(m, m->graph));
  CSA_TRY(
      csa_optimizer_record(&m->optimizer, m->graph,
                           (csa_optimizer_config){.kind = b->optimizer, .lr = b->lr, .weight_decay = b->weight_decay}));
  CSA_TRY(csa_schedule_prepare(m->graph));
  CSA_TRY(csa_graph_initialize(m->graph, b->seed));
  m->seed = b->seed;
  return make_feed(m);
}

csa_status csa_model_build(csa_model *m, const csa_build *b) {
  CSA_TRY(check_build(m, b));
  const csa_status status = build(m, b);
  if (status != CSA_OK) keep_failure(m, status);
  return status;
}

static csa_status check_built(const csa_model *m, const char *what) {
  if (m->status != CSA_OK) return csa_fail(m->status, "%s", m->error);
  return m->feed != NULL ? CSA_OK : csa_fail(CSA_USAGE, "%s: the model is not built", what);
}

int64_t csa_parameter_count(const csa_model *m) { return m->graph != NULL ? csa_graph_parameter_count(m->graph) : 0; }

void csa_learning_rate(csa_model *m, float lr) { m->optimizer.config.lr = lr; }

/* The feed only reads what the split points to. */
static csa_status queue_batch(csa_model *m, const uint8_t *images, const int32_t *labels, int n,
                              csa_step_state *state) {
  m->split.images = (uint8_t *)(uintptr_t)images;
  m->split.labels = (int32_t *)(uintptr_t)labels;
  return csa_feed_batch(m->feed, 0, n, state);
}

static csa_status check_batch(const csa_model *m, const int32_t *labels, int n) {
  const int batch = m->graph->config.batch, classes = (int)csa_cols(m->graph->out->shape);
  if (n < 1 || n > batch) return csa_fail(CSA_USAGE, "train step: %d images: must be from 1 to %d", n, batch);
  for (int i = 0; i < n; i++)
    if (labels[i] < 0 || labels[i] >= classes)
      return csa_fail(CSA_INPUT, "train step: labels[%d]: %d: must be from 0 to %d", i, (int)labels[i], classes - 1);
  return CSA_OK;
}

csa_status csa_train_step(csa_model *m, const uint8_t *images, const int32_t *labels, int n, float *loss) {
  csa_step_state state = {.seed = {(cl_uint)m->seed, (cl_uint)(m->seed >> 32)}};
  float row[2];
  CSA_TRY(check_built(m, "train step"));
  CSA_TRY(check_batch(m, labels, n));
  csa_optimizer_step(&m->optimizer, m->step + 1, &state);
  CSA_TRY(queue_batch(m, images, labels, n, &state));
  CSA_TRY(csa_schedule_micro_step(m->graph));
  CSA_TRY(csa_schedule_update(m->graph));
  m->step++;
  if (loss == NULL) return csa_schedule_pace(m->graph);
  CSA_TRY(csa_tensor_download_part(m->device, m->graph->history, 0, 2, row));
  *loss = row[0] / (float)n;
  return CSA_OK;
}

csa_status csa_predict(csa_model *m, const uint8_t *images, int64_t n, int32_t *classes, float *logits) {
  CSA_TRY(check_built(m, "predict"));
  const int64_t batch = m->graph->config.batch, columns = csa_cols(m->graph->out->shape);
  const int64_t image = (int64_t)m->size.channels * m->size.height * m->size.width;
  if (n < 1) return csa_fail(CSA_USAGE, "predict: %lld images: must be from 1 up", (long long)n);
  for (int64_t first = 0; first < n; first += batch) {
    const int64_t count = n - first < batch ? n - first : batch;
    csa_step_state state = {0};
    CSA_TRY(queue_batch(m, images + first * image, m->no_labels, (int)count, &state));
    CSA_TRY(csa_schedule_forward(m->graph));
    CSA_TRY(csa_tensor_download_part(m->device, m->graph->predictions, 0, count, classes + first));
    if (logits != NULL)
      CSA_TRY(csa_tensor_read_floats(m->device, m->graph->out, 0, count * columns, logits + first * columns));
  }
  return CSA_OK;
}

csa_status csa_weights_save(csa_model *m, const char *path) {
  CSA_TRY(check_built(m, "weights"));
  return csa_weights_write(m->graph, NULL, NULL, NULL, path);
}

csa_status csa_weights_load(csa_model *m, const char *path) {
  csa_safetensors *file = NULL;
  csa_status status;
  CSA_TRY(check_built(m, "weights"));
  CSA_GO(csa_safetensors_open(&file, path));
  CSA_GO(csa_weights_check(m->graph, file, NULL));
  status = csa_weights_read(m->graph, file, "", m->graph->parameters.values, NULL);
done:
  csa_safetensors_close(file);
  return status;
}
