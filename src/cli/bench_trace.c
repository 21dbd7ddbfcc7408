/* A step as a timeline. */
#include <stdlib.h>
#include <string.h>

#include "cli/bench_report.h"
#include "core/file.h"

static json_t *name_json(const char *what, int process, int row, const char *name) {
  return json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph", "M", "pid", process, "tid", row, "args", "name",
                   name);
}

static void add_events(json_t *events, const csa_bench_device *d, int process) {
  char title[300];
  snprintf(title, sizeof title, "%s: %s, %s", d->info.name, d->info.device, d->info.platform);
  json_array_append_new(events, name_json("process_name", process, 0, title));
  for (int m = 0; m < d->model_count; m++) {
    const csa_benchmark *speed = &d->models[m].speed;
    json_array_append_new(events, name_json("thread_name", process, m + 1, d->models[m].name));
    for (size_t i = 0; i < speed->launch_count; i++) {
      const csa_launch_figures *l = &speed->launches[i];
      json_array_append_new(
          events, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i}", "name", l->label, "cat", l->name, "ph", "X", "ts",
                            1e6 * l->span.begin, "dur", 1e6 * l->span.seconds, "pid", process, "tid", m + 1));
    }
  }
}

csa_status csa_bench_write_trace(const csa_bench *b, const char *path) {
  json_t *events = json_array();
  for (int i = 0; i < b->count; i++)
    if (csa_bench_has_figures(&b->devices[i])) add_events(events, &b->devices[i], i + 1);
  json_t *root = json_pack("{s:o}", "traceEvents", events);
  char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  if (text == NULL) return csa_fail(CSA_MEMORY, "--trace: the host has no more memory");
  const csa_status status = csa_file_replace(path, text, strlen(text));
  free(text);
  return status;
}
