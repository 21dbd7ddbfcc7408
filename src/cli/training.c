#include "cli/training.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/fetch.h"
#include "data/known.h"

csa_status csa_take_existing(const char *name, const char *text, char path[CSA_PATH]) {
  char *absolute = csa_known_find(text) == NULL ? realpath(text, NULL) : NULL;
  const csa_status status = csa_take_path(name, absolute != NULL ? absolute : text, path);
  free(absolute);
  return status;
}

/* Without the dashes, and kept for good. */
static const char *option_name(int setting) {
  static char names[CSA_SETTINGS][CSA_SETTING_OPTION];
  return csa_setting_option(&csa_settings[setting], names[setting]) + 2;
}

int csa_training_options(csa_training *t, csa_option options[CSA_COMMAND_OPTIONS], int count) {
  const csa_option before[] = {
      {"config", "NAME|FILE", CSA_OPTION_TEXT, &t->config,
       t->both_models
           ? "settings, not the model: a preset, or a file like a run's config.json; other options go before it"
           : "settings: a preset, like cnn-strong, or a file like a run's config.json; other options go before it",
       false},
      {"data", "PATH", CSA_OPTION_TEXT, &t->data,
       "a folder, an archive, or a name; see clsattn data list (default cifar10)", false},
      {"device", "DEVICE", CSA_OPTION_TEXT, &t->device,
       t->both_models ? CSA_DEVICE_HELP : CSA_DEVICE_HELP "; several, with commas between, share each batch", false},
      {"patches", "rows|grid", CSA_OPTION_TEXT, &t->patches,
       "how the vit cuts images: runs of the image's buffer, or squares (default rows)", false}};
  const csa_option after[] = {
      {"limit-train", "N", CSA_OPTION_COUNT, &t->limit_train, "only the first N training images (default: all)", false},
      {"limit-test", "N", CSA_OPTION_COUNT, &t->limit_test, "only the first N test images (default: all)", false},
      CSA_CHOICE_OPTIONS(t->choices)};
  t->limit_train = t->limit_test = -1;
  for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) options[count++] = before[i];
  for (int i = 0; i < CSA_SETTINGS; i++)
    if (!t->both_models || strcmp(csa_settings[i].key, "shares") != 0)
      options[count++] = (csa_option){option_name(i),  csa_settings[i].option, CSA_OPTION_TEXT,
                                      &t->settings[i], csa_settings[i].help,   false};
  for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) options[count++] = after[i];
  return count;
}

/* The file, and the model: what the command line says, or the file; they may not contradict each other, as the sizes
 * would be of another. */
static csa_status take_file(const csa_training *t, const char *model, csa_config *c) {
  bool has_model = false;
  if (t->config != NULL) CSA_TRY(csa_config_apply(c, t->config, &has_model));
  if (t->both_models) {
    has_model = false;
    c->init[0] = c->shares[0] = '\0'; /* weights of that model, and shares of more devices than one */
  }
  if (!has_model) return csa_architecture_default(&c->architecture, model != NULL ? model : "vit");
  if (model == NULL || strcmp(model, c->architecture.model) == 0) return CSA_OK;
  return csa_fail(CSA_USAGE, "--config: %s: it is for the %s, not for the %s", t->config, c->architecture.model, model);
}

csa_status csa_training_config(const csa_training *t, const char *model, csa_config *c) {
  char data[CSA_PATH];
  csa_config_default(c);
  CSA_TRY(take_file(t, model, c));
  if (t->patches != NULL) CSA_TRY(csa_architecture_patches(&c->architecture, t->patches));
  for (int i = 0; i < CSA_SETTINGS; i++)
    if (t->settings[i] != NULL) CSA_TRY(csa_setting_take(&csa_settings[i], t->settings[i], c));
  if (t->limit_train >= 0) c->limit_train = t->limit_train;
  if (t->limit_test >= 0) c->limit_test = t->limit_test;
  CSA_TRY(csa_choices_take(&t->choices, &c->replicas[0].choices));
  CSA_TRY(csa_take_existing("--data", t->data != NULL ? t->data : c->data, data));
  memcpy(c->data, data, sizeof data);
  return CSA_OK;
}

csa_status csa_training_data(const csa_config *c, csa_dataset **dataset) {
  return csa_fetch_and_open(
      dataset, c->data,
      (csa_dataset_limits){.train = c->limit_train, .test = c->limit_test, .image = c->architecture.image});
}

csa_status csa_training_folder(const char *out, const char *name, const csa_device *device, char folder[CSA_PATH]) {
  char date[32];
  const time_t now = time(NULL);
  struct tm parts;
  if (out != NULL) return csa_take_path("--out", out, folder);
  localtime_r(&now, &parts);
  strftime(date, sizeof date, "%Y%m%d-%H%M%S", &parts);
  snprintf(folder, CSA_PATH, "runs/%s-%s-%s", name, device->info.name, date);
  return CSA_OK;
}
