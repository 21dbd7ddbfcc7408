/* Options of a command: a table says what there is; parsing and --help come from it. */
#ifndef CSA_CLI_OPTIONS_H
#define CSA_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"

typedef enum {
  CSA_OPTION_FLAG,    /* bool */
  CSA_OPTION_TEXT,    /* const char *, into argv */
  CSA_OPTION_INT,     /* int, from 1 */
  CSA_OPTION_COUNT,   /* int64_t, from 0 */
  CSA_OPTION_SEED,    /* uint64_t */
  CSA_OPTION_REAL,    /* double, from 0 */
  CSA_OPTION_DURATION /* double, seconds: "90", "90s", "5m", "2h" */
} csa_option_kind;

typedef struct {
  const char *name;  /* without the dashes */
  const char *value; /* what its value is called in --help; NULL for a flag */
  csa_option_kind kind;
  void *target;     /* set when the option is given */
  const char *help; /* with the default, where there is one */
  bool given;       /* out */
} csa_option;

#define CSA_COMMAND_OPTIONS 64 /* of a command */

typedef struct {
  const char *name;     /* "train" */
  const char *synopsis; /* what follows the options: "FILE", or "" */
  const char *summary;  /* one line */
  const char *examples; /* lines, each indented by two blanks */
  csa_option *options;
  int count;
} csa_command_line;

/* Rows that several tables have. */
#define CSA_JSON_OPTION(target) \
  { "json", NULL, CSA_OPTION_FLAG, target, "print one JSON document", false }
#define CSA_DEVICE_HELP "one that clsattn devices names (default: $CLSATTN_DEVICE, else the first GPU, else CPU)"
#define CSA_DEVICE_OPTION(target) \
  { "device", "DEVICE", CSA_OPTION_TEXT, target, CSA_DEVICE_HELP, false }

/* Parses argv[1 ..] (argv[0] is the command's name). *words is what is no option, `least` to `most` words with a NULL
 * behind them; itself NULL where --help was asked for, which is on stdout then, and all there is to do. Errors are
 * CSA_USAGE. */
csa_status csa_options_parse(const csa_command_line *line, int argc, char **argv, int least, int most, char ***words);

/* CSA_USAGE unless there are so many words: again, where options decide it. */
csa_status csa_options_words(const csa_command_line *line, char **words, int least, int most);

/* Whether option `name` was given. */
bool csa_option_given(const csa_command_line *line, const char *name);

/* A path that is kept; one that is too long is CSA_USAGE, "NAME: ...". */
csa_status csa_take_path(const char *name, const char *text, char path[CSA_PATH]);

#endif
