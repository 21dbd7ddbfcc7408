/* clsattn train: trains a model, into a run folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/stop.h"
#include "train/trainer.h"

/* What the command line says, before it becomes a csa_config. */
typedef struct {
  const char *model, *patches, *data, *device, *optimizer, *out, *resume, *init, *gemm, *kernels;
  int epochs, batch, log_every;
  double lr, weight_decay, checkpoint_every;
  uint64_t seed;
  int64_t limit_train, limit_test;
  bool dry_run, json;
} train_settings;

/* The log: stdout, or stderr where stdout is for JSON. */
static void print_interval(void *user, int epoch, int64_t batch, double loss, double images_per_s) {
  (void)images_per_s;
  fprintf(user, "[%d, %5lld] loss: %.3f\n", epoch, (long long)batch, loss);
  fflush(user);
}

static void print_epoch(void *user, int epoch, const csa_progress *p, double images_per_s) {
  fprintf(user, "epoch %d: train loss %.3f, test loss %.3f, test accuracy %.2f %%, %.0f images/s\n", epoch,
          p->train_loss, p->test_loss, 100.0 * p->test_accuracy, images_per_s);
  fflush(user);
}

static csa_status take_path(const char *option, const char *text, char path[CSA_PATH]) {
  if (strlen(text) >= CSA_PATH)
    return csa_fail(CSA_USAGE, "--%s: a path of %zu bytes is too long", option, strlen(text));
  memcpy(path, text, strlen(text) + 1);
  return CSA_OK;
}

/* A path that exists becomes absolute, so that a run can be resumed from any folder; names of data sets stay. */
static csa_status take_existing(const char *option, const char *text, char path[CSA_PATH]) {
  char *absolute = strcmp(text, "cifar10") != 0 && strcmp(text, "fashion-mnist") != 0 ? realpath(text, NULL) : NULL;
  const csa_status status = take_path(option, absolute != NULL ? absolute : text, path);
  free(absolute);
  return status;
}

static csa_status to_config(const train_settings *s, csa_config *c) {
  *c = (csa_config){.limit_train = s->limit_train,
                    .limit_test = s->limit_test,
                    .epochs = s->epochs,
                    .batch = s->batch,
                    .lr = s->lr,
                    .weight_decay = s->weight_decay,
                    .seed = s->seed,
                    .log_every = s->log_every,
                    .checkpoint_every = s->checkpoint_every};
  CSA_TRY(csa_architecture_default(&c->architecture, s->model));
  if (s->patches != NULL) CSA_TRY(csa_architecture_patches(&c->architecture, s->patches));
  CSA_TRY(csa_optimizer_parse(s->optimizer, &c->optimizer));
  CSA_TRY(csa_gemm_parse(s->gemm, &c->choices.gemm));
  CSA_TRY(csa_kernels_parse(s->kernels, &c->choices.kernels));
  CSA_TRY(take_existing("data", s->data, c->data));
  return take_existing("init", s->init != NULL ? s->init : "", c->init);
}

/* Only what does not change the numbers may be given beside --resume. */
static csa_status check_resume(const csa_command_line *line) {
  static const char *const allowed[] = {"resume", "epochs", "device", "log-every", "checkpoint-every", "json"};
  for (int i = 0; i < line->count; i++) {
    bool fine = !line->options[i].given;
    for (size_t a = 0; a < sizeof allowed / sizeof allowed[0]; a++)
      fine |= strcmp(line->options[i].name, allowed[a]) == 0;
    if (!fine)
      return csa_fail(CSA_USAGE,
                      "--%s: not together with --resume, which takes it from the run's config.json\n"
                      "  beside --resume: --epochs, --device, --log-every, --checkpoint-every",
                      line->options[i].name);
  }
  return CSA_OK;
}

static csa_status resumed_config(const train_settings *s, const csa_command_line *line, csa_config *c,
                                 csa_config_device *device) {
  char path[CSA_PATH + 32];
  snprintf(path, sizeof path, "%.*s/config.json", CSA_PATH, s->resume);
  CSA_TRY(csa_config_load(c, device, path));
  if (csa_option_given(line, "epochs")) c->epochs = s->epochs;
  if (csa_option_given(line, "log-every")) c->log_every = s->log_every;
  if (csa_option_given(line, "checkpoint-every")) c->checkpoint_every = s->checkpoint_every;
  return CSA_OK;
}

/* runs/MODEL-DEVICE-DATE */
static void default_folder(const csa_config *c, const csa_device *device, char folder[CSA_PATH]) {
  char date[32];
  const time_t now = time(NULL);
  struct tm parts;
  localtime_r(&now, &parts);
  strftime(date, sizeof date, "%Y%m%d-%H%M%S", &parts);
  snprintf(folder, CSA_PATH, "runs/%s-%s-%s", c->architecture.model, device->info.name, date);
}

static csa_status print_result(const csa_trainer *t, FILE *log, bool json) {
  const csa_progress *p = &t->progress;
  fprintf(log, "Accuracy on test set: %.2f %%\n", 100.0 * p->test_accuracy);
  fprintf(stderr, "%s: %.0f images/s, %.1f MiB of device memory\n", t->folder, csa_trainer_rate(t),
          (double)csa_trainer_bytes(t) / 1048576.0);
  if (!json) return csa_flush_output();
  return csa_print_json(json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:I, s:s}", "model", t->config.architecture.model,
                                  "epochs", p->epoch, "train_loss", p->train_loss, "test_loss", p->test_loss,
                                  "test_accuracy", p->test_accuracy, "images_per_s", csa_trainer_rate(t), "peak_bytes",
                                  (json_int_t)csa_trainer_bytes(t), "out", t->folder));
}

static void print_start(const csa_trainer *t) {
  fprintf(stderr, "%s on %s (%s), %s: %lld training and %lld test images, %lld parameters\n",
          t->config.architecture.model, t->device->info.name, t->device->info.device, t->dataset->format,
          (long long)t->dataset->train.count, (long long)t->dataset->test.count,
          (long long)csa_graph_parameter_count(t->graph));
  fprintf(stderr, "run folder: %s", t->folder);
  if (t->progress.step > 0) fprintf(stderr, ", resumed after step %lld", (long long)t->progress.step);
  fprintf(stderr, "\n");
}

static csa_status train(const train_settings *s, const csa_config *config, csa_device *device, csa_dataset *dataset) {
  FILE *log = s->json ? stderr : stdout;
  csa_trainer *t = NULL;
  csa_status status;
  char folder[CSA_PATH];
  CSA_GO(csa_trainer_create(&t, config, device, dataset));
  if (s->dry_run) {
    csa_plan_print(t->graph->plan, stdout);
    const int64_t images = dataset->train.count + dataset->test.count;
    printf("  beside it: %lld B of images, kept on the device where they fit\n",
           (long long)(images * dataset->channels * dataset->height * dataset->width));
    status = csa_flush_output();
    goto done;
  }
  t->observer = (csa_observer){log, print_interval, print_epoch};
  CSA_GO(csa_trainer_prepare(t));
  if (s->resume != NULL) {
    CSA_GO(csa_trainer_resume(t, s->resume));
  } else {
    if (s->out != NULL)
      CSA_GO(take_path("out", s->out, folder));
    else
      default_folder(config, device, folder);
    CSA_GO(csa_trainer_start(t, folder));
  }
  t->stop = csa_stop_catch();
  print_start(t);
  CSA_GO(csa_trainer_run(t));
  status = print_result(t, log, s->json);
done:
  csa_trainer_destroy(t);
  return status;
}

/* The device of a resumed run: the one that --device names, else the one it was on, else the default. */
static csa_status open_device(csa_device **device, const char *name, const csa_config_device *before) {
  char numbers[32] = "";
  csa_device_list list;
  if (name != NULL || before == NULL) return csa_device_open(device, name);
  CSA_TRY(csa_device_list_init(&list));
  for (int i = 0; i < list.count && numbers[0] == '\0'; i++)
    if (csa_config_device_is(before, &list.devices[i]))
      snprintf(numbers, sizeof numbers, "%d:%d", list.devices[i].platform_number, list.devices[i].device_number);
  csa_device_list_fini(&list);
  return csa_device_open(device, numbers[0] != '\0' ? numbers : NULL);
}

static csa_status run(const train_settings *s, const csa_command_line *line) {
  csa_config config;
  csa_config_device before;
  csa_device *device = NULL;
  csa_dataset *dataset = NULL;
  csa_status status;
  const bool resume = s->resume != NULL;
  csa_stop_catch();
  if (resume) {
    CSA_TRY(check_resume(line));
    CSA_TRY(resumed_config(s, line, &config, &before));
  } else {
    CSA_TRY(to_config(s, &config));
  }
  CSA_GO(csa_dataset_open(&dataset, config.data, (csa_dataset_limits){config.limit_train, config.limit_test}));
  if (!resume) config.architecture.classes = dataset->classes;
  CSA_GO(open_device(&device, s->device, resume ? &before : NULL));
  if (resume && !csa_config_device_is(&before, &device->info)) {
    fprintf(stderr,
            "the run was on %s (driver %s); kernels are chosen anew for %s (driver %s), so the last digits differ\n",
            before.device, before.driver, device->info.device, device->info.driver);
    config.choices = (csa_choices){CSA_KERNELS_AUTO, CSA_GEMM_AUTO};
  }
  status = train(s, &config, device, dataset);
done:
  csa_device_close(device);
  csa_dataset_close(dataset);
  return status;
}

csa_status csa_command_train(int argc, char **argv) {
  train_settings s = {.model = "vit",
                      .data = "cifar10",
                      .optimizer = "adam",
                      .gemm = "auto",
                      .kernels = "auto",
                      .epochs = 10,
                      .batch = 100,
                      .log_every = 200,
                      .lr = 0.001,
                      .checkpoint_every = 300.0};
  csa_option options[] = {
      {"model", "NAME", CSA_OPTION_TEXT, &s.model, "vit or cnn (default vit)", false},
      {"patches", "KIND", CSA_OPTION_TEXT, &s.patches,
       "vit: rows, runs of the image's buffer, or grid, squares (default rows)", false},
      {"data", "PATH", CSA_OPTION_TEXT, &s.data, "a data set's folder, or cifar10, fashion-mnist (default cifar10)",
       false},
      {"device", "NAME", CSA_OPTION_TEXT, &s.device, "see clsattn devices (default: the first GPU, else CPU)", false},
      {"epochs", "N", CSA_OPTION_INT, &s.epochs, "passes over the training images (default 10)", false},
      {"batch", "N", CSA_OPTION_INT, &s.batch, "images of a step (default 100)", false},
      {"lr", "X", CSA_OPTION_REAL, &s.lr, "learning rate (default 0.001)", false},
      {"seed", "N", CSA_OPTION_SEED, &s.seed, "of initial values and order; the same seed repeats a run (default 0)",
       false},
      {"optimizer", "NAME", CSA_OPTION_TEXT, &s.optimizer, "adam, adamw or sgd with momentum 0.9 (default adam)",
       false},
      {"weight-decay", "X", CSA_OPTION_REAL, &s.weight_decay, "L2 in adam and sgd, decoupled in adamw (default 0)",
       false},
      {"limit-train", "N", CSA_OPTION_COUNT, &s.limit_train, "only the first N training images (default: all)", false},
      {"limit-test", "N", CSA_OPTION_COUNT, &s.limit_test, "only the first N test images (default: all)", false},
      {"out", "DIR", CSA_OPTION_TEXT, &s.out, "the run's folder (default runs/MODEL-DEVICE-DATE)", false},
      {"resume", "DIR", CSA_OPTION_TEXT, &s.resume, "go on with the run in DIR, with its settings", false},
      {"init", "FILE", CSA_OPTION_TEXT, &s.init, "start from these weights", false},
      {"log-every", "N", CSA_OPTION_INT, &s.log_every, "batches between log lines (default 200)", false},
      {"checkpoint-every", "TIME", CSA_OPTION_DURATION, &s.checkpoint_every, "like 90s, 5m, 2h (default 5m)", false},
      {"gemm", "WHICH", CSA_OPTION_TEXT, &s.gemm, "auto, clblast or native (default auto)", false},
      {"kernels", "WHICH", CSA_OPTION_TEXT, &s.kernels, "auto, cpu or portable (default auto)", false},
      {"dry-run", NULL, CSA_OPTION_FLAG, &s.dry_run, "print tensors, launches and memory, and stop", false},
      {"json", NULL, CSA_OPTION_FLAG, &s.json, "print the result as one JSON document; the log goes to stderr", false}};
  const csa_command_line line = {
      "train",
      "",
      "Trains a model and keeps it, with settings, figures and checkpoints, in a run folder.",
      "  clsattn train --model vit --device cpu0 --epochs 1\n"
      "  clsattn train --data fashion-mnist --patches grid --out runs/fashion\n"
      "  clsattn train --resume runs/fashion --epochs 20\n",
      options,
      sizeof options / sizeof options[0]};
  bool help;
  int positional;
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  CSA_TRY(csa_options_positionals(&line, argc, argv, positional, 0));
  if (s.dry_run && s.json) return csa_fail(CSA_USAGE, "--dry-run: prints text; not together with --json");
  return run(&s, &line);
}
