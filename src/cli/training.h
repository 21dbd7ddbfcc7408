/* What the commands that train have in common: settings as given, their options, and what is told while training. */
#ifndef CSA_CLI_TRAINING_H
#define CSA_CLI_TRAINING_H

#include <stdio.h>

#include "cli/choices.h"
#include "train/trainer.h"

typedef struct {
  const char *data, *device, *patches, *optimizer;
  csa_choice_texts choices;
  int epochs, batch, log_every;
  double lr, weight_decay;
  uint64_t seed;
  int64_t limit_train, limit_test;
} csa_training;

#define CSA_TRAINING_DEFAULTS \
  { .data = "cifar10", .optimizer = "adam", .epochs = 10, .batch = 100, .log_every = 200, .lr = 0.001 }

/* Rows of an option table that set `t`, a csa_training. */
#define CSA_TRAINING_OPTIONS(t)                                                                                       \
  {"data",                                                                                                            \
   "PATH",                                                                                                            \
   CSA_OPTION_TEXT,                                                                                                   \
   &(t).data,                                                                                                         \
   "a folder, an archive, or a name; see clsattn data list (default cifar10)",                                        \
   false},                                                                                                            \
      {"device",                                                                                                      \
       "DEVICE",                                                                                                      \
       CSA_OPTION_TEXT,                                                                                               \
       &(t).device,                                                                                                   \
       "one that clsattn devices names (default: $CLSATTN_DEVICE, else the first GPU, else CPU)",                     \
       false},                                                                                                        \
      {"patches",                                                                                                     \
       "rows|grid",                                                                                                   \
       CSA_OPTION_TEXT,                                                                                               \
       &(t).patches,                                                                                                  \
       "how the vit cuts images: runs of the image's buffer, or squares (default rows)",                              \
       false},                                                                                                        \
      {"epochs", "N", CSA_OPTION_INT, &(t).epochs, "passes over the training images (default 10)", false},            \
      {"batch", "N", CSA_OPTION_INT, &(t).batch, "images in a step (default 100)", false},                            \
      {"lr", "X", CSA_OPTION_REAL, &(t).lr, "learning rate (default 0.001)", false},                                  \
      {"seed",                                                                                                        \
       "N",                                                                                                           \
       CSA_OPTION_SEED,                                                                                               \
       &(t).seed,                                                                                                     \
       "draws initial values and the order of images; the same seed repeats a run (default 0)",                       \
       false},                                                                                                        \
      {"optimizer", "adam|adamw|sgd", CSA_OPTION_TEXT, &(t).optimizer, "sgd is with momentum 0.9 (default adam)",     \
       false},                                                                                                        \
      {"weight-decay", "X", CSA_OPTION_REAL, &(t).weight_decay, "L2 in adam and sgd, decoupled in adamw (default 0)", \
       false},                                                                                                        \
      {"limit-train", "N", CSA_OPTION_COUNT, &(t).limit_train, "only the first N training images (default: all)",     \
       false},                                                                                                        \
      {"limit-test", "N", CSA_OPTION_COUNT, &(t).limit_test, "only the first N test images (default: all)", false},   \
      {"log-every", "N", CSA_OPTION_INT, &(t).log_every, "batches between log lines (default 200)", false},           \
      CSA_CHOICE_OPTIONS((t).choices)

/* The settings as those of a run of `model`; what cannot be is CSA_USAGE. */
csa_status csa_training_config(const csa_training *training, const char *model, csa_config *config);

/* A path into a buffer; one that is too long is CSA_USAGE and named after `option`. */
csa_status csa_take_path(const char *option, const char *text, char path[CSA_PATH]);

/* The same for one that exists: absolute, so that a run can be resumed from any folder; names of data sets stay. */
csa_status csa_take_existing(const char *option, const char *text, char path[CSA_PATH]);

/* Draws the run's curves.svg; where it cannot be written, stderr says why, and training goes on. */
void csa_training_curves(const csa_trainer *trainer);

/* runs/NAME-DEVICE-DATE */
void csa_default_folder(const char *name, const csa_device *device, char folder[CSA_PATH]);

#endif
