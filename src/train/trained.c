#include "train/trained.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "model/fit.h"

/* The names in the file's metadata, or numbers. */
static csa_status read_class_names(csa_trained *t) {
  const char *text = csa_safetensors_metadata(t->file, "classes");
  const int classes = t->architecture.classes;
  json_t *names = text != NULL ? json_loads(text, 0, NULL) : NULL;
  csa_status status;
  if (text != NULL && json_array_size(names) != (size_t)classes)
    CSA_GO(csa_fail(CSA_INPUT, "weights: %s: metadata: classes: not a list of %d names", csa_safetensors_path(t->file),
                    classes));
  CSA_GO(csa_new(&t->class_names, (size_t)classes, sizeof *t->class_names));
  for (int c = 0; c < classes; c++) {
    char number[16];
    snprintf(number, sizeof number, "%d", c);
    const char *name = json_string_value(json_array_get(names, (size_t)c));
    if (name != NULL && !csa_text_is_plain(name, strlen(name)))
      CSA_GO(csa_fail(CSA_INPUT, "weights: %s: metadata: classes: the name of class %d has control characters",
                      csa_safetensors_path(t->file), c));
    CSA_GO(csa_copy_text(&t->class_names[c], name != NULL ? name : number));
  }
done:
  json_decref(names);
  return status;
}

csa_status csa_trained_open(csa_trained *t, const char *path, const char *model, const char *patches) {
  *t = (csa_trained){0};
  CSA_TRY(csa_safetensors_open(&t->file, path));
  CSA_TRY(csa_weights_architecture(t->file, model, patches, &t->architecture));
  return read_class_names(t);
}

void csa_trained_close(csa_trained *t) {
  csa_feed_destroy(t->feed);
  csa_graph_destroy(t->graph);
  for (int c = 0; c < t->architecture.classes && t->class_names != NULL; c++) free(t->class_names[c]);
  free(t->class_names);
  free(t->no_labels);
  csa_safetensors_close(t->file);
  *t = (csa_trained){0};
}

csa_status csa_trained_build(csa_trained *t, csa_device *device, csa_graph_config config) {
  CSA_TRY(csa_graph_create(&t->graph, device, config));
  if (csa_architecture_build(&t->architecture, t->graph) != CSA_OK) /* sizes that cannot be are the file's fault */
    return csa_fail_in(t->graph->status == CSA_USAGE ? CSA_INPUT : t->graph->status, "weights: %s",
                       csa_safetensors_path(t->file));
  CSA_TRY(csa_weights_check(t->graph, t->file, NULL));
  CSA_TRY(csa_fit_refused(csa_schedule_prepare(t->graph), &t->graph, NULL, &t->architecture));
  return csa_weights_read(t->graph, t->file, "", t->graph->parameters.values, NULL);
}

/* Batches go through a feed that keeps nothing on the device. */
static csa_status make_feed(csa_trained *t) {
  const csa_architecture *a = &t->architecture;
  t->format = (csa_dataset){.channels = a->channels, .height = a->image, .width = a->image};
  t->split.count = t->graph->config.batch;
  CSA_TRY(csa_new(&t->no_labels, (size_t)t->split.count, sizeof *t->no_labels));
  return csa_feed_create(&t->feed, t->graph, &t->format, &t->split, NULL, 1);
}

/* softmax of logits [count], as probabilities. */
static csa_status softmax(const float *logits, int count, double *probabilities) {
  double largest = -HUGE_VAL, sum = 0.0;
  for (int c = 0; c < count; c++) largest = fmax(largest, (double)logits[c]);
  for (int c = 0; c < count; c++) sum += probabilities[c] = exp((double)logits[c] - largest);
  for (int c = 0; c < count; c++) probabilities[c] /= sum;
  return isfinite(sum) ? CSA_OK : csa_fail(CSA_FAILED, "probabilities: not finite: the weights are not, or too large");
}

csa_status csa_trained_classify(csa_trained *t, const uint8_t *images, int count, double *probabilities) {
  const int classes = t->architecture.classes;
  csa_step_state state = {0};
  float *logits = NULL;
  csa_status status;
  if (t->feed == NULL) CSA_TRY(make_feed(t));
  t->split.images = (uint8_t *)(uintptr_t)images; /* the feed only reads it */
  t->split.labels = t->no_labels;
  CSA_TRY(csa_feed_batch(t->feed, 0, count, &state));
  CSA_TRY(csa_schedule_forward(t->graph));
  CSA_GO(csa_new(&logits, (size_t)count * (size_t)classes, sizeof *logits));
  CSA_GO(csa_tensor_read_floats(t->graph->device, t->graph->out, 0, (int64_t)count * classes, logits));
  for (int i = 0; i < count; i++) CSA_GO(softmax(logits + i * classes, classes, probabilities + i * classes));
done:
  free(logits);
  return status;
}
