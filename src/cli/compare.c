/* clsattn compare: trains both models on the same data and settings, and says how they differ. */
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/compare_report.h"
#include "cli/listener.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "cli/threads.h"
#include "cli/training.h"
#include "core/file.h"

#define EMBED_MAX 4096

typedef struct {
  csa_training common;
  const char *out;
  int seeds;
  bool match_params, json;
} compare_settings;

/* What all runs of one call share. */
typedef struct {
  const compare_settings *settings;
  csa_device *device;
  csa_dataset *dataset;
  const volatile sig_atomic_t *stop;
  char folder[CSA_PATH];
  csa_comparison result;
} comparison;

static csa_status graph_of(const comparison *c, const csa_architecture *a, csa_graph **graph) {
  const csa_graph_config config = {.batch = 1, .training = true};
  CSA_TRY(csa_graph_create(graph, c->device, config));
  const csa_status status = csa_architecture_build(a, *graph);
  if (status != CSA_OK) csa_graph_destroy(*graph);
  return status;
}

static csa_status parameters_of(const comparison *c, const csa_architecture *a, int64_t *count) {
  csa_graph *graph = NULL;
  CSA_TRY(graph_of(c, a, &graph));
  *count = csa_graph_parameter_count(graph);
  csa_graph_destroy(graph);
  return CSA_OK;
}

/* Widens the vit, by whole heads and with its MLP in proportion, until its parameters are closest to `wanted`. */
static csa_status match_parameters(const comparison *c, csa_architecture *vit, int64_t wanted) {
  const int ratio = vit->hidden / vit->embed;
  int64_t count = 0, before = 0;
  int low = 1, high = EMBED_MAX / vit->heads; /* multiples of heads; `high` is the first with too many */
  while (low < high) {
    const int middle = (low + high) / 2;
    vit->embed = middle * vit->heads;
    vit->hidden = ratio * vit->embed;
    CSA_TRY(parameters_of(c, vit, &count));
    if (count < wanted)
      low = middle + 1;
    else
      high = middle;
  }
  csa_architecture smaller = *vit;
  vit->embed = low * vit->heads;
  vit->hidden = ratio * vit->embed;
  if (low == 1) return CSA_OK;
  smaller.embed = (low - 1) * vit->heads;
  smaller.hidden = ratio * smaller.embed;
  CSA_TRY(parameters_of(c, vit, &count));
  CSA_TRY(parameters_of(c, &smaller, &before));
  if (wanted - before < count - wanted) *vit = smaller;
  return CSA_OK;
}

static csa_status configure(comparison *c) {
  static const char *const names[CSA_COMPARED] = {"cnn", "vit"};
  for (int m = 0; m < CSA_COMPARED; m++) {
    csa_compared_model *model = &c->result.models[m];
    csa_training common = c->settings->common;
    csa_graph *graph = NULL;
    if (strcmp(names[m], "vit") != 0) common.patches = NULL;
    CSA_TRY(csa_training_config(&common, names[m], &model->config));
    model->config.architecture.classes = c->dataset->classes;
    if (m > 0 && c->settings->match_params)
      CSA_TRY(match_parameters(c, &model->config.architecture, c->result.models[0].parameters));
    CSA_TRY(graph_of(c, &model->config.architecture, &graph));
    model->parameters = csa_graph_parameter_count(graph);
    model->flops_forward = csa_graph_flops(graph, false);
    model->flops_training = csa_graph_flops(graph, true);
    csa_graph_destroy(graph);
  }
  return CSA_OK;
}

static bool same_sizes(const csa_architecture *a, const csa_architecture *b) {
  json_t *x = NULL, *y = NULL;
  const bool same = strcmp(a->model, b->model) == 0 && a->grid == b->grid && csa_architecture_sizes(a, &x) == CSA_OK &&
                    csa_architecture_sizes(b, &y) == CSA_OK && json_equal(x, y);
  json_decref(x);
  json_decref(y);
  return same;
}

/* What an earlier run in the folder was made with, or NULL if it is what is wanted now. */
static const char *difference(const csa_config *now, const csa_config *then, char option[CSA_SETTING_OPTION]) {
  if (!same_sizes(&now->architecture, &then->architecture)) return "the model's sizes or patches";
  if (strcmp(now->data, then->data) != 0) return "--data";
  if (now->limit_train != then->limit_train || now->limit_test != then->limit_test)
    return "--limit-train, --limit-test";
  for (int i = 0; i < CSA_SETTINGS; i++) {
    json_t *x = csa_setting_to_json(&csa_settings[i], now), *y = csa_setting_to_json(&csa_settings[i], then);
    const bool same = json_equal(x, y);
    json_decref(x);
    json_decref(y);
    if (!same && strcmp(csa_settings[i].key, "log_every") != 0 && strcmp(csa_settings[i].key, "checkpoint_every") != 0)
      return csa_setting_option(&csa_settings[i], option);
  }
  return NULL;
}

/* Whether there is a run to go on with; its choices of kernels hold on the same device. */
static csa_status find_earlier(const comparison *c, const char *folder, csa_config *config, bool *found) {
  char path[CSA_PATH + 32];
  csa_config then;
  csa_status status;
  const char *what;
  char option[CSA_SETTING_OPTION];
  snprintf(path, sizeof path, "%.*s/config.json", CSA_PATH, folder);
  *found = access(path, F_OK) == 0;
  if (!*found) return CSA_OK;
  CSA_GO(csa_config_load(&then, path));
  what = difference(config, &then, option);
  if (what != NULL) {
    status = csa_fail(CSA_FAILED,
                      "compare: %s: it holds a run made with other settings (%s)\n  give the same ones to go on with "
                      "it, or another --out",
                      folder, what);
    goto done;
  }
  memcpy(config->data_hash, then.data_hash, sizeof config->data_hash);
  if (csa_config_device_is(&then.replicas[0].device, &c->device->info)) {
    config->replicas[0] = then.replicas[0];
    then.replicas[0].tuning = NULL;
  }
done:
  csa_config_fini(&then);
  return status;
}

static csa_status run_to_end(comparison *c, csa_trainer *t, const char *name, csa_compared_run *run, bool resume) {
  csa_listener listener;
  csa_listen(&listener, t, stderr, name); /* stdout is for the table */
  t->stop = c->stop;
  CSA_TRY(csa_trainer_prepare(t));
  csa_live_clear();
  CSA_TRY((resume ? csa_trainer_resume : csa_trainer_start)(t, run->folder));
  if (t->finished)
    fprintf(stderr, "%s: finished before\n", name);
  else
    fprintf(stderr, "%s: %s %s\n", name, resume ? "goes on in" : "starts in", run->folder);
  const csa_status status = csa_trainer_run(t);
  if (status == CSA_INTERRUPTED)
    return csa_fail(status,
                    "compare: stopped by signal %d in %s; its state is saved\n"
                    "  the same command with --out %s goes on",
                    (int)*c->stop, run->folder, c->folder);
  CSA_TRY(status);
  csa_live_clear();
  if (!t->finished) CSA_TRY(csa_listener_report(&listener));
  run->bytes = csa_trainer_bytes(t);
  CSA_TRY(csa_history_read(&run->history, run->folder)); /* one that was finished before has no rate in this process */
  const csa_history_row *last = csa_history_last(&run->history);
  if (last != NULL) memcpy(run->figure, last->figure, sizeof run->figure);
  return CSA_OK;
}

static void name_run(const csa_compared_model *model, const csa_compared_run *run, char name[64]) {
  snprintf(name, 64, "%s-seed%llu", model->config.architecture.model, (unsigned long long)run->seed);
}

static csa_status train_one(comparison *c, csa_compared_model *model, csa_compared_run *run) {
  csa_config config = model->config;
  csa_trainer *t = NULL;
  csa_status status;
  char name[64];
  bool resume;
  config.seed = run->seed;
  name_run(model, run, name);
  CSA_GO(find_earlier(c, run->folder, &config, &resume));
  CSA_GO(csa_trainer_create(&t, &config, &c->device, 1, c->dataset));
  status = run_to_end(c, t, name, run, resume);
  csa_live_clear();
done:
  csa_trainer_destroy(t);
  csa_config_fini(&config);
  return status;
}

/* Names every run, and finds out at once if an earlier one is in its place. */
static csa_status place_runs(comparison *c, csa_compared_model *model) {
  CSA_TRY(csa_new(&model->runs, (size_t)c->settings->seeds, sizeof *model->runs));
  for (int i = 0; i < c->settings->seeds; i++) {
    csa_compared_run *run = &model->runs[i];
    csa_config config = model->config;
    char name[64];
    bool found;
    config.seed = run->seed = model->config.seed + (uint64_t)i;
    name_run(model, run, name);
    if (snprintf(run->folder, sizeof run->folder, "%s/%s", c->folder, name) >= CSA_PATH)
      return csa_fail(CSA_USAGE, "--out: a path of %zu bytes is too long", strlen(c->folder));
    const csa_status status = find_earlier(c, run->folder, &config, &found);
    csa_config_fini(&config);
    CSA_TRY(status);
  }
  return CSA_OK;
}

static csa_status write_report(const comparison *c, const char *name, bool json) {
  char path[CSA_PATH + 32];
  csa_file_writer *writer = NULL;
  snprintf(path, sizeof path, "%.*s/%s", CSA_PATH, c->folder, name);
  CSA_TRY(csa_file_begin(&writer, path));
  if (json) {
    json_t *document = csa_comparison_json(&c->result);
    json_dumpf(document, csa_file_stream(writer), JSON_INDENT(2));
    json_decref(document);
  } else {
    csa_comparison_print(&c->result, csa_file_stream(writer));
  }
  return csa_file_end(writer);
}

static csa_status compare(comparison *c) {
  const compare_settings *s = c->settings;
  CSA_TRY(csa_training_folder(s->out, "compare", c->device, c->folder));
  CSA_TRY(configure(c));
  for (int m = 0; m < CSA_COMPARED; m++) CSA_TRY(place_runs(c, &c->result.models[m]));
  fprintf(stderr, "%lld and %lld parameters; runs go to %s\n", (long long)c->result.models[0].parameters,
          (long long)c->result.models[1].parameters, c->folder);
  c->stop = csa_stop_catch();
  for (int seed = 0; seed < s->seeds; seed++)
    for (int m = CSA_COMPARED - 1; m >= 0; m--) /* the quick one first */
      CSA_TRY(train_one(c, &c->result.models[m], &c->result.models[m].runs[seed]));
  CSA_TRY(write_report(c, "compare.md", false));
  CSA_TRY(write_report(c, "compare.json", true));
  char path[CSA_PATH + 32];
  snprintf(path, sizeof path, "%s/compare.html", c->folder);
  CSA_TRY(csa_comparison_page(&c->result, path));
  fprintf(stderr, "report: %s\n", path);
  if (s->json) return csa_print_json(csa_comparison_json(&c->result));
  csa_comparison_print(&c->result, stdout);
  return csa_flush_output();
}

static csa_status run(const compare_settings *s) {
  comparison c = {.settings = s, .result.seeds = s->seeds};
  csa_config config; /* of the data, which both models share */
  csa_status status;
  CSA_GO(csa_training_config(&s->common, NULL, &config));
  csa_threads_limit(config.threads);
  CSA_GO(csa_training_data(&config, &c.dataset));
  CSA_GO(csa_device_open(&c.device, s->common.device));
  c.result.format = c.dataset->format;
  c.result.train_images = c.dataset->train.count;
  c.result.test_images = c.dataset->test.count;
  snprintf(c.result.device, sizeof c.result.device, "%s", c.device->info.device);
  status = compare(&c);
done:
  csa_comparison_fini(&c.result);
  csa_device_close(c.device);
  csa_dataset_close(c.dataset);
  return status;
}

csa_status csa_command_compare(int argc, char **argv) {
  compare_settings s = {.seeds = 1, .common.both_models = true};
  const csa_option own[] = {
      {"seeds", "N", CSA_OPTION_INT, &s.seeds, "runs of each model, from --seed up; their spread is shown (default 1)",
       false},
      {"match-params", NULL, CSA_OPTION_FLAG, &s.match_params, "widen the vit until both have about as many parameters",
       false},
      {"out", "DIR", CSA_OPTION_TEXT, &s.out,
       "folder of the runs; those it has are gone on with (default runs/compare-DEVICE-DATE)", false},
      {"json", NULL, CSA_OPTION_FLAG, &s.json, "print one JSON document in place of the table", false}};
  csa_option options[CSA_COMMAND_OPTIONS];
  int count = csa_training_options(&s.common, options, 0);
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) options[count++] = own[i];
  const csa_command_line line = {
      "compare",
      "",
      "Trains the CNN and the ViT on the same data with the same settings and compares them: a table, and a page\nwith "
      "curves.",
      "  clsattn compare --data fashion-mnist --limit-train 2000 --limit-test 1000 --epochs 2\n"
      "  clsattn compare --seeds 3 --match-params --out runs/matched\n",
      options,
      count};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 0, &words));
  if (words == NULL) return CSA_OK;
  if (s.seeds > 1000) return csa_fail(CSA_USAGE, "--seeds: %d: must be a whole number from 1 to 1000", s.seeds);
  return run(&s);
}
