#include "train/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

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
  const char *path;
  csa_safetensors *file;
  csa_safetensors_writer *dump; /* all that was computed */
  csa_choices choices;
  csa_architecture architecture;
  tolerances tolerance;
  int steps, batch;
  csa_graph *graph;
  csa_optimizer optimizer;
  float *logits, *final_logits, *losses; /* [batch, classes], [batch, classes], [steps] */
} golden_run;

static csa_status add_check(golden_run *g, const char *name, double error, double limit) {
  csa_verification *v = g->result;
  CSA_TRY(csa_grow(&v->checks, v->count, &v->capacity, sizeof *v->checks));
  csa_check *check = &v->checks[v->count++];
  *check = (csa_check){.error = error, .tolerance = limit, .ok = error <= limit};
  snprintf(check->name, sizeof check->name, "%s", name);
  v->ok = v->ok && check->ok;
  return CSA_OK;
}

/* Expected values by name, on the heap; NULL where the file has none. */
static csa_status expected(const golden_run *g, const char *name, csa_shape shape, float **values) {
  *values = NULL;
  if (csa_safetensors_find(g->file, name) == NULL) return CSA_OK;
  CSA_TRY(csa_new(values, (size_t)csa_elements(shape), sizeof **values));
  return csa_safetensors_f32(g->file, name, &shape, *values);
}

bool csa_gradient_is_zero(const csa_parameter *p) {
  return strstr(p->name, "key.bias") != NULL || strstr(p->name, "phi.bias") != NULL;
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

static csa_status check_max(golden_run *g, const char *name, csa_shape shape, const float *got, double limit) {
  float *want = NULL;
  csa_status status = expected(g, name, shape, &want);
  if (status == CSA_OK && want != NULL) status = add_check(g, name, max_error(got, want, csa_elements(shape)), limit);
  free(want);
  return status;
}

static csa_status read_sizes(golden_run *g) {
  const char *model = csa_safetensors_metadata(g->file, "model"), *sizes = csa_safetensors_metadata(g->file, "sizes");
  if (model == NULL) return csa_fail(CSA_INPUT, "golden: %s: metadata: 'model' is missing", g->path);
  const bool grid = strcmp(model, "vitp") == 0;
  if (csa_architecture_default(&g->architecture, grid ? "vit" : model) != CSA_OK)
    return csa_fail(CSA_INPUT, "golden: %s: metadata: model %s: must be cnn, vit or vitp", g->path, model);
  g->architecture.grid = grid;
  g->tolerance = g->choices.precision == CSA_PRECISION_F16   ? half_tolerances
                 : csa_architecture_is_vit(&g->architecture) ? vit_tolerances
                                                             : cnn_tolerances;
  if (sizes == NULL) return CSA_OK;
  json_error_t error;
  json_t *parsed = json_loads(sizes, JSON_REJECT_DUPLICATES, &error);
  if (parsed == NULL) return csa_fail(CSA_INPUT, "golden: %s: metadata: sizes: %s", g->path, error.text);
  const csa_status status = csa_architecture_read_sizes(&g->architecture, parsed, g->path);
  json_decref(parsed);
  return status;
}

static csa_status read_shape(golden_run *g) {
  const csa_st_tensor *inputs = csa_safetensors_find(g->file, "inputs_all");
  if (inputs == NULL || inputs->shape.rank != 5)
    return csa_fail(
        CSA_INPUT, "golden: %s: tensor 'inputs_all': missing, or not [steps, batch, channels, height, width]", g->path);
  const csa_shape s = inputs->shape;
  const csa_architecture *a = &g->architecture;
  if (s.dim[0] < 1 || s.dim[0] > 100000 || s.dim[1] < 1 || s.dim[1] > 100000 || s.dim[2] != a->channels ||
      s.dim[3] != a->image || s.dim[4] != a->image)
    return csa_fail(CSA_INPUT,
                    "golden: %s: tensor 'inputs_all': its shape does not fit the model's image of %d x %d x %d",
                    g->path, a->channels, a->image, a->image);
  g->steps = (int)s.dim[0];
  g->batch = (int)s.dim[1];
  return CSA_OK;
}

static csa_status learning_rate(const golden_run *g, float *lr) {
  const char *text = csa_safetensors_metadata(g->file, "lr");
  char *end = NULL;
  *lr = text != NULL ? strtof(text, &end) : 0.0f;
  if (text == NULL || end == text || *end != '\0' || !(*lr >= 0.0f))
    return csa_fail(CSA_INPUT, "golden: %s: metadata: 'lr' is missing or no number", g->path);
  return CSA_OK;
}

static csa_status build(golden_run *g, csa_device *device) {
  float lr;
  CSA_TRY(learning_rate(g, &lr));
  CSA_TRY(csa_graph_create(&g->graph, device,
                           (csa_graph_config){.choices = g->choices, .batch = g->batch, .training = true}));
  if (csa_architecture_build(&g->architecture, g->graph) != CSA_OK) /* sizes that cannot be are the file's fault */
    return csa_fail_in(g->graph->status == CSA_USAGE ? CSA_INPUT : g->graph->status, "golden: %s", g->path);
  CSA_TRY(csa_optimizer_record(&g->optimizer, g->graph, (csa_optimizer_config){.kind = CSA_ADAM, .lr = lr}));
  CSA_TRY(csa_schedule_prepare(g->graph));
  CSA_TRY(csa_weights_read(g->graph, g->file, "param.", g->graph->parameters.values, NULL));
  const size_t classes = (size_t)g->architecture.classes, batch = (size_t)g->batch;
  CSA_TRY(csa_new(&g->logits, batch * classes, sizeof *g->logits));
  CSA_TRY(csa_new(&g->final_logits, batch * classes, sizeof *g->final_logits));
  return csa_new(&g->losses, (size_t)g->steps, sizeof *g->losses);
}

/* [B, C, H, W] of one step as the device has it: [B, H, W, C]. */
static void to_nhwc(const float *from, float *to, int64_t images, int64_t channels, int64_t pixels) {
  for (int64_t n = 0; n < images; n++)
    for (int64_t c = 0; c < channels; c++)
      for (int64_t p = 0; p < pixels; p++) to[(n * pixels + p) * channels + c] = from[(n * channels + c) * pixels + p];
}

static csa_status check_labels(const golden_run *g, const int64_t *from, int32_t *to, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (from[i] < 0 || from[i] >= g->architecture.classes)
      return csa_fail(CSA_INPUT, "golden: %s: tensor 'labels_all': %lld is no class of %d", g->path, (long long)from[i],
                      g->architecture.classes);
    to[i] = (int32_t)from[i];
  }
  return CSA_OK;
}

/* Inputs and labels of all steps, on the heap. */
static csa_status read_batches(const golden_run *g, float **images, int32_t **labels) {
  const csa_architecture *a = &g->architecture;
  const csa_shape all = csa_shape2(g->steps, g->batch);
  const int64_t pixels = (int64_t)a->image * a->image, count = csa_elements(all), floats = count * pixels * a->channels;
  float *nchw = NULL;
  int64_t *wide = NULL;
  csa_status status;
  CSA_GO(csa_new(images, (size_t)floats, sizeof **images));
  CSA_GO(csa_new(&nchw, (size_t)floats, sizeof *nchw));
  CSA_GO(csa_safetensors_f32(g->file, "inputs_all", NULL, nchw));
  to_nhwc(nchw, *images, count, a->channels, pixels);
  CSA_GO(csa_new(&wide, (size_t)count, sizeof *wide));
  CSA_GO(csa_new(labels, (size_t)count, sizeof **labels));
  CSA_GO(csa_safetensors_i64(g->file, "labels_all", &all, wide));
  status = check_labels(g, wide, *labels, count);
done:
  free(nchw);
  free(wide);
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
static csa_status compare_all(golden_run *g, const char *prefix, const csa_tensor *flat,
                              csa_status (*compare)(golden_run *, const compared *, totals *), totals *sums) {
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

static csa_status compare_gradient(golden_run *g, const compared *c, totals *sums) {
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

static csa_status compare_after1(golden_run *g, const compared *c, totals *sums) {
  (void)g;
  if (csa_gradient_is_zero(c->parameter)) return CSA_OK; /* noise divided by noise */
  for (int64_t e = 0; e < c->count; e++) sums->part += !(max_error(&c->got[e], &c->want[e], 1) <= AFTER1_STEP);
  sums->whole += (double)c->count;
  return CSA_OK;
}

/* What is compared after the first step: logits are those before the update. */
static csa_status after_first_step(golden_run *g) {
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

static csa_status upload(const golden_run *g, const float *images, const int32_t *labels, int step) {
  const int64_t floats = csa_elements(g->graph->input->shape);
  CSA_TRY(csa_tensor_write_floats(g->graph->device, g->graph->input, images + step * floats));
  return csa_tensor_upload(g->graph->device, g->graph->labels, labels + (int64_t)step * g->batch);
}

static csa_status read_logits(const golden_run *g, float *logits) {
  return csa_tensor_read_floats(g->graph->device, g->graph->out, 0, csa_elements(g->graph->out->shape), logits);
}

static csa_status train_step(golden_run *g, const float *images, const int32_t *labels, int step) {
  csa_step_state state = {.active = g->batch};
  float row[2];
  csa_optimizer_step(&g->optimizer, step + 1, &state);
  CSA_TRY(upload(g, images, labels, step));
  CSA_TRY(csa_schedule_state(g->graph, &state));
  CSA_TRY(csa_schedule_micro_step(g->graph));
  if (step == 0) CSA_TRY(read_logits(g, g->logits));
  CSA_TRY(csa_schedule_update(g->graph));
  CSA_TRY(csa_tensor_download_part(g->graph->device, g->graph->history, 0, 2, row));
  g->losses[step] = row[0] / (float)g->batch;
  return CSA_OK;
}

static csa_status run_steps(golden_run *g, const float *images, const int32_t *labels) {
  for (int step = 0; step < g->steps; step++) {
    CSA_TRY(train_step(g, images, labels, step));
    if (step == 0) CSA_TRY(after_first_step(g));
  }
  CSA_TRY(upload(g, images, labels, 0));
  CSA_TRY(csa_schedule_state(g->graph, &(csa_step_state){.active = g->batch})); /* evaluation: running statistics */
  CSA_TRY(csa_schedule_forward(g->graph));
  return read_logits(g, g->final_logits);
}

static csa_status check_losses(golden_run *g) {
  float *want = NULL;
  csa_status status = expected(g, "losses", csa_shape1(g->steps), &want);
  for (int i = 0; i < g->steps && want != NULL && status == CSA_OK; i++) {
    char name[32];
    snprintf(name, sizeof name, "losses[%d]", i);
    status = add_check(g, name, max_error(&g->losses[i], &want[i], 1),
                       i < 3 ? g->tolerance.first_losses : g->tolerance.losses);
  }
  free(want);
  return status;
}

static csa_status check_outputs(golden_run *g) {
  const csa_shape logits = csa_shape2(g->batch, g->architecture.classes);
  CSA_TRY(check_max(g, "logits", logits, g->logits, g->tolerance.logits));
  CSA_TRY(check_max(g, "loss", csa_shape0(), g->losses, g->tolerance.logits));
  CSA_TRY(check_losses(g));
  CSA_TRY(check_max(g, "final_logits", logits, g->final_logits, g->tolerance.final_logits));
  CSA_TRY(csa_safetensors_writer_add(g->dump, "logits", CSA_ST_F32, logits, g->logits));
  CSA_TRY(csa_safetensors_writer_add(g->dump, "loss", CSA_ST_F32, csa_shape0(), g->losses));
  CSA_TRY(csa_safetensors_writer_add(g->dump, "losses", CSA_ST_F32, csa_shape1(g->steps), g->losses));
  return csa_safetensors_writer_add(g->dump, "final_logits", CSA_ST_F32, logits, g->final_logits);
}

static csa_status run_file(golden_run *g, csa_device *device, const char *dump) {
  float *images = NULL;
  int32_t *labels = NULL;
  csa_status status;
  CSA_GO(csa_safetensors_writer_begin(&g->dump));
  CSA_GO(read_sizes(g));
  CSA_GO(read_shape(g));
  CSA_GO(build(g, device));
  CSA_GO(read_batches(g, &images, &labels));
  CSA_GO(run_steps(g, images, labels));
  CSA_GO(check_outputs(g));
  if (dump != NULL) CSA_GO(csa_safetensors_writer_write(g->dump, dump));
done:
  free(images);
  free(labels);
  return status;
}

csa_status csa_verify(csa_verification *verification, csa_device *device, csa_choices choices, const char *path,
                      const char *dump) {
  golden_run g = {.result = verification, .path = path, .choices = choices};
  *verification = (csa_verification){.ok = true};
  csa_status status = csa_safetensors_open(&g.file, path);
  if (status == CSA_OK) status = run_file(&g, device, dump);
  free(g.logits);
  free(g.final_logits);
  free(g.losses);
  csa_graph_destroy(g.graph);
  csa_safetensors_writer_close(g.dump);
  csa_safetensors_close(g.file);
  return status;
}

void csa_verification_fini(csa_verification *verification) {
  free(verification->checks);
  verification->checks = NULL;
  verification->count = 0;
}
