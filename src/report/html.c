#include "report/html.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "core/embedded.h"
#include "core/text.h"

#define TEXT_MAX 4096

static const char *reference(unsigned char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return c == 0x7F || (c < 0x20 && c != '\n' && c != '\t') ? "\xEF\xBF\xBD" : NULL;
  }
}

void csa_html_text(FILE *out, const char *text) {
  while (*text != '\0') {
    const int length = csa_text_character(text);
    const char *instead = length == 0 ? "\xEF\xBF\xBD" : reference((unsigned char)*text);
    if (instead != NULL)
      fputs(instead, out);
    else
      fwrite(text, 1, (size_t)length, out);
    text += length > 0 ? length : 1;
  }
}

void csa_html_element(FILE *out, const char *tag, const char *format, ...) {
  char text[TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fprintf(out, "<%s>", tag);
  csa_html_text(out, text);
  fprintf(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

void csa_html_part(FILE *out, const char *name) {
  const csa_embedded *part = csa_page_texts;
  while (part->name != NULL && strcmp(part->name, name) != 0) part++;
  assert(part->name != NULL);
  fputs(part->text, out);
}

void csa_html_begin(FILE *out, const char *title) {
  fprintf(out,
          "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
  csa_html_element(out, "title", "%s", title);
  fprintf(out, "<style>\n");
  csa_html_part(out, "colours.css");
  csa_html_part(out, "page.css");
  csa_html_part(out, "plot.css");
  fprintf(out, "</style>\n</head>\n<body>\n<main>\n");
}

void csa_html_entry(FILE *out, const char *name, const char *value) {
  csa_html_element(out, "dt", "%s", name);
  csa_html_element(out, "dd", "%s", value);
}

void csa_html_script(FILE *out) {
  fprintf(out, "<script>\n");
  csa_html_part(out, "page.js");
  fprintf(out, "</script>\n");
}

void csa_html_end(FILE *out) { fprintf(out, "</main>\n</body>\n</html>\n"); }
