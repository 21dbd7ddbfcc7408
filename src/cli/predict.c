/* clsattn predict: what a trained model takes images for. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/prediction.h"
#include "cli/trained_options.h"
#include "core/text.h"

#define SENTENCE 1024 /* bytes of an error's first line, or of a path, in JSON */

typedef struct {
  csa_trained_options trained;
  char **paths;
  int count, batch, top;
  bool json;
} predict_settings;

/* Images that were read and wait until a batch is full. */
typedef struct {
  const predict_settings *settings;
  csa_trained trained;
  size_t image_bytes;
  uint8_t *images;       /* [batch] */
  const char **paths;    /* [batch] */
  double *probabilities; /* [batch, classes] */
  int waiting, bad;
  json_t *json; /* one entry for each image */
} predicting;

static csa_status print_one(const predicting *p, const char *path, const double *probabilities) {
  char text[4096], safe[SENTENCE];
  json_t *predictions;
  if (!p->settings->json) {
    CSA_TRY(csa_prediction_text(&p->trained, probabilities, p->settings->top, text, sizeof text));
    printf("%s: %s\n", path, text);
    return CSA_OK;
  }
  CSA_TRY(csa_prediction_json(&p->trained, probabilities, p->settings->top, &predictions));
  json_array_append_new(
      p->json, json_pack("{s:s, s:o}", "image", csa_text_utf8(path, safe, sizeof safe), "predictions", predictions));
  return CSA_OK;
}

static csa_status classify_waiting(predicting *p) {
  if (p->waiting == 0) return CSA_OK;
  CSA_TRY(csa_trained_classify(&p->trained, p->images, p->waiting, p->probabilities));
  for (int i = 0; i < p->waiting; i++)
    CSA_TRY(print_one(p, p->paths[i], p->probabilities + (ptrdiff_t)i * p->trained.architecture.classes));
  p->waiting = 0;
  return csa_flush_output();
}

/* The others go on: a bad image is named, in the place that is its own. */
static csa_status note_bad(predicting *p, const char *path) {
  char error[SENTENCE], safe[SENTENCE];
  csa_text_utf8(csa_last_error(), error, sizeof error);
  CSA_TRY(classify_waiting(p));
  fprintf(stderr, "clsattn: %s\n", error);
  p->bad++;
  error[strcspn(error, "\n")] = '\0'; /* what to do is for people */
  if (p->settings->json)
    json_array_append_new(p->json,
                          json_pack("{s:s, s:s}", "image", csa_text_utf8(path, safe, sizeof safe), "error", error));
  return CSA_OK;
}

static csa_status read_one(predicting *p, const char *path) {
  const csa_status status = csa_prediction_image(&p->trained, path, p->images + (size_t)p->waiting * p->image_bytes);
  if (status == CSA_INPUT) return note_bad(p, path);
  CSA_TRY(status);
  p->paths[p->waiting++] = path;
  return p->waiting == p->settings->batch ? classify_waiting(p) : CSA_OK;
}

static csa_status make_room(predicting *p) {
  const csa_architecture *a = &p->trained.architecture;
  const size_t batch = (size_t)p->settings->batch;
  p->image_bytes = (size_t)a->channels * (size_t)a->image * (size_t)a->image;
  CSA_TRY(csa_new(&p->images, batch, p->image_bytes));
  CSA_TRY(csa_new(&p->paths, batch, sizeof *p->paths));
  return csa_new(&p->probabilities, batch * (size_t)a->classes, sizeof *p->probabilities);
}

static csa_status run(const predict_settings *s) {
  predicting p = {.settings = s, .json = json_array()};
  csa_graph_config config = {.batch = s->batch};
  csa_device *device = NULL;
  csa_status status;
  CSA_GO(csa_trained_take(&s->trained, "predict", &p.trained, &config.choices));
  CSA_GO(csa_device_open(&device, s->trained.device));
  CSA_GO(csa_trained_build(&p.trained, device, config));
  CSA_GO(make_room(&p));
  for (int i = 0; i < s->count; i++) CSA_GO(read_one(&p, s->paths[i]));
  CSA_GO(classify_waiting(&p));
  if (s->json) CSA_GO(csa_print_json(json_incref(p.json)));
  if (p.bad > 0) status = csa_fail(CSA_INPUT, "predict: %d of %d images could not be read", p.bad, s->count);
done:
  json_decref(p.json);
  csa_trained_close(&p.trained);
  csa_device_close(device);
  free(p.images);
  free(p.paths);
  free(p.probabilities);
  return status;
}

csa_status csa_command_predict(int argc, char **argv) {
  predict_settings s = {.batch = 16, .top = 5};
  csa_option options[] = {
      CSA_TRAINED_OPTIONS(s.trained),
      {"top", "N", CSA_OPTION_INT, &s.top, "so many classes, the most probable first (default 5)", false},
      {"batch", "N", CSA_OPTION_INT, &s.batch, "images at a time (default 16, or 1 of a single image)", false},
      CSA_JSON_OPTION(&s.json)};
  const csa_command_line line = {
      "predict",
      "IMAGE...",
      "Says what is on images, PNG or JPEG of any size. One that cannot be read is named, and the others are done.",
      "  clsattn predict --weights runs/first/model.safetensors cat.jpg dog.png\n"
      "  clsattn predict --weights runs/first/model.safetensors --top 1 --json photos/*.jpg\n",
      options,
      sizeof options / sizeof options[0]};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 1, INT_MAX, &words));
  if (words == NULL) return CSA_OK;
  for (s.paths = words; words[s.count] != NULL;) s.count++;
  if (s.count == 1 && !csa_option_given(&line, "batch")) s.batch = 1;
  return run(&s);
}
