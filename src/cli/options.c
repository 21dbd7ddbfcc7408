#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

/* What getopt_long returns, beyond all characters: ':' and '?' are its own. */
enum { HELP = 256, FIRST };

static csa_status bad_value(const char *name, const char *text, const char *wanted) {
  return csa_fail(CSA_USAGE, "--%s: %s: must be %s", name, text, wanted);
}

/* A whole number from `least` to `most`. */
static csa_status parse_integer(const char *name, const char *text, int64_t least, int64_t most, int64_t *value) {
  char *end, wanted[80];
  errno = 0;
  const long long number = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || number < least || number > most) {
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)least, (long long)most);
    return bad_value(name, text, wanted);
  }
  *value = number;
  return CSA_OK;
}

static csa_status parse_seed(const char *name, const char *text, uint64_t *seed) {
  char *end;
  errno = 0;
  *seed = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
    return bad_value(name, text, "a whole number from 0 to 18446744073709551615");
  return CSA_OK;
}

static csa_status parse_real(const char *name, const char *text, double *value, const char **rest) {
  char *end;
  *value = strtod(text, &end);
  *rest = end;
  return end != text && isfinite(*value) && *value >= 0.0 ? CSA_OK : bad_value(name, text, "a number from 0 up");
}

static csa_status parse_duration(const char *name, const char *text, double *seconds) {
  const char *unit;
  if (parse_real(name, text, seconds, &unit) == CSA_OK) {
    if (strcmp(unit, "") == 0 || strcmp(unit, "s") == 0) return CSA_OK;
    if (strcmp(unit, "m") == 0 || strcmp(unit, "h") == 0) {
      *seconds *= unit[0] == 'm' ? 60.0 : 3600.0;
      return CSA_OK;
    }
  }
  return bad_value(name, text, "a time like 90s, 5m or 2h");
}

static csa_status set_value(csa_option *option, const char *text) {
  int64_t number = 0;
  const char *rest = "";
  option->given = true;
  switch (option->kind) {
    case CSA_OPTION_FLAG: *(bool *)option->target = true; return CSA_OK;
    case CSA_OPTION_TEXT: *(const char **)option->target = text; return CSA_OK;
    case CSA_OPTION_INT:
      CSA_TRY(parse_integer(option->name, text, 1, INT32_MAX, &number));
      *(int *)option->target = (int)number;
      return CSA_OK;
    case CSA_OPTION_COUNT: return parse_integer(option->name, text, 0, INT32_MAX, option->target);
    case CSA_OPTION_SEED: return parse_seed(option->name, text, option->target);
    case CSA_OPTION_DURATION: return parse_duration(option->name, text, option->target);
    case CSA_OPTION_REAL: break;
  }
  CSA_TRY(parse_real(option->name, text, option->target, &rest));
  return *rest == '\0' ? CSA_OK : bad_value(option->name, text, "a number from 0 up");
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
  print_help_line("--help", "print this");
  printf("\nExamples:\n%s", line->examples);
}

static void to_getopt(const csa_command_line *line, struct option table[CSA_COMMAND_OPTIONS]) {
  for (int i = 0; i < line->count; i++)
    table[i] = (struct option){line->options[i].name, line->options[i].kind != CSA_OPTION_FLAG, NULL, FIRST + i};
  table[line->count] = (struct option){"help", no_argument, NULL, HELP};
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

csa_status csa_options_parse(const csa_command_line *line, int argc, char **argv, int least, int most, char ***words) {
  struct option table[CSA_COMMAND_OPTIONS];
  if (line->count + 2 > CSA_COMMAND_OPTIONS) return csa_fail(CSA_FAILED, "%s: too many options", line->name);
  to_getopt(line, table);
  *words = NULL;
  opterr = 0; /* our own sentences */
  optind = 1;
  for (int code; (code = getopt_long(argc, argv, ":", table, NULL)) != -1;) {
    if (code == ':')
      return csa_fail(CSA_USAGE, "%s: needs a value\n  see clsattn %s --help", argv[optind - 1], line->name);
    if (code == '?')
      return csa_fail(CSA_USAGE, "%s: unknown option of %s\n  see clsattn %s --help", argv[optind - 1], line->name,
                      line->name);
    if (code == HELP) {
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
