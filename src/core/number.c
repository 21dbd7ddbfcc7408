#include "core/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* *rest: what follows it. */
static bool read_first(const char *text, double *number, const char **rest) {
  char *end;
  const double value = strtod(text, &end);
  if (end == text || isspace((unsigned char)text[0]) || !isfinite(value)) return false;
  *number = value;
  *rest = end;
  return true;
}

bool csa_number_read(const char *text, double *number) {
  const char *rest;
  double value;
  if (!read_first(text, &value, &rest) || *rest != '\0') return false;
  *number = value;
  return true;
}

bool csa_seconds_read(const char *text, double *seconds) {
  const char *unit;
  double value;
  if (!read_first(text, &value, &unit) || value < 0.0 || strlen(unit) > 1 || strchr("smh", *unit) == NULL) return false;
  *seconds = *unit == 'h' ? 3600.0 * value : *unit == 'm' ? 60.0 * value : value;
  return true;
}

bool csa_seed_read(const char *text, uint64_t *seed) {
  char *end;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0) return false;
  *seed = value;
  return true;
}
