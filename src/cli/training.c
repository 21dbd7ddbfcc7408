#include "cli/training.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/known.h"
#include "report/curves.h"

csa_status csa_take_path(const char *option, const char *text, char path[CSA_PATH]) {
  if (strlen(text) >= CSA_PATH)
    return csa_fail(CSA_USAGE, "--%s: a path of %zu bytes is too long", option, strlen(text));
  memcpy(path, text, strlen(text) + 1);
  return CSA_OK;
}

csa_status csa_take_existing(const char *option, const char *text, char path[CSA_PATH]) {
  char *absolute = csa_known_find(text) == NULL ? realpath(text, NULL) : NULL;
  const csa_status status = csa_take_path(option, absolute != NULL ? absolute : text, path);
  free(absolute);
  return status;
}

csa_status csa_training_config(const csa_training *t, const char *model, csa_config *c) {
  *c = (csa_config){.limit_train = t->limit_train,
                    .limit_test = t->limit_test,
                    .epochs = t->epochs,
                    .batch = t->batch,
                    .lr = t->lr,
                    .weight_decay = t->weight_decay,
                    .seed = t->seed,
                    .log_every = t->log_every,
                    .checkpoint_every = 300.0};
  CSA_TRY(csa_architecture_default(&c->architecture, model));
  if (t->patches != NULL) CSA_TRY(csa_architecture_patches(&c->architecture, t->patches));
  CSA_TRY(csa_optimizer_parse(t->optimizer, &c->optimizer));
  CSA_TRY(csa_choices_take(&t->choices, &c->choices));
  return csa_take_existing("data", t->data, c->data);
}

void csa_training_curves(const csa_trainer *t) {
  char title[CSA_TITLE];
  csa_curves_title(&t->config, title);
  if (csa_curves_write(t->folder, title) != CSA_OK) fprintf(stderr, "curves.svg: not drawn: %s\n", csa_last_error());
}

void csa_default_folder(const char *name, const csa_device *device, char folder[CSA_PATH]) {
  char date[32];
  const time_t now = time(NULL);
  struct tm parts;
  localtime_r(&now, &parts);
  strftime(date, sizeof date, "%Y%m%d-%H%M%S", &parts);
  snprintf(folder, CSA_PATH, "runs/%s-%s-%s", name, device->info.name, date);
}
