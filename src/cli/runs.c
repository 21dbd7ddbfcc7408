/* clsattn runs: the run folders there are, and how each stands. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/file.h"
#include "train/checkpoint.h"
#include "train/history.h"

#define DEPTH 2 /* compare keeps its runs in a folder of its own */
#define CONFIG_MAX ((uint64_t)16 << 20)

typedef struct {
  char path[CSA_PATH];
  json_t *config;
  const char *model, *data, *device; /* parts of config */
  int epochs, done;
  double best, last, loss, images_per_s; /* accuracies as fractions; of epochs done, if any */
  struct timespec date;                  /* of the last change; 0: none */
  const char *state;
} run_entry;

typedef struct {
  run_entry *list;
  size_t count, capacity;
  json_t *unreadable;
} run_list;

static csa_status read_config(run_entry *r) {
  char path[CSA_PATH + 32];
  uint8_t *text = NULL;
  size_t size;
  json_error_t error;
  snprintf(path, sizeof path, "%s/config.json", r->path);
  CSA_TRY(csa_file_read(path, CONFIG_MAX, &text, &size));
  r->config = json_loadb((const char *)text, size, 0, &error);
  free(text);
  if (r->config == NULL) return csa_fail(CSA_INPUT, "%s: line %d: %s", path, error.line, error.text);
  if (json_unpack_ex(r->config, &error, 0, "{s:s, s:i, s:{s:s}, s:{s:s}}", "model", &r->model, "epochs", &r->epochs,
                     "data", "path", &r->data, "device", "name", &r->device) != 0)
    return csa_fail(CSA_INPUT, "%s: not the config.json of a run: %s", path, error.text);
  return CSA_OK;
}

/* What cannot be read leaves the run without figures: it may be an old one, or of another version. */
static void read_metrics(run_entry *r) {
  csa_history history;
  if (csa_history_read(&history, r->path) != CSA_OK) return;
  for (size_t i = 0; i < history.count; i++) {
    const csa_history_row *row = &history.rows[i];
    if (row->epoch_end) r->best = fmax(r->best, row->figure[CSA_OF_TEST_ACCURACY]);
  }
  const csa_history_row *last = csa_history_last(&history);
  if (last != NULL) {
    r->done = last->epoch;
    r->last = last->figure[CSA_OF_TEST_ACCURACY];
    r->loss = last->figure[CSA_OF_TRAIN_LOSS];
    r->images_per_s = last->figure[CSA_OF_IMAGES_PER_S];
  }
  csa_history_fini(&history);
}

static struct timespec changed(const char *folder, const char *file) {
  char path[CSA_PATH + 64];
  struct stat info;
  snprintf(path, sizeof path, "%s/%s", folder, file);
  return stat(path, &info) == 0 ? info.st_mtim : (struct timespec){0};
}

static csa_status read_run(run_entry *r) {
  CSA_TRY(read_config(r));
  read_metrics(r);
  r->date = changed(r->path, "metrics.jsonl");
  if (r->date.tv_sec == 0) r->date = changed(r->path, "config.json");
  const bool ended = changed(r->path, "model.safetensors").tv_sec > 0 && r->done >= r->epochs;
  r->state = csa_folder_in_use(r->path) ? "running" : ended ? "done" : "stopped";
  return CSA_OK;
}

static csa_status add_run(run_list *runs, const char *folder) {
  CSA_TRY(csa_grow(&runs->list, runs->count, &runs->capacity, sizeof *runs->list));
  run_entry *r = &runs->list[runs->count];
  memset(r, 0, sizeof *r);
  snprintf(r->path, sizeof r->path, "%s", folder);
  if (read_run(r) == CSA_OK) {
    runs->count++;
    return CSA_OK;
  }
  json_decref(r->config);
  json_array_append_new(runs->unreadable, json_pack("{s:s, s:s}", "run", folder, "why", csa_last_error()));
  return CSA_OK;
}

static csa_status look_into(run_list *runs, const char *folder, int depth) {
  char path[CSA_PATH];
  csa_status status = CSA_OK;
  if (changed(folder, "config.json").tv_sec > 0) return add_run(runs, folder);
  DIR *open = opendir(folder);
  if (open == NULL && depth > 0) return CSA_OK; /* a file, or not for us */
  if (open == NULL)
    return csa_fail(CSA_INPUT, "runs: %s: %s\n  clsattn train makes run folders in ./runs; or name their folder",
                    folder, strerror(errno));
  for (const struct dirent *entry; status == CSA_OK && depth < DEPTH && (entry = readdir(open)) != NULL;)
    if (entry->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < CSA_PATH)
      status = look_into(runs, path, depth + 1);
  closedir(open);
  return status;
}

static int by_date(const void *a, const void *b) {
  const run_entry *x = a, *y = b;
  if (x->date.tv_sec != y->date.tv_sec) return x->date.tv_sec < y->date.tv_sec ? -1 : 1;
  if (x->date.tv_nsec != y->date.tv_nsec) return x->date.tv_nsec < y->date.tv_nsec ? -1 : 1;
  return strcmp(x->path, y->path);
}

/* A data set's name, or the last part of its path. */
static const char *data_name(const run_entry *r) {
  const char *slash = strrchr(r->data, '/');
  return slash != NULL ? slash + 1 : r->data;
}

static void date_text(struct timespec date, const char *format, char text[32]) {
  struct tm parts;
  localtime_r(&date.tv_sec, &parts);
  strftime(text, 32, format, &parts);
}

/* A figure of the last epoch: null before there is one. */
static json_t *figure(const run_entry *r, double value) {
  return r->done > 0 && isfinite(value) ? json_real(value) : json_null();
}

static csa_status print_runs_json(run_list *runs) {
  json_t *all = json_array();
  for (size_t i = 0; i < runs->count; i++) {
    const run_entry *r = &runs->list[i];
    char date[32];
    date_text(r->date, "%Y-%m-%dT%H:%M:%S%z", date);
    json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:s, s:s}", "run", r->path,
                                         "model", r->model, "data", r->data, "device", r->device, "epochs_done",
                                         r->done, "epochs", r->epochs, "best_test_accuracy", figure(r, r->best),
                                         "test_accuracy", figure(r, r->last), "train_loss", figure(r, r->loss),
                                         "images_per_s", figure(r, r->images_per_s), "date", date, "state", r->state));
  }
  return csa_print_json(json_pack("{s:o, s:O}", "runs", all, "unreadable", runs->unreadable));
}

/* Its path as seen from `folder`. */
static const char *run_name(const run_entry *r, const char *folder) {
  const size_t skip = strlen(folder);
  return r->path[skip] == '/' ? r->path + skip + 1 : r->path;
}

static csa_status print_runs(run_list *runs, const char *folder) {
  size_t at;
  const json_t *bad;
  int widest = 4;
  for (size_t i = 0; i < runs->count; i++) {
    const int length = (int)strlen(run_name(&runs->list[i], folder));
    if (length > widest) widest = length;
  }
  printf("%-*s %-6s %-16s %-6s %9s %7s %7s %7s %9s  %-16s %s\n", widest, "run", "model", "data", "device", "epochs",
         "best %", "last %", "loss", "images/s", "date", "state");
  for (size_t i = 0; i < runs->count; i++) {
    const run_entry *r = &runs->list[i];
    char date[32], epochs[32], figures[64] = "      -       -       -         -";
    date_text(r->date, "%Y-%m-%d %H:%M", date);
    snprintf(epochs, sizeof epochs, "%d/%d", r->done, r->epochs);
    if (r->done > 0)
      snprintf(figures, sizeof figures, "%7.2f %7.2f %7.3f %9.0f", 100.0 * r->best, 100.0 * r->last, r->loss,
               r->images_per_s);
    printf("%-*s %-6s %-16.16s %-6s %9s %s  %-16s %s\n", widest, run_name(r, folder), r->model, data_name(r), r->device,
           epochs, figures, date, r->state);
  }
  json_array_foreach(runs->unreadable, at, bad)
      fprintf(stderr, "not read: %s\n", json_string_value(json_object_get(bad, "why")));
  return csa_flush_output();
}

static csa_status list_runs(const char *folder, bool json) {
  run_list runs = {.unreadable = json_array()};
  csa_status status;
  CSA_GO(look_into(&runs, folder, 0));
  if (runs.count > 0) qsort(runs.list, runs.count, sizeof *runs.list, by_date);
  status = json ? print_runs_json(&runs) : print_runs(&runs, folder);
done:
  for (size_t i = 0; i < runs.count; i++) json_decref(runs.list[i].config);
  free(runs.list);
  json_decref(runs.unreadable);
  return status;
}

csa_status csa_command_runs(int argc, char **argv) {
  bool json = false;
  char **words;
  csa_option options[] = {CSA_JSON_OPTION(&json)};
  const csa_command_line line = {
      "runs",
      "[FOLDER]",
      "Lists the run folders in FOLDER (default ./runs), the latest last: what was trained on what and where, how far "
      "it\ncame, test accuracies and training loss. A stopped run goes on with clsattn train --resume.",
      "  clsattn runs\n  clsattn runs ~/experiments --json\n",
      options,
      sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 1, &words));
  if (words == NULL) return CSA_OK;
  char folder[CSA_PATH];
  CSA_TRY(csa_take_path("FOLDER", words[0] != NULL ? words[0] : "runs", folder));
  for (size_t length = strlen(folder); length > 1 && folder[length - 1] == '/';) folder[--length] = '\0';
  return list_runs(folder, json);
}
