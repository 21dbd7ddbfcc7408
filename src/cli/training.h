/* What the commands that train have in common: settings as given, their options, and what is told while training. */
#ifndef CSA_CLI_TRAINING_H
#define CSA_CLI_TRAINING_H

#include <stdio.h>

#include "cli/choices.h"
#include "train/settings.h"
#include "train/trainer.h"

typedef struct {
  const char *config, *data, *device, *patches;
  const char *settings[CSA_SETTINGS]; /* as given; NULL: not */
  csa_choice_texts choices;
  int64_t limit_train, limit_test; /* -1: not given */
} csa_training;

/* No option of `t` given. */
void csa_training_init(csa_training *t);

/* Writes the rows of an option table that set `t` behind its `count` rows; the number of all rows. */
int csa_training_options(csa_training *t, csa_option options[CSA_COMMAND_OPTIONS], int count);

/* The settings as those of a run: defaults, then --config, then what else was given. `model`: NULL for what --config
 * says, else the ViT. What cannot be is CSA_USAGE. */
csa_status csa_training_config(const csa_training *training, const char *model, csa_config *config);

/* A path into a buffer; one that is too long is CSA_USAGE and named after `option`. */
csa_status csa_take_path(const char *option, const char *text, char path[CSA_PATH]);

/* The same for one that exists: absolute, so that a run can be resumed from any folder; names of data sets stay. */
csa_status csa_take_existing(const char *option, const char *text, char path[CSA_PATH]);

/* Draws the run's curves.svg, from csa_seconds() `*next` on, which it moves so that no more than a twentieth of the
 * time goes into pictures; where it cannot be written, stderr says why, and training goes on. */
void csa_training_curves(const csa_trainer *trainer, double *next);

/* Both pictures of a run that is over, curves.svg and report.html. */
csa_status csa_training_report(csa_trainer *trainer);

/* runs/NAME-DEVICE-DATE */
void csa_default_folder(const char *name, const csa_device *device, char folder[CSA_PATH]);

#endif
