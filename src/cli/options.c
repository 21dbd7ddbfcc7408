#include "cli/options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "core/number.h"
#include "core/text.h"

/* What getopt_long returns, beyond all characters: ':' and '?' are its own. */
enum { FIRST = 256 };

static csa_status bad_value(const char *name, const char *text, const char *wanted) {
  return csa_fail(CSA_USAGE, "--%s: %s: must be %s", name, text, wanted);
}

static csa_status parse_whole(const char *name, const char *text, int least, int64_t *value) {
  double number;
  char wanted[80];
  if (!csa_number_read(text, &number) || number < least || number > INT32_MAX || number != floor(number)) {
    snprintf(wanted, sizeof wanted, "a whole number from %d to %d", least, INT32_MAX);
    return bad_value(name, text, wanted);
  }
  *value = (int64_t)number;
  return CSA_OK;
}

static csa_status parse_real(const char *name, const char *text, double *value) {
  return csa_number_read(text, value) && *value >= 0.0 ? CSA_OK : bad_value(name, text, "a number from 0 up");
}

static csa_status set_value(csa_option *o, const char *text) {
  int64_t number = 0;
  o->given = true;
  switch (o->kind) {
    case CSA_OPTION_FLAG: *(bool *)o->target = true; return CSA_OK;
    case CSA_OPTION_TEXT: *(const char **)o->target = text; return CSA_OK;
    case CSA_OPTION_INT:
      CSA_TRY(parse_whole(o->name, text, 1, &number));
      *(int *)o->target = (int)number;
      return CSA_OK;
    case CSA_OPTION_COUNT: return parse_whole(o->name, text, 0, o->target);
    case CSA_OPTION_SEED: return csa_seed_read(text, o->target) ? CSA_OK : bad_value(o->name, text, CSA_SEED_WANTED);
    case CSA_OPTION_DURATION:
      return csa_seconds_read(text, o->target) ? CSA_OK : bad_value(o->name, text, CSA_SECONDS_WANTED);
    case CSA_OPTION_REAL: break;
  }
  return parse_real(o->name, text, o->target);
}

/* Two blanks at least stand between an option and what it means; a longer one has a line to itself. doc/generate reads
 * this. */
static void print_help_line(const char *option, const char *help) {
  if (strlen(option) > 28)
    printf("  %s\n  %-30s%s\n", option, "", help);
  else
    printf("  %-30s%s\n", option, help);
}

static void print_help(const csa_command_line *line) {
  printf("Usage: clsattn %s%s%s%s\n\n%s\n", line->name, line->count > 0 ? " [options]" : "",
         line->synopsis[0] != '\0' ? " " : "", line->synopsis, line->summary);
  printf("\nOptions:\n");
  for (int i = 0; i < line->count; i++) {
    const csa_option *o = &line->options[i];
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", o->name, o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    print_help_line(left, o->help);
  }
  print_help_line("--help", "print this; so does -h");
  printf("\nExamples:\n%s", line->examples);
}

static void to_getopt(const csa_command_line *line, struct option table[CSA_COMMAND_OPTIONS]) {
  for (int i = 0; i < line->count; i++)
    table[i] = (struct option){line->options[i].name, line->options[i].kind != CSA_OPTION_FLAG, NULL, FIRST + i};
  table[line->count] = (struct option){"help", no_argument, NULL, 'h'};
  table[line->count + 1] = (struct option){NULL, 0, NULL, 0};
}

csa_status csa_options_words(const csa_command_line *line, char **words, int least, int most) {
  int count = 0;
  while (words[count] != NULL) count++;
  if (count > most)
    return csa_fail(CSA_USAGE, "%s: %s: not expected\n  see clsattn %s --help", line->name, words[most], line->name);
  if (count >= least) return CSA_OK;
  return csa_fail(CSA_USAGE, "%s: %s is missing\n  see clsattn %s --help", line->name, line->synopsis, line->name);
}

static csa_status unknown(const csa_command_line *line, char **argv) {
  char text[CSA_MEANT], name[CSA_MEANT];
  const char *given = argv[optind - 1];
  for (int i = 1; optopt > 0 && optopt < FIRST && argv[i] != NULL; i++) /* -epochs: getopt is amid the word */
    if (argv[i][0] == '-' && argv[i][1] == optopt) given = argv[i];
  csa_meant meant = {.text = text};
  snprintf(text, sizeof text, "%s%.*s", given[1] == '-' ? "" : "-", (int)strcspn(given, "="), given);
  for (int i = 0; i < line->count; i++) {
    snprintf(name, sizeof name, "--%s", line->options[i].name);
    csa_meant_try(&meant, name);
  }
  return csa_fail(CSA_USAGE, "%s: unknown option of %s%s\n  see clsattn %s --help", given, line->name, meant.hint,
                  line->name);
}

csa_status csa_options_parse(const csa_command_line *line, int argc, char **argv, int least, int most, char ***words) {
  struct option table[CSA_COMMAND_OPTIONS];
  if (line->count + 2 > CSA_COMMAND_OPTIONS) return csa_fail(CSA_FAILED, "%s: too many options", line->name);
  to_getopt(line, table);
  *words = NULL;
  opterr = 0; /* our own sentences */
  optind = 1;
  for (int code; (code = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
    if (code == ':')
      return csa_fail(CSA_USAGE, "%s: needs a value\n  see clsattn %s --help", argv[optind - 1], line->name);
    if (code == '?') return unknown(line, argv);
    if (code == 'h') {
      print_help(line);
      return csa_flush_output();
    }
    CSA_TRY(set_value(&line->options[code - FIRST], optarg));
  }
  *words = argv + optind;
  return csa_options_words(line, *words, least, most);
}

bool csa_option_given(const csa_command_line *line, const char *name) {
  for (int i = 0; i < line->count; i++)
    if (strcmp(line->options[i].name, name) == 0) return line->options[i].given;
  return false;
}

csa_status csa_take_path(const char *name, const char *text, char path[CSA_PATH]) {
  if (strlen(text) >= CSA_PATH) return csa_fail(CSA_USAGE, "%s: a path of %zu bytes is too long", name, strlen(text));
  memcpy(path, text, strlen(text) + 1);
  return CSA_OK;
}
