/* Options of the commands that train, and the settings that come of them. */
#ifndef CSA_CLI_TRAINING_H
#define CSA_CLI_TRAINING_H

#include "cli/choices.h"
#include "train/settings.h"

typedef struct {
  const char *config, *data, *device, *patches;
  const char *settings[CSA_SETTINGS]; /* as given; NULL: not */
  csa_choice_texts choices;
  int64_t limit_train, limit_test; /* -1: not given */
  bool both_models; /* are trained, on one device: what --config says of a model or of shares does not count */
} csa_training;

/* Writes the rows of an option table that set `t`, of which but for both_models all is zero, behind its `count` rows;
 * the number of all rows. */
int csa_training_options(csa_training *t, csa_option options[CSA_COMMAND_OPTIONS], int count);

/* The settings as those of a run: defaults, then --config, then what else was given. `model`: NULL for what --config
 * says, else the ViT. What cannot be is CSA_USAGE. */
csa_status csa_training_config(const csa_training *training, const char *model, csa_config *config);

/* Opens the data that `config` names, which is fetched where it has to be, within its limits. */
csa_status csa_training_data(const csa_config *config, csa_dataset **dataset);

/* csa_take_path of one that exists: absolute, so that a run can be resumed from any folder; names of data sets stay. */
csa_status csa_take_existing(const char *name, const char *text, char path[CSA_PATH]);

/* Where a run goes: --out, or runs/NAME-DEVICE-DATE where that is NULL. */
csa_status csa_training_folder(const char *out, const char *name, const csa_device *device, char folder[CSA_PATH]);

#endif
