/* The settings of a training that are numbers, names or short texts: one table says what each is called, where it lives
 * in csa_config and what it may be. Options of the command line, their help, and config.json come from it. */
#ifndef CSA_TRAIN_SETTINGS_H
#define CSA_TRAIN_SETTINGS_H

#include <jansson.h>

#include "train/config.h"

typedef enum {
  CSA_SETTING_COUNT,   /* int */
  CSA_SETTING_REAL,    /* double */
  CSA_SETTING_SECONDS, /* double; as text "90", "90s", "5m", "2h" */
  CSA_SETTING_SEED,    /* uint64_t; in JSON as text, since other programs' numbers lose digits */
  CSA_SETTING_NAME,    /* an enum from 0, int */
  CSA_SETTING_AUGMENT, /* csa_augment */
  CSA_SETTING_TEXT     /* char[CSA_SETTING_BYTES] */
} csa_setting_kind;

typedef struct {
  const char *key;    /* in config.json; the option is the same with - for _ */
  const char *option; /* what its value is called in --help */
  const char *help;   /* with the default */
  csa_setting_kind kind;
  bool old;                 /* every config.json has it; of the others an older one means the default */
  double least, end;        /* of numbers: from `least` on, below `end` */
  const char *const *names; /* of CSA_SETTING_NAME; NULL behind the last */
  size_t offset;            /* in csa_config */
} csa_setting;

#define CSA_SETTINGS 24
extern const csa_setting csa_settings[CSA_SETTINGS];

/* Its option, "--weight-decay". */
#define CSA_SETTING_OPTION 32
const char *csa_setting_option(const csa_setting *setting, char name[CSA_SETTING_OPTION]);

/* The setting called `key`, or NULL. */
const csa_setting *csa_setting_find(const char *key);

/* Reads a value from a text. One that cannot be is CSA_USAGE: "--epochs: 0: must be …". */
csa_status csa_setting_take(const csa_setting *setting, const char *text, csa_config *config);

/* To JSON, a new reference or NULL without memory, and back; a value that cannot be is CSA_INPUT. */
json_t *csa_setting_to_json(const csa_setting *setting, const csa_config *config);
csa_status csa_setting_from_json(const csa_setting *setting, const json_t *value, csa_config *config);

#endif
