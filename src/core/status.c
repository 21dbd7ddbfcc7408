#include "core/status.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define SENTENCE_MAX 16384 /* a build log may be in it */

static _Thread_local char sentence[SENTENCE_MAX];

const char *csa_last_error(void) { return sentence; }

const char *csa_status_text(csa_status status) {
  switch (status) {
#define CASE(code, text, exit_code) \
  case code: return text;
    CSA_STATUS_LIST(CASE)
#undef CASE
  }
  return "unknown status";
}

int csa_exit_code(csa_status code) {
  switch (code) {
#define CASE(name, text, exit_code) \
  case name: return exit_code;
    CSA_STATUS_LIST(CASE)
#undef CASE
  }
  return 1;
}

csa_status(csa_fail)(csa_status code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  csa_text_tame(sentence); /* names in it come from files */
  return code;
}

csa_status(csa_fail_in)(csa_status code, const char *format, ...) {
  char context[512];
  va_list args;
  va_start(args, format);
  vsnprintf(context, sizeof context, format, args);
  va_end(args);
  csa_text_tame(context);
  const size_t length = strlen(context);
  const size_t keep = strnlen(sentence, sizeof sentence - length - 3);
  memmove(sentence + length + 2, sentence, keep);
  memcpy(sentence, context, length);
  memcpy(sentence + length, ": ", 2);
  sentence[length + 2 + keep] = '\0';
  return code;
}

csa_status csa_new(void *out, size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size);
  memcpy(out, &memory, sizeof memory);
  if (memory == NULL)
    return csa_fail(CSA_MEMORY,
                    "memory: %zu x %zu bytes: the host has no more\n  fewer images or a smaller batch take less", count,
                    size);
  return CSA_OK;
}

csa_status csa_grow(void *array, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return CSA_OK;
  const size_t wanted = *capacity > 0 ? 2 * *capacity : 16;
  void *memory;
  memcpy(&memory, array, sizeof memory);
  memory = wanted <= SIZE_MAX / size ? realloc(memory, wanted * size) : NULL;
  if (memory == NULL)
    return csa_fail(CSA_MEMORY,
                    "memory: %zu x %zu bytes: the host has no more\n  fewer images or a smaller batch take less",
                    wanted, size);
  memcpy(array, &memory, sizeof memory);
  *capacity = wanted;
  return CSA_OK;
}

csa_status csa_copy_text(char **out, const char *text) {
  const size_t size = strlen(text) + 1;
  CSA_TRY(csa_new(out, size, 1));
  memcpy(*out, text, size);
  return CSA_OK;
}
