/* What a run was made with and how its steps spend their time. */
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "report/html.h"
#include "report/run_parts.h"
#include "report/svg.h"

#define CONFIG_MAX ((uint64_t)16 << 20)
#define SHOWN 0.01 /* of a step's time: kernels below it are drawn as one */
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

/* ---- kernels */

#define NUMBER "td class=\"number\""

static void print_table(FILE *out, const csa_benchmark *b) {
  static const char *const names[] = {"kernel", "calls", "ms", "share", "GFLOP/s", "GB/s", NULL};
  fprintf(out, "<details><summary>All %zu kernels as a table</summary>\n", b->kernel_count);
  csa_html_header(out, names, 1);
  for (size_t i = 0; i < b->kernel_count; i++) {
    const csa_kernel_figures *k = &b->kernels[i];
    const double per_ns = k->seconds > 0.0 ? 1e-9 / k->seconds : 0.0;
    fprintf(out, "<tr>");
    csa_html_element(out, "td", "%s", k->name);
    csa_html_element(out, NUMBER, "%d", k->calls);
    csa_html_element(out, NUMBER, "%.3f", 1e3 * k->seconds);
    csa_html_element(out, NUMBER, "%.1f %%", 100.0 * k->seconds / b->kernels_s);
    csa_html_element(out, NUMBER, "%.1f", per_ns * k->flops);
    csa_html_element(out, NUMBER, "%.1f", per_ns * k->bytes);
    fprintf(out, "</tr>\n");
  }
  fprintf(out, "</table></div></details>\n");
}

csa_status csa_run_print_kernels(FILE *out, const csa_benchmark *b) {
  csa_bar *bars = NULL;
  double others = 0.0;
  int count = 0, other_count = 0;
  CSA_TRY(csa_new(&bars, b->kernel_count + 1, sizeof *bars));
  for (size_t i = 0; i < b->kernel_count; i++) {
    const csa_kernel_figures *k = &b->kernels[i];
    if (k->seconds < SHOWN * b->kernels_s) {
      others += k->seconds;
      other_count++;
      continue;
    }
    csa_bar *bar = &bars[count++];
    *bar = (csa_bar){.value = 1e3 * k->seconds, .part = 1e3 * k->seconds};
    snprintf(bar->label, sizeof bar->label, "%s × %d", k->name, k->calls);
    snprintf(bar->text, sizeof bar->text, "%.2f ms, %.0f %%", bar->value, 100.0 * k->seconds / b->kernels_s);
  }
  if (other_count > 0) {
    csa_bar *bar = &bars[count++];
    *bar = (csa_bar){.value = 1e3 * others, .part = 1e3 * others};
    snprintf(bar->label, sizeof bar->label, "%d others", other_count);
    snprintf(bar->text, sizeof bar->text, "%.2f ms, %.0f %%", bar->value, 100.0 * others / b->kernels_s);
  }
  fprintf(out, "<section>\n<h2>Where a step's time goes</h2>\n");
  csa_html_element(out, "p class=\"soft\"",
                   "One step of training took %.2f ms, its kernels %.2f ms: the fastest of a few, measured after the "
                   "last epoch.",
                   1e3 * b->step_s, 1e3 * b->kernels_s);
  fprintf(out, "<div class=\"card\" id=\"kernels\">\n");
  csa_svg_bars(out, "time of each kernel", "ms", bars, count);
  print_table(out, b);
  fprintf(out, "</div>\n</section>\n");
  free(bars);
  return CSA_OK;
}
