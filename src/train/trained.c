#include "train/trained.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/text.h"
#include "data/known.h"
#include "model/fit.h"

static csa_status open_failed(const char *path) {
  char model[CSA_PATH + 32];
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) return CSA_INPUT;
  snprintf(model, sizeof model, "%.*s/model.safetensors", CSA_PATH, path);
  return csa_fail(CSA_INPUT, "weights: %s: a folder, not a file\n  %s%s", path,
                  stat(model, &info) == 0 ? "its weights: " : "a run that has ended has its weights in ", model);
}

csa_status csa_trained_file(csa_safetensors **file, const char *path) {
  const char *slash = strrchr(path, '/');
  const csa_status status = csa_safetensors_open(file, path);
  if (status == CSA_INPUT) return open_failed(path);
  if (status != CSA_OK || csa_safetensors_find(*file, "progress") == NULL) return status;
  csa_safetensors_close(*file);
  *file = NULL;
  return csa_fail(CSA_INPUT,
                  "weights: %s: the checkpoint of a run, not weights\n"
                  "  clsattn train --resume %.*s ends with model.safetensors beside it",
                  path, slash != NULL ? (int)(slash - path) : 1, slash != NULL ? path : ".");
}

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
  CSA_TRY(csa_trained_file(&t->file, path));
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

/* Numbers stand for classes without a name. */
static bool is_number(const char *name, int class) {
  char number[16];
  snprintf(number, sizeof number, "%d", class);
  return strcmp(name, number) == 0;
}

/* The first class of data and weights that has two names; -1: none has. */
static int renamed(const csa_trained *t, const csa_dataset *d) {
  for (int c = 0; c < d->classes; c++)
    if (!is_number(d->class_names[c], c) && !is_number(t->class_names[c], c) &&
        strcmp(d->class_names[c], t->class_names[c]) != 0)
      return c;
  return -1;
}

/* Three names, from class `from` on. */
static const char *some(char *const *names, int from, int count, char text[256]) {
  size_t used = 0;
  for (int c = from; c < count && c < from + 3; c++)
    used += (size_t)snprintf(text + used, 256 - used, "%s%.60s", c == 0 ? "" : c == from ? "..., " : ", ", names[c]);
  snprintf(text + used, 256 - used, "%s", from + 3 < count ? ", ..." : "");
  return text;
}

/* Which --data there should have been; only the name of a data set is kept. */
static const char *advice(const csa_trained *t, char text[128]) {
  const char *data = csa_safetensors_metadata(t->file, "data");
  if (data != NULL && csa_known_find(data) != NULL)
    snprintf(text, 128, "they were trained on %s: --data %s", data, data);
  else
    snprintf(text, 128, "--data names the data that they were trained on, or data like it");
  return text;
}

csa_status csa_trained_fits(const csa_trained *t, const csa_dataset *d) {
  const csa_architecture *a = &t->architecture;
  char theirs[256], ours[256], which[128];
  if (d->height != a->image || d->width != a->image || d->channels != a->channels || d->classes > a->classes)
    return csa_fail(CSA_INPUT, "data: %s: %d classes of %d x %d x %d, but the weights are for %d of %d x %d x %d\n  %s",
                    d->path, d->classes, d->channels, d->height, d->width, a->classes, a->channels, a->image, a->image,
                    advice(t, which));
  const int first = renamed(t, d);
  if (first < 0) return CSA_OK;
  return csa_fail(CSA_INPUT, "data: %s: its classes are %s, but those of the weights %s\n  %s", d->path,
                  some(d->class_names, first, d->classes, theirs), some(t->class_names, first, a->classes, ours),
                  advice(t, which));
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
