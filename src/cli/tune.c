/* clsattn tune: finds and keeps the parameters that serve a device best. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/choices.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "measure/tuner.h"

typedef struct {
  const char *device, *model, *export_to, *import_from;
  csa_choice_texts texts;
  csa_choices choices;
  int batch;
  double seconds;
  bool again, json;
} tune_settings;

/* What the observer hears goes to stderr at once, and into the report. */
typedef struct {
  csa_tuned_result *list;
  size_t count, capacity;
  csa_status status;
} report;

static void on_begin(void *user, const char *kernel, const char *shape, int number, int of) {
  (void)user;
  if (of > 0)
    fprintf(stderr, "%d of %d: %s %s\n", number, of, kernel, shape);
  else
    fprintf(stderr, "CLBlast: %s\n", kernel);
}

static void on_note(void *user, const char *note) {
  (void)user;
  fprintf(stderr, "  passed over: %s\n", note);
}

static void on_result(void *user, const csa_tuned_result *result) {
  report *r = user;
  if (!result->known && result->entry.count == 0)
    fprintf(stderr, "  the defaults stay: %.3f ms, %d tried\n", 1e3 * result->default_s, result->tried);
  else if (!result->known)
    fprintf(stderr, "  %.2f times as fast: %.3f ms, was %.3f, %d tried\n", result->entry.gain, 1e3 * result->best_s,
            1e3 * result->default_s, result->tried);
  if (r->status == CSA_OK) r->status = csa_grow(&r->list, r->count, &r->capacity, sizeof *r->list);
  if (r->status == CSA_OK) r->list[r->count++] = *result;
}

static json_t *values_of(const csa_tuning_entry *entry) {
  json_t *values = json_object();
  for (int i = 0; i < entry->count; i++)
    json_object_set_new(values, entry->values[i].name, json_integer(entry->values[i].value));
  return values;
}

static json_t *result_json(const csa_tuned_result *r) {
  json_t *one = json_pack("{s:s, s:s, s:o, s:f, s:b}", "kernel", r->entry.kernel, "shape", r->entry.shape, "values",
                          values_of(&r->entry), "gain", r->entry.gain, "known", r->known);
  if (r->known) return one;
  json_object_set_new(one, "default_ms", json_real(1e3 * r->default_s));
  json_object_set_new(one, "best_ms", json_real(1e3 * r->best_s));
  json_object_set_new(one, "tried", json_integer(r->tried));
  json_object_set_new(one, "wrong", json_integer(r->wrong));
  return one;
}

static csa_status print_json(const report *r, const csa_device_info *info, int left, const char *path) {
  json_t *list = json_array();
  for (size_t i = 0; i < r->count; i++) json_array_append_new(list, result_json(&r->list[i]));
  return csa_print_json(json_pack("{s:{s:s, s:s, s:s}, s:s, s:i, s:o}", "device", "name", info->name, "device",
                                  info->device, "driver", info->driver, "file", path, "left", left, "results", list));
}

static void print_row(const csa_tuned_result *r) {
  char rates[2][24] = {"", ""};
  const double seconds[2] = {r->default_s, r->best_s};
  for (int i = 0; i < 2 && !r->known; i++)
    if (r->flops > 0.0)
      snprintf(rates[i], sizeof rates[i], "%.1f", 1e-9 * r->flops / seconds[i]);
    else
      snprintf(rates[i], sizeof rates[i], "%.3f ms", 1e3 * seconds[i]);
  printf("%-24s %-24s %10s %10s %6.2f ", r->entry.kernel, r->entry.shape, rates[0], rates[1], r->entry.gain);
  for (int i = 0; i < r->entry.count; i++) printf(" %s=%d", r->entry.values[i].name, r->entry.values[i].value);
  printf("%s\n", r->entry.count == 0 ? " defaults" : "");
}

static void print_table(const report *r, const csa_device_info *info, int left, const char *path) {
  printf("%s: %s, driver %s\n", info->name, info->device, info->driver);
  printf("%-24s %-24s %10s %10s %6s  %s\n", "kernel", "shape", "GFLOP/s", "tuned", "gain", "parameters");
  for (size_t i = 0; i < r->count; i++) print_row(&r->list[i]);
  if (left > 0) printf("%d more to do: the same command goes on\n", left);
  printf("kept in %s\n", path);
}

static csa_status take_models(const tune_settings *s, csa_tuner *t) {
  static const char *const names[] = {"vit", "cnn"};
  for (int i = 0; i < 2; i++) {
    if (strcmp(s->model, "all") != 0 && strcmp(s->model, names[i]) != 0) continue;
    CSA_TRY(csa_architecture_default(&t->models[t->model_count++], names[i]));
  }
  if (t->model_count > 0) return CSA_OK;
  return csa_fail(CSA_USAGE, "--model: %s: must be vit, cnn or all", s->model);
}

static csa_status tune(const tune_settings *s, csa_device *device) {
  report r = {0};
  char path[CSA_TUNING_PATH] = "";
  csa_tuner t = {.choices = s->choices,
                 .batch = s->batch,
                 .seconds = s->seconds,
                 .again = s->again,
                 .stop = csa_stop_catch(),
                 .observer = {&r, on_begin, on_note, on_result}};
  int left = 0;
  csa_status status;
  CSA_GO(take_models(s, &t));
  status = csa_tune(device, &t, &left);
  if (status == CSA_INTERRUPTED && *t.stop == 0) status = CSA_OK; /* as asked by --time */
  csa_tuning_path(&device->info, path);
  if (status == CSA_OK) status = r.status;
  if (status == CSA_OK && s->json) CSA_GO(print_json(&r, &device->info, left, path));
  if (!s->json && (status == CSA_OK || status == CSA_INTERRUPTED)) print_table(&r, &device->info, left, path);
done:
  free(r.list);
  return status != CSA_OK ? status : csa_flush_output();
}

static csa_status import_file(csa_device *device, const char *from) {
  char path[CSA_TUNING_PATH];
  CSA_TRY(csa_tuning_read(device->tuning, &device->info, from));
  CSA_TRY(csa_tuning_keep(device->tuning, &device->info));
  csa_tuning_path(&device->info, path);
  printf("kept in %s\n", path);
  return csa_flush_output();
}

static csa_status export_file(const csa_device *device, const char *to) {
  if (device->tuning->count == 0)
    return csa_fail(CSA_INPUT, "tune: %s: nothing is known of it yet\n  clsattn tune --device %s finds out",
                    device->info.name, device->info.name);
  CSA_TRY(csa_tuning_write(device->tuning, &device->info, to));
  printf("written to %s\n", to);
  return csa_flush_output();
}

static csa_status run(const tune_settings *s) {
  csa_device *device = NULL;
  csa_status status;
  CSA_GO(csa_device_open(&device, s->device));
  if (s->import_from != NULL)
    status = import_file(device, s->import_from);
  else if (s->export_to != NULL)
    status = export_file(device, s->export_to);
  else
    status = tune(s, device);
done:
  csa_device_close(device);
  return status;
}

csa_status csa_command_tune(int argc, char **argv) {
  tune_settings s = {.model = "all", .batch = 100, .seconds = 1800.0};
  csa_option options[] = {
      CSA_DEVICE_OPTION(&s.device),
      {"model", "vit|cnn|all", CSA_OPTION_TEXT, &s.model, "for the shapes of which model (default all)", false},
      {"batch", "N", CSA_OPTION_INT, &s.batch, "images of a step (default 100)", false},
      {"time", "TIME", CSA_OPTION_DURATION, &s.seconds, "at most, like 90s, 10m, 2h; later goes on (default 30m)",
       false},
      {"again", NULL, CSA_OPTION_FLAG, &s.again, "also what was measured before", false},
      CSA_CHOICE_OPTIONS(s.texts),
      {"export", "FILE", CSA_OPTION_TEXT, &s.export_to, "measure nothing: write what is known to FILE", false},
      {"import", "FILE", CSA_OPTION_TEXT, &s.import_from, "measure nothing: keep what FILE says", false},
      CSA_JSON_OPTION(&s.json)};
  const csa_command_line line = {"tune",
                                 "",
                                 "Finds the parameters of kernels that serve a device best. Each must compute what the "
                                 "defaults do before it counts.\n"
                                 "They are kept in $XDG_DATA_HOME/clsattn/tuning (default ~/.local/share) after each "
                                 "shape, and every later command\n"
                                 "uses them. It can be stopped at any time; the same command goes on.",
                                 "  clsattn tune --device amd0\n"
                                 "  clsattn tune --device cpu0 --model vit --time 10m\n"
                                 "  clsattn tune --device cpu0 --kernels portable\n"
                                 "  clsattn tune --device amd0 --export amd0.json\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 0, &words));
  if (words == NULL) return CSA_OK;
  const bool files = s.export_to != NULL || s.import_from != NULL;
  if (s.export_to != NULL && s.import_from != NULL) return csa_fail(CSA_USAGE, "--export: not together with --import");
  if (files && s.json) return csa_fail(CSA_USAGE, "--json: not together with --export or --import");
  CSA_TRY(csa_choices_take(&s.texts, &s.choices));
  return run(&s);
}
