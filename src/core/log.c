#include "core/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "core/text.h"

static csa_log_sink current_sink;

void csa_log_to(csa_log_sink sink) { current_sink = sink; }

void csa_log(const char *format, ...) {
  if (current_sink == NULL) return;
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  csa_text_tame(line);
  current_sink(line);
}
