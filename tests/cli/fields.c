/* fields FILE: what a JSON document consists of: a line for each field, "PATH KIND", once for all items of a list. A
 * file of several documents, one a line, counts as a list of them; - is stdin. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void tell(const char *path, const json_t *value) {
  static const char *const kinds[] = {
      [JSON_OBJECT] = "object", [JSON_ARRAY] = "list", [JSON_STRING] = "text", [JSON_INTEGER] = "whole",
      [JSON_REAL] = "number",   [JSON_TRUE] = "truth", [JSON_FALSE] = "truth", [JSON_NULL] = "null"};
  char inner[512];
  const char *key;
  json_t *one;
  size_t at;
  json_object_foreach((json_t *)(void *)value, key, one) {
    snprintf(inner, sizeof inner, "%.300s%s%.100s", path, path[0] != '\0' ? "." : "", key);
    tell(inner, one);
  }
  json_array_foreach(value, at, one) {
    snprintf(inner, sizeof inner, "%.300s[]", path);
    tell(inner, one);
  }
  if (json_object_size(value) == 0 && json_array_size(value) == 0) printf("%s %s\n", path, kinds[json_typeof(value)]);
}

int main(int argc, char **argv) {
  json_error_t error;
  FILE *file = argc != 2 ? NULL : strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
  if (file == NULL) return 2;
  for (int read = 0;; read++) {
    json_t *root = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
    if (root == NULL && read > 0 && feof(file)) return 0;
    if (root == NULL) {
      fprintf(stderr, "fields: %s: line %d: %s\n", argv[1], error.line, error.text);
      return 1;
    }
    tell("", root);
    json_decref(root);
  }
}
