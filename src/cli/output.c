#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

csa_status csa_flush_output(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return CSA_OK;
  return csa_fail(CSA_OUTPUT, "stdout: %s", strerror(errno));
}

csa_status csa_print_json(json_t *root) {
  char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  const csa_status whole = csa_json_check();
  if (whole != CSA_OK) {
    free(text);
    return whole;
  }
  if (text == NULL) return csa_fail(CSA_FAILED, "json: a figure is not finite, or a text is not UTF-8");
  puts(text);
  free(text);
  return csa_flush_output();
}
