/* clsattn eval: trained weights on test images. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/output.h"
#include "cli/trained_options.h"
#include "train/evaluate.h"

typedef struct {
  csa_trained_options trained;
  const char *data;
  int batch;
  int64_t limit;
  bool json;
} eval_settings;

static double class_accuracy(const csa_evaluation *e, int class) {
  int64_t all = 0;
  for (int c = 0; c < e->classes; c++) all += e->confusion[class * e->classes + c];
  return all > 0 ? (double)e->confusion[class * (e->classes + 1)] / (double)all : 0.0;
}

static csa_status print_json(const csa_evaluation *e, const csa_dataset *d, const csa_device *device) {
  json_t *classes = json_array(), *confusion = json_array();
  for (int c = 0; c < e->classes; c++) {
    json_t *row = json_array();
    for (int p = 0; p < e->classes; p++) json_array_append_new(row, json_integer(e->confusion[c * e->classes + p]));
    json_array_append_new(confusion, row);
    if (c < d->classes)
      json_array_append_new(classes,
                            json_pack("{s:s, s:f}", "class", d->class_names[c], "accuracy", class_accuracy(e, c)));
  }
  return csa_print_json(json_pack("{s:f, s:f, s:I, s:o, s:o, s:f, s:s}", "accuracy", e->accuracy, "loss", e->loss,
                                  "images", (json_int_t)e->images, "per_class", classes, "confusion", confusion,
                                  "images_per_s", (double)e->images / e->seconds, "device", device->info.device));
}

static csa_status print_text(const csa_evaluation *e, const csa_dataset *d) {
  printf("Accuracy on test set: %.2f %%\nloss %.4f, %lld images, %.0f images/s\n\n", 100.0 * e->accuracy, e->loss,
         (long long)e->images, (double)e->images / e->seconds);
  printf("%-14s %8s   taken for\n%-14s %8s", "class", "accuracy", "", "");
  for (int c = 0; c < d->classes; c++) printf(" %6.6s", d->class_names[c]);
  printf("\n");
  for (int c = 0; c < d->classes; c++) {
    printf("%-14.14s %6.2f %%", d->class_names[c], 100.0 * class_accuracy(e, c));
    for (int p = 0; p < d->classes; p++) printf(" %6lld", (long long)e->confusion[c * e->classes + p]);
    printf("\n");
  }
  return csa_flush_output();
}

static csa_status run(const eval_settings *s) {
  csa_graph_config config = {.batch = s->batch};
  csa_trained trained;
  csa_device *device = NULL;
  csa_dataset *dataset = NULL;
  csa_feed *feed = NULL;
  csa_evaluation result = {0};
  csa_status status;
  CSA_GO(csa_trained_take(&s->trained, "eval", &trained, &config.choices));
  CSA_GO(csa_fetch_and_open(&dataset, s->data,
                            (csa_dataset_limits){.train = 1, .test = s->limit, .image = trained.architecture.image}));
  CSA_GO(csa_trained_fits(&trained, dataset));
  CSA_GO(csa_device_open(&device, s->trained.device));
  CSA_GO(csa_trained_build(&trained, device, config));
  CSA_GO(csa_feed_create(&feed, trained.graph, dataset, &dataset->test, NULL, 0));
  CSA_GO(csa_evaluate(&result, &(csa_evaluator){trained.graph, feed}, dataset->test.count));
  status = s->json ? print_json(&result, dataset, device) : print_text(&result, dataset);
done:
  csa_evaluation_fini(&result);
  csa_feed_destroy(feed);
  csa_trained_close(&trained);
  csa_device_close(device);
  csa_dataset_close(dataset);
  return status;
}

csa_status csa_command_eval(int argc, char **argv) {
  eval_settings s = {.data = "cifar10", .batch = 100};
  csa_option options[] = {
      CSA_TRAINED_OPTIONS(s.trained),
      {"data", "PATH", CSA_OPTION_TEXT, &s.data,
       "a folder, an archive, or a name; see clsattn data list (default cifar10)", false},
      {"batch", "N", CSA_OPTION_INT, &s.batch, "images at a time (default 100)", false},
      {"limit-test", "N", CSA_OPTION_COUNT, &s.limit, "only the first N test images (default: all)", false},
      CSA_JSON_OPTION(&s.json)};
  const csa_command_line line = {
      "eval",
      "",
      "Measures weights on the test images: accuracy, loss, accuracy by class, who is taken for whom.",
      "  clsattn eval --weights runs/first/model.safetensors\n"
      "  clsattn eval --weights pytorch.safetensors --model vit --patches rows --json\n",
      options,
      sizeof options / sizeof options[0]};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 0, &words));
  if (words == NULL) return CSA_OK;
  return run(&s);
}
