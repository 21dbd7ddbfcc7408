/* What a run was made with. */
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "report/html.h"
#include "report/run_parts.h"

#define CONFIG_MAX ((uint64_t)16 << 20)
#define VALUE 1200

/* A number, text or list as it is read, without JSON's quotes and brackets. */
static void value_text(const json_t *value, char text[VALUE]) {
  size_t at, used = 0;
  const json_t *item;
  text[0] = '\0';
  if (json_is_string(value))
    snprintf(text, VALUE, "%s", json_string_length(value) > 0 ? json_string_value(value) : "none");
  else if (json_is_integer(value))
    snprintf(text, VALUE, "%lld", (long long)json_integer_value(value));
  else if (json_is_real(value))
    snprintf(text, VALUE, "%.10g", json_real_value(value));
  else if (json_is_boolean(value))
    snprintf(text, VALUE, "%s", json_is_true(value) ? "yes" : "no");
  else if (json_is_array(value) && json_is_object(json_array_get(value, 0)))
    snprintf(text, VALUE, "%zu entries", json_array_size(value));
  else if (json_is_array(value) && json_array_size(value) > 0)
    json_array_foreach((json_t *)(uintptr_t)value, at, item) {
      char one[VALUE];
      value_text(item, one);
      if (used < VALUE) used += (size_t)snprintf(text + used, VALUE - used, "%s%s", at > 0 ? ", " : "", one);
    }
  else
    snprintf(text, VALUE, "none");
}

static void print_object(FILE *out, const char *title, const json_t *object) {
  char text[VALUE], name[64];
  const char *key;
  json_t *value;
  fprintf(out, "<div class=\"card\">\n");
  csa_html_element(out, "h3 class=\"caps\"", "%s", title);
  fprintf(out, "<dl>\n");
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    if (json_is_object(value)) continue; /* a card of its own */
    snprintf(name, sizeof name, "%s", key);
    for (char *c = name; *c != '\0'; c++)
      if (*c == '_') *c = ' ';
    value_text(value, text);
    csa_html_entry(out, name, text);
  }
  fprintf(out, "</dl>\n</div>\n");
}

csa_status csa_run_print_settings(FILE *out, const char *folder) {
  char path[CSA_PATH + 32];
  uint8_t *text = NULL;
  size_t size;
  const char *key;
  json_t *value;
  json_error_t error;
  snprintf(path, sizeof path, "%s/config.json", folder);
  CSA_TRY(csa_file_read(path, CONFIG_MAX, &text, &size));
  json_t *root = json_loadb((const char *)text, size, 0, &error);
  free(text);
  if (root == NULL) return csa_fail(CSA_INPUT, "config: %s: line %d: %s", path, error.line, error.text);
  fprintf(out, "<section>\n<h2>Settings</h2>\n<div class=\"columns\" id=\"settings\">\n");
  print_object(out, "run", root);
  json_object_foreach(root, key, value) if (json_is_object(value)) print_object(out, key, value);
  fprintf(out, "</div>\n</section>\n");
  json_decref(root);
  return CSA_OK;
}
