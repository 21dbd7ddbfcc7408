/* clsattn train: trains a model, into a run folder. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/device_set.h"
#include "cli/listener.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "cli/threads.h"
#include "cli/training.h"
#include "device/plan_print.h"
#include "model/weights.h"
#include "train/ranks.h"
#include "train/trained.h"

#define FEW_STEPS 4 /* in an epoch */

typedef struct {
  csa_training common;
  const char *model, *out, *resume, *init;
  bool dry_run, json;
} train_settings;

/* The model that the weights are of, where they say it. */
static csa_status model_of(const char *path, csa_architecture *a) {
  csa_safetensors *file;
  CSA_TRY(csa_trained_file(&file, path));
  csa_status status = CSA_OK;
  if (csa_safetensors_metadata(file, "model") != NULL) status = csa_weights_architecture(file, NULL, NULL, a);
  csa_safetensors_close(file);
  return status;
}

static csa_status to_config(const train_settings *s, csa_config *c) {
  char init[CSA_PATH];
  CSA_TRY(csa_training_config(&s->common, s->model, c));
  CSA_TRY(csa_take_existing("--init", s->init != NULL ? s->init : c->init, init));
  memcpy(c->init, init, sizeof init);
  const bool asked = s->model != NULL || s->common.config != NULL || s->common.patches != NULL;
  return s->init != NULL && !asked ? model_of(c->init, &c->architecture) : CSA_OK;
}

/* Only what does not change the numbers may be given beside --resume. */
static csa_status check_resume(const csa_command_line *line) {
  static const char *const allowed[] = {"resume",    "epochs",           "device", "on-nan",
                                        "log-every", "checkpoint-every", "json"};
  for (int i = 0; i < line->count; i++) {
    bool fine = !line->options[i].given;
    for (size_t a = 0; a < sizeof allowed / sizeof allowed[0]; a++)
      fine |= strcmp(line->options[i].name, allowed[a]) == 0;
    if (!fine)
      return csa_fail(CSA_USAGE,
                      "--%s: not together with --resume, which takes it from the run's config.json\n"
                      "  beside --resume: --epochs, --device, --on-nan, --log-every, --checkpoint-every",
                      line->options[i].name);
  }
  return CSA_OK;
}

/* What --resume names instead of a run's folder. */
static csa_status resume_failed(const char *folder, const char *config) {
  const char *slash = strrchr(folder, '/');
  char why[2048];
  struct stat info;
  snprintf(why, sizeof why, "%s", csa_last_error());
  if (stat(folder, &info) == 0 && !S_ISDIR(info.st_mode))
    return csa_fail(CSA_INPUT, "--resume: %s: a file\n  give the run's folder: clsattn train --resume %.*s", folder,
                    slash != NULL ? (int)(slash - folder) : 1, slash != NULL ? folder : ".");
  return csa_fail(CSA_INPUT, "%s%s", why,
                  stat(config, &info) != 0 ? "\n  no run is there; clsattn runs lists those in ./runs" : "");
}

static csa_status resumed_config(const train_settings *s, csa_config *c) {
  char path[CSA_PATH + 32];
  snprintf(path, sizeof path, "%.*s/config.json", CSA_PATH, s->resume);
  CSA_TRY(csa_config_load(c, path) == CSA_OK ? CSA_OK : resume_failed(s->resume, path));
  for (int i = 0; i < CSA_SETTINGS; i++) /* those that check_resume lets pass */
    if (s->common.settings[i] != NULL) CSA_TRY(csa_setting_take(&csa_settings[i], s->common.settings[i], c));
  return CSA_OK;
}

static void print_end(const csa_trainer *t) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  fprintf(stderr, "%s: %.0f images/s, %.1f MiB of device memory, %.1f MiB of this process at most\n", t->folder,
          csa_trainer_rate(t), (double)csa_trainer_bytes(t) / 1048576.0, (double)used.ru_maxrss / 1024.0);
  fprintf(stderr, "report: %s/report.html\n", t->folder);
}

static csa_status print_result(const csa_trainer *t, FILE *log, bool json) {
  const csa_progress *p = &t->progress;
  if (csa_trainer_stale(t) && p->epoch < t->config.epochs)
    fprintf(log, "stopped: no better validation in %d epochs\n", t->config.patience);
  if (p->skipped > 0)
    fprintf(log, "%lld of %lld steps updated nothing: their numbers were not finite\n", (long long)p->skipped,
            (long long)p->step);
  if (p->best_epoch > 0)
    fprintf(log, "Best on validation images: %.2f %%, after epoch %d\n", 100.0 * p->best_accuracy, p->best_epoch);
  fprintf(log, "Accuracy on test set: %.2f %%\n", 100.0 * p->test_accuracy);
  if (!t->finished) print_end(t);
  if (!json) return csa_flush_output();
  json_t *root =
      json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:I, s:s}", "model", t->config.architecture.model, "epochs", p->epoch,
                "train_loss", p->train_loss, "test_loss", p->test_loss, "test_accuracy", p->test_accuracy,
                "images_per_s", csa_trainer_rate(t), "peak_bytes", (json_int_t)csa_trainer_bytes(t), "out", t->folder);
  if (root != NULL && p->best_epoch > 0) {
    json_object_set_new(root, "best_val_accuracy", json_real(p->best_accuracy));
    json_object_set_new(root, "best_epoch", json_integer(p->best_epoch));
  }
  return csa_print_json(root);
}

/* Few and large steps learn little. */
static void print_few_steps(const csa_trainer *t) {
  const int64_t images = t->train_images, batch = images / FEW_STEPS, steps = (images - 1) / t->config.batch + 1;
  if (steps >= FEW_STEPS || batch == 0) return;
  fprintf(stderr, "%lld step%s an epoch; --batch %lld makes %lld\n", (long long)steps, steps > 1 ? "s" : "",
          (long long)batch, (long long)((images - 1) / batch + 1));
}

static void print_start(const csa_trainer *t) {
  if (t->finished) {
    if (t->progress.epoch == t->config.epochs) /* else print_result says why */
      fprintf(stderr, "all epochs are done (%d); more: clsattn train --resume %s --epochs N\n", t->progress.epoch,
              t->folder);
    return;
  }
  fprintf(stderr, "%s on ", t->config.architecture.model);
  for (int i = 0; i < t->replica_count; i++) {
    const csa_device_info *info = &t->replicas[i].device->info;
    fprintf(stderr, "%s%s (%s)", i > 0 ? " and " : "", info->name, info->device);
  }
  if (csa_ranks_count() > 1) fprintf(stderr, ", the first of %d ranks", csa_ranks_count());
  fprintf(stderr, ", %s: %lld training and %lld test images, %lld parameters\n", t->dataset->format,
          (long long)t->train_images, (long long)t->dataset->test.count,
          (long long)csa_graph_parameter_count(t->replicas[0].graph));
  if (t->validation_images > 0)
    fprintf(stderr, "%lld training images are held back to validate on\n", (long long)t->validation_images);
  const int tuned = csa_tuning_used(t->replicas[0].graph->plan->tuning);
  if (tuned > 0) fprintf(stderr, "tuned: %d sets of parameters, kept in config.json\n", tuned);
  fprintf(stderr, "run folder: %s", t->folder);
  if (t->progress.step > 0) fprintf(stderr, ", resumed after step %lld", (long long)t->progress.step);
  fprintf(stderr, "\n");
  if (t->progress.step == 0) print_few_steps(t);
}

/* Plan and memory, of this rank's devices. */
static csa_status print_plans(const csa_trainer *t, bool json) {
  const csa_dataset *d = t->dataset;
  const int64_t bytes = (d->train.count + d->test.count) * d->channels * d->height * d->width;
  json_t *plans = json_array();
  for (int i = 0; i < t->replica_count; i++)
    if (json)
      json_array_append_new(plans, csa_plan_json(t->replicas[i].graph->plan));
    else
      csa_plan_print(t->replicas[i].graph->plan, stdout);
  if (json) return csa_print_json(json_pack("{s:o, s:I}", "plans", plans, "image_bytes", (json_int_t)bytes));
  json_decref(plans);
  printf("  beside it: %lld B of images, kept on the device where they fit\n", (long long)bytes);
  return csa_flush_output();
}

static csa_status train(const train_settings *s, const csa_config *config, const csa_device_set *set,
                        csa_dataset *dataset) {
  FILE *log = s->json ? stderr : stdout;
  csa_listener listener;
  csa_trainer *t = NULL;
  csa_status status;
  char folder[CSA_PATH];
  CSA_GO(csa_trainer_create(&t, config, set->devices, set->count, dataset));
  if (s->dry_run) {
    status = print_plans(t, s->json);
    goto done;
  }
  if (csa_ranks_own() == 0) csa_listen(&listener, t, log, "");
  CSA_GO(csa_trainer_prepare(t));
  csa_live_clear();
  if (s->resume != NULL) {
    CSA_GO(csa_trainer_resume(t, s->resume));
  } else {
    CSA_GO(csa_training_folder(s->out, config->architecture.model, set->devices[0], folder));
    CSA_GO(csa_trainer_start(t, folder));
  }
  t->stop = csa_stop_catch();
  if (csa_ranks_own() == 0) print_start(t);
  status = csa_trainer_run(t);
  if (status == CSA_INTERRUPTED) csa_stop_too(t->stopped_by);
  if (status != CSA_OK || csa_ranks_own() > 0) goto done;
  if (!t->finished) CSA_GO(csa_listener_report(&listener));
  status = print_result(t, log, s->json);
done:
  csa_live_clear();
  csa_trainer_destroy(t);
  return status;
}

static csa_status run(const train_settings *s, const csa_command_line *line) {
  csa_config config = {0};
  csa_device_set set = {0};
  csa_dataset *dataset = NULL;
  csa_status status;
  const bool resume = s->resume != NULL;
  csa_stop_catch();
  if (resume) {
    CSA_GO(check_resume(line));
    CSA_GO(resumed_config(s, &config));
  } else {
    CSA_GO(to_config(s, &config));
  }
  csa_threads_limit(config.threads);
  if (resume && s->common.device == NULL) /* before much is fetched */
    CSA_GO(csa_device_set_reopen(&set, &config));
  else
    CSA_GO(csa_device_set_open(&set, s->common.device));
  CSA_GO(csa_training_data(&config, &dataset));
  if (!resume) config.architecture.classes = dataset->classes;
  if (resume) csa_device_set_adopt(&set, &config);
  status = train(s, &config, &set, dataset);
done:
  csa_config_fini(&config);
  csa_device_set_close(&set);
  csa_dataset_close(dataset);
  return status;
}

csa_status csa_command_train(int argc, char **argv) {
  train_settings s = {0};
  const csa_option own[] = {
      {"out", "DIR", CSA_OPTION_TEXT, &s.out, "the run's folder (default runs/MODEL-DEVICE-DATE)", false},
      {"resume", "DIR", CSA_OPTION_TEXT, &s.resume,
       "go on with the run in DIR, with its settings; other --epochs, --device, --on-nan, --log-every and "
       "--checkpoint-every may be given",
       false},
      {"init", "FILE", CSA_OPTION_TEXT, &s.init,
       "start from these weights, safetensors of the same model; for other classes all but fc is taken", false},
      {"dry-run", NULL, CSA_OPTION_FLAG, &s.dry_run, "print tensors, launches and memory, and stop", false},
      {"json", NULL, CSA_OPTION_FLAG, &s.json,
       "print the result, or the plan, as one JSON document; the log goes to stderr", false}};
  csa_option options[CSA_COMMAND_OPTIONS] = {{"model", "vit|cnn", CSA_OPTION_TEXT, &s.model,
                                              "Vision Transformer, or CNN with non-local attention (default vit)",
                                              false}};
  int count = csa_training_options(&s.common, options, 1);
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) options[count++] = own[i];
  const csa_command_line line = {
      "train",
      "",
      "Trains a model and keeps it, with settings, figures and checkpoints, in a run folder.",
      "  clsattn train --model vit --device cpu0 --epochs 1\n"
      "  clsattn train --data fashion-mnist --patches grid --out runs/fashion\n"
      "  clsattn train --resume runs/fashion --epochs 20\n"
      "  clsattn train --config cnn-strong --out runs/strong\n"
      "  clsattn train --device amd0,nv0,cpu0 --batch 300\n"
      "  mpirun -n 4 --host a,b,c,d clsattn train --batch 400\n"
      "  clsattn train --data pets/ --init runs/strong/model.safetensors --freeze 'conv1.*,bn1.*' --val-split 0.1\n",
      options,
      count};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 0, &words));
  if (words == NULL) return CSA_OK;
  return run(&s, &line);
}
