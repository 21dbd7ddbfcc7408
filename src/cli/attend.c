/* clsattn attend: what the attention of a trained model looks at, drawn over an image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/look.h"
#include "cli/output.h"
#include "cli/prediction.h"
#include "cli/trained_options.h"
#include "core/text.h"

typedef struct {
  csa_trained_options trained;
  const char *image, *data, *out, *pixel, *layer;
  int64_t index;
  bool json;
} attend_settings;

/* All that belongs to one image on its way to the sheet. */
typedef struct {
  const attend_settings *settings;
  csa_trained trained;
  char label[200]; /* what the image is called */
  uint8_t *image;  /* [channels, image, image] */
  double *probabilities;
  csa_maps maps;
  csa_look look;
  csa_sheet sheet;
  json_t *json;
} attending;

/* "X,Y" within the image; without it, the middle. */
static csa_status take_pixel(attending *a) {
  const int side = a->trained.architecture.image;
  const char *given = a->settings->pixel;
  char rest;
  a->look.x = a->look.y = side / 2;
  if (given == NULL) return CSA_OK;
  if (csa_architecture_is_vit(&a->trained.architecture))
    return csa_fail(CSA_USAGE, "--pixel: %s: the weights are a vit's, where the class token looks, and no pixel",
                    given);
  if (sscanf(given, "%d,%d%c", &a->look.x, &a->look.y, &rest) == 2 && a->look.x >= 0 && a->look.x < side &&
      a->look.y >= 0 && a->look.y < side)
    return CSA_OK;
  return csa_fail(CSA_USAGE, "--pixel: %s: must be X,Y, each from 0 to %d: the model's images are %d x %d", given,
                  side - 1, side, side);
}

/* The layer that was asked for; an unknown one is an error that lists those there are. */
static csa_status take_layer(attending *a) {
  char names[512] = "";
  size_t used = 0;
  if (a->settings->layer == NULL) return CSA_OK;
  a->look.only = csa_maps_find(&a->maps, a->settings->layer);
  if (a->look.only != NULL) return CSA_OK;
  for (size_t i = 0; i < a->maps.count && used < sizeof names; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, " %s", a->maps.list[i].layer->name);
  return csa_fail(CSA_USAGE, "--layer: %s: the model has no such layer with attention\n  there are:%s",
                  a->settings->layer, names);
}

/* The test image --index of --data. */
static csa_status take_from_data(attending *a) {
  const csa_architecture *model = &a->trained.architecture;
  const attend_settings *s = a->settings;
  const size_t bytes = (size_t)model->channels * (size_t)model->image * (size_t)model->image;
  csa_dataset *d = NULL;
  csa_status status;
  CSA_GO(
      csa_fetch_and_open(&d, s->data, (csa_dataset_limits){.train = 1, .test = s->index + 1, .image = model->image}));
  CSA_GO(csa_trained_fits(&a->trained, d));
  if (d->test.count <= s->index)
    CSA_GO(csa_fail(CSA_USAGE, "--index: %lld: %s has %lld test images, counted from 0", (long long)s->index, d->path,
                    (long long)d->test.count));
  CSA_GO(csa_new(&a->image, bytes, 1));
  memcpy(a->image, d->test.images + (size_t)s->index * bytes, bytes);
  snprintf(a->label, sizeof a->label, "%.100s, test image %lld (%.60s)", s->data, (long long)s->index,
           d->class_names[d->test.labels[s->index]]);
done:
  csa_dataset_close(d);
  return status;
}

static csa_status take_image(attending *a) {
  const csa_architecture *model = &a->trained.architecture;
  if (a->settings->data != NULL) return take_from_data(a);
  const char *slash = strrchr(a->settings->image, '/');
  csa_text_utf8(slash != NULL ? slash + 1 : a->settings->image, a->label, sizeof a->label);
  CSA_TRY(csa_new(&a->image, (size_t)model->channels * (size_t)model->image * (size_t)model->image, 1));
  return csa_prediction_image(&a->trained, a->settings->image, a->image);
}

static csa_status draw(attending *a) {
  const csa_architecture *model = &a->trained.architecture;
  const bool vit = csa_architecture_is_vit(model);
  csa_sheet *sheet = &a->sheet;
  char prediction[200];
  sheet->image = a->image;
  sheet->channels = model->channels;
  sheet->height = sheet->width = model->image;
  sheet->marked = !vit;
  sheet->mark_x = a->look.x;
  sheet->mark_y = a->look.y;
  CSA_TRY(csa_prediction_text(&a->trained, a->probabilities, 3, prediction, sizeof prediction));
  snprintf(sheet->title, sizeof sheet->title, "%s: %s", model->model, prediction);
  if (!vit)
    snprintf(sheet->subtitle, sizeof sheet->subtitle, "%.150s: where the marked pixel (%d, %d) looks", a->label,
             a->look.x, a->look.y);
  else
    snprintf(sheet->subtitle, sizeof sheet->subtitle, "%.150s: where the class token looks%s", a->label,
             model->grid ? "" : "; patches are runs of a colour plane's rows: the mean of the planes");
  CSA_TRY(csa_look_draw(&a->look, sheet, a->json));
  return csa_sheet_write(sheet, a->settings->out);
}

static csa_status report(attending *a) {
  const attend_settings *s = a->settings;
  char text[200];
  if (!s->json) {
    CSA_TRY(csa_prediction_text(&a->trained, a->probabilities, 3, text, sizeof text));
    printf("%s: %s\n%s: %zu pictures\n", a->label, text, s->out, a->sheet.count);
    return csa_flush_output();
  }
  json_t *predictions;
  CSA_TRY(csa_prediction_json(&a->trained, a->probabilities, 3, &predictions));
  json_object_update_new(a->json,
                         json_pack("{s:s, s:s, s:o}", "image", a->label, "out", s->out, "predictions", predictions));
  if (a->sheet.marked) json_object_set_new(a->json, "pixel", json_pack("[i, i]", a->look.x, a->look.y));
  return csa_print_json(json_incref(a->json));
}

static csa_status run(const attend_settings *s) {
  attending a = {.settings = s, .json = json_object()};
  csa_graph_config config = {.batch = 1, .keep_all = true};
  csa_device *device = NULL;
  csa_status status;
  CSA_GO(csa_trained_take(&s->trained, "attend", &a.trained, &config.choices));
  CSA_GO(take_pixel(&a));
  CSA_GO(take_image(&a));
  CSA_GO(csa_device_open(&device, s->trained.device));
  CSA_GO(csa_trained_build(&a.trained, device, config));
  CSA_GO(csa_new(&a.probabilities, (size_t)a.trained.architecture.classes, sizeof *a.probabilities));
  CSA_GO(csa_trained_classify(&a.trained, a.image, 1, a.probabilities));
  CSA_GO(csa_maps_read(&a.maps, a.trained.graph));
  a.look.maps = &a.maps;
  CSA_GO(take_layer(&a));
  CSA_GO(draw(&a));
  status = report(&a);
done:
  json_decref(a.json);
  csa_sheet_fini(&a.sheet);
  csa_maps_fini(&a.maps);
  csa_trained_close(&a.trained);
  csa_device_close(device);
  free(a.probabilities);
  free(a.image);
  return status;
}

csa_status csa_command_attend(int argc, char **argv) {
  attend_settings s = {0};
  csa_option options[] = {
      CSA_TRAINED_OPTIONS(s.trained),
      {"out", "FILE", CSA_OPTION_TEXT, &s.out, "the picture to be written, PNG (required)", false},
      {"data", "PATH", CSA_OPTION_TEXT, &s.data, "in place of IMAGE: a data set; see clsattn data list", false},
      {"index", "N", CSA_OPTION_COUNT, &s.index, "of --data, the N-th test image from 0 on (default 0)", false},
      {"pixel", "X,Y", CSA_OPTION_TEXT, &s.pixel,
       "cnn: the pixel that looks, of the image as the model sees it (default: the middle)", false},
      {"layer", "NAME", CSA_OPTION_TEXT, &s.layer, "this layer alone, as sa1 or encoder.layers.0.2 (default: all)",
       false},
      CSA_JSON_OPTION(&s.json)};
  const csa_command_line line = {
      "attend",
      "IMAGE",
      "Draws over an image what the attention looks at: of a cnn, where a pixel looks, layer by layer; of a vit, where "
      "the\nclass token looks, for each block and head.",
      "  clsattn attend --weights runs/cnn/model.safetensors cat.jpg --pixel 12,20 --out cat.png\n"
      "  clsattn attend --weights runs/vit/model.safetensors --data fashion-mnist --index 7 --out seven.png --json\n",
      options,
      sizeof options / sizeof options[0]};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 1, &words));
  if (words == NULL) return CSA_OK;
  CSA_TRY(csa_options_words(&line, words, s.data == NULL, s.data == NULL));
  if (s.data == NULL && csa_option_given(&line, "index"))
    return csa_fail(CSA_USAGE, "--index: goes with --data, and there is none");
  if (s.out == NULL)
    return csa_fail(CSA_USAGE, "attend: --out is missing: where is the picture to go?\n  see clsattn attend --help");
  s.image = words[0];
  return run(&s);
}
