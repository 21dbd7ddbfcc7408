/* Where a trainer keeps its run: a new folder, or an earlier one. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "model/weights.h"
#include "train/checkpoint.h"
#include "train/ranks.h"
#include "train/team.h"
#include "train/trained.h"

/* What a run writes as a whole. */
static const char *const written[] = {
    "checkpoint.safetensors", "model.safetensors", "best.safetensors", "config.json", "curves.svg", "report.html"};

static csa_status open_folder(csa_trainer *t, const char *folder) {
  if (strlen(folder) >= sizeof t->folder)
    return csa_fail(CSA_USAGE, "run: a path of %zu bytes is too long", strlen(folder));
  memcpy(t->folder, folder, strlen(folder) + 1);
  CSA_TRY(csa_folder_lock(folder, &t->lock));
  for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) csa_file_sweep(folder, written[i]);
  return CSA_OK;
}

static csa_status open_metrics(csa_trainer *t) {
  char path[CSA_PATH + 32];
  snprintf(path, sizeof path, "%s/metrics.jsonl", t->folder);
  return csa_metrics_open(&t->metrics, path, t->progress.metrics_bytes);
}

csa_status csa_trainer_save_config(const csa_trainer *t) {
  char path[CSA_PATH + 32];
  snprintf(path, sizeof path, "%s/config.json", t->folder);
  return csa_config_save(&t->config, t->dataset, path);
}

/* Weights for other classes fit but for the last layer, which then starts anew. */
static bool other_classes(const csa_trainer *t, const csa_safetensors *file) {
  const csa_st_tensor *fc = csa_safetensors_find(file, "fc.weight");
  const int classes = (int)csa_cols(t->replicas[0].graph->out->shape);
  if (fc == NULL || fc->shape.rank != 2 || fc->shape.dim[0] == classes) return false;
  csa_log("--init %s: is for %lld classes, not %d: all but fc is taken from it, and fc starts anew", t->config.init,
          (long long)fc->shape.dim[0], classes);
  return true;
}

/* The weights of --init must be of this model: what the file says of itself is compared, where it says anything. */
static csa_status read_init(csa_trainer *t, const csa_safetensors *file) {
  const csa_architecture *own = &t->config.architecture;
  csa_architecture said;
  CSA_TRY(csa_weights_architecture(file, own->model, csa_architecture_patches_text(own), &said));
  const char *except = other_classes(t, file) ? "fc." : NULL;
  for (int i = 0; i < t->replica_count; i++) {
    csa_graph *g = t->replicas[i].graph;
    CSA_TRY(csa_weights_check(g, file, except));
    CSA_TRY(csa_weights_read(g, file, "", g->parameters.values, except));
  }
  return CSA_OK;
}

static csa_status set_parameters(csa_trainer *t) {
  csa_safetensors *file = NULL;
  for (int i = 0; i < t->replica_count; i++) CSA_TRY(csa_graph_initialize(t->replicas[i].graph, t->config.seed));
  if (t->config.init[0] == '\0') return CSA_OK;
  CSA_TRY(csa_trained_file(&file, t->config.init));
  const csa_status status = read_init(t, file);
  csa_safetensors_close(file);
  return status == CSA_OK ? CSA_OK : csa_fail_in(status, "--init %s", t->config.init);
}

static csa_status check_new(const char *folder) {
  char path[CSA_PATH + 32];
  snprintf(path, sizeof path, "%.*s/config.json", CSA_PATH, folder);
  if (access(path, F_OK) != 0) return CSA_OK;
  return csa_fail(CSA_FAILED,
                  "run: %s: there is a run in it already\n  go on with it: clsattn train --resume %s\n"
                  "  or give another --out",
                  folder, folder);
}

static csa_status start(csa_trainer *t, const char *folder) {
  CSA_TRY(check_new(folder));
  CSA_TRY(set_parameters(t));
  CSA_TRY(open_folder(t, folder));
  CSA_TRY(check_new(folder)); /* again, now that nobody else works here */
  CSA_TRY(open_metrics(t));
  return csa_trainer_save_config(t);
}

/* Whether all is done and written, in the order in which a run writes it: what is older is of fewer epochs. */
static bool finished(const csa_trainer *t) {
  static const char *const files[] = {"checkpoint.safetensors", "model.safetensors", "report.html"};
  struct timespec last = {0};
  if (!csa_trainer_done(t)) return false;
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char path[CSA_PATH + 32];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", t->folder, files[i]);
    if (stat(path, &info) != 0 || info.st_mtim.tv_sec < last.tv_sec ||
        (info.st_mtim.tv_sec == last.tv_sec && info.st_mtim.tv_nsec < last.tv_nsec))
      return false;
    last = info.st_mtim;
  }
  return true;
}

static csa_status resume(csa_trainer *t, const char *folder) {
  bool found;
  CSA_TRY(open_folder(t, folder));
  CSA_TRY(csa_checkpoint_load(t, &found));
  if (!found) CSA_TRY(set_parameters(t));
  t->finished = finished(t);
  if (t->finished) return CSA_OK;
  CSA_TRY(open_metrics(t));
  return csa_trainer_save_config(t);
}

/* Of several ranks one reads and writes; the others then stand where it does. */
csa_status csa_trainer_start(csa_trainer *t, const char *folder) {
  if (csa_ranks_own() == 0) CSA_TRY(start(t, folder));
  return csa_team_share(t);
}

csa_status csa_trainer_resume(csa_trainer *t, const char *folder) {
  if (csa_ranks_own() == 0) CSA_TRY(resume(t, folder));
  return csa_team_share(t);
}
