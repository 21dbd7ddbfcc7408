/* `bench` on one device: its peak, models, matrix products. */
#include <string.h>
#include <time.h>

#include "cli/bench_run.h"
#include "core/file.h"
#include "device/peak.h"

#define PEAK_RUNS 12 /* at each of several moments: the best of all counts, as others are disturbed */

/* The models' own products at batch 100, and squares. */
static const csa_product shapes[] = {
    {.m = 1024, .n = 256, .k = 32},
    {.m = 10240, .n = 64, .k = 288},
    {.m = 10240, .n = 128, .k = 576},
    {.m = 10240, .n = 256, .k = 1152},
    {.m = 10240, .n = 128, .k = 2304},
    {.m = 6500, .n = 64, .k = 64, .trans_b = true},
    {.m = 6500, .n = 256, .k = 64, .trans_b = true},
    {.m = 6500, .n = 64, .k = 256, .trans_b = true},
    {.m = 64, .n = 256, .k = 6500, .trans_a = true},
    {.m = 1152, .n = 256, .k = 102400, .trans_a = true},
    {.m = 1024, .n = 1024, .k = 1024},
    {.m = 2048, .n = 2048, .k = 2048},
};

static csa_status check_stop(const volatile sig_atomic_t *stop) {
  return *stop == 0 ? CSA_OK : csa_fail(CSA_INTERRUPTED, "bench: stopped by signal %d", (int)*stop);
}

/* By both providers, unless one was asked for. */
static csa_status measure_products(csa_bench_device *d, csa_device *device, csa_gemm_provider asked,
                                   const volatile sig_atomic_t *stop) {
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    for (int provider = CSA_GEMM_CLBLAST; provider <= CSA_GEMM_NATIVE; provider++) {
      if (asked != CSA_GEMM_AUTO && asked != (csa_gemm_provider)provider) continue;
      csa_product *p = &d->products[d->product_count];
      *p = shapes[i];
      p->provider = (csa_gemm_provider)provider;
      CSA_TRY(csa_benchmark_product(device, p, &d->product_gflops[d->product_count]));
      d->product_count++;
      CSA_TRY(check_stop(stop));
    }
  return CSA_OK;
}

static bool wants(const csa_bench_settings *s, const char *part) {
  return strcmp(s->model, "all") == 0 || strcmp(s->model, part) == 0;
}

int csa_bench_models(const csa_bench_settings *s, const char *names[CSA_BENCH_MODELS]) {
  static const char *const all[CSA_BENCH_MODELS] = {"vit", "cnn"};
  int count = 0;
  for (int i = 0; i < CSA_BENCH_MODELS; i++)
    if (wants(s, all[i])) names[count++] = all[i];
  return count;
}

csa_status csa_bench_config(const csa_bench_settings *s, const char *model, csa_benchmark_config *c) {
  *c = (csa_benchmark_config){.batch = s->batch, .choices = s->choices, .seed = s->seed};
  return csa_architecture_default(&c->architecture, model);
}

static void print_epoch(void *name, int epoch, const csa_progress *p, double images_per_s) {
  fprintf(stderr, "%s: epoch %d: train loss %.3f, validation accuracy %.2f %%, %.0f images/s\n", (const char *)name,
          epoch, p->train_loss, 100.0 * p->val_accuracy, images_per_s);
}

/* With the settings of `train` by default. */
static csa_status measure_target(csa_bench_model *m, csa_device *device, const csa_bench_settings *s,
                                 const csa_dataset *dataset, const volatile sig_atomic_t *stop) {
  char folder[CSA_SCRATCH] = "";
  csa_config config;
  csa_observer observer = {.user = device->info.name, .on_epoch = print_epoch};
  csa_status status;
  csa_config_default(&config);
  config.epochs = s->max_epochs;
  config.batch = s->batch;
  config.seed = s->seed;
  config.log_every = INT32_MAX;
  config.checkpoint_every = 1e9;
  config.replicas[0].choices = s->choices;
  CSA_GO(csa_architecture_default(&config.architecture, m->name));
  config.architecture.classes = dataset->classes;
  snprintf(config.data, sizeof config.data, "%.*s", CSA_PATH - 1, s->data);
  CSA_GO(csa_scratch_make(folder));
  status = csa_target_measure(&m->target, s->target, &config, device, dataset, folder, observer, stop);
done:
  csa_folder_remove(folder);
  return status == CSA_INTERRUPTED ? check_stop(stop) : status;
}

static csa_status measure_model(csa_bench_model *m, csa_device *device, const csa_bench_settings *s,
                                const csa_dataset *dataset, const volatile sig_atomic_t *stop) {
  const csa_device_info *info = &device->info;
  csa_benchmark_config config;
  char numbers[32];
  snprintf(numbers, sizeof numbers, "%d:%d", info->platform_number, info->device_number);
  CSA_TRY(csa_bench_config(s, m->name, &config));
  fprintf(stderr, "%s: %s: compiling\n", info->name, m->name);
  CSA_TRY(csa_bench_compile(s, numbers, m->name, &m->cold_s, &m->warm_s, stop));
  fprintf(stderr, "%s: %s: steps\n", info->name, m->name);
  CSA_TRY(csa_benchmark_model(&m->speed, device, &config));
  CSA_TRY(check_stop(stop));
  if (s->target > 0.0) fprintf(stderr, "%s: %s: training to an accuracy of %g\n", info->name, m->name, s->target);
  return s->target > 0.0 ? measure_target(m, device, s, dataset, stop) : CSA_OK;
}

static csa_status measure_peak(csa_bench_device *d, const csa_peak *peak) {
  double gflops, gbytes_per_s;
  CSA_TRY(csa_peak_measure(peak, PEAK_RUNS, &gflops, &gbytes_per_s));
  if (gflops > d->peak.gflops) d->peak.gflops = gflops;
  if (gbytes_per_s > d->peak.gbytes_per_s) d->peak.gbytes_per_s = gbytes_per_s;
  return CSA_OK;
}

static csa_status measure(csa_bench_device *d, csa_device *device, const csa_bench_settings *s,
                          const csa_dataset *dataset, const volatile sig_atomic_t *stop) {
  const char *names[CSA_BENCH_MODELS];
  const int count = csa_bench_models(s, names);
  csa_peak peak = {0};
  csa_status status;
  CSA_GO(csa_peak_create(&peak, device));
  CSA_GO(measure_peak(d, &peak));
  for (int i = 0; i < count; i++) {
    csa_bench_model *m = &d->models[d->model_count];
    *m = (csa_bench_model){.name = names[i], .cold_s = -1.0, .warm_s = -1.0};
    status = measure_model(m, device, s, dataset, stop);
    if (status != CSA_OK) csa_benchmark_fini(&m->speed);
    CSA_GO(status);
    d->model_count++;
    CSA_GO(measure_peak(d, &peak));
  }
  if (wants(s, "gemm")) {
    fprintf(stderr, "%s: matrix products\n", d->info.name);
    CSA_GO(measure_products(d, device, s->choices.gemm, stop));
    CSA_GO(measure_peak(d, &peak));
  }
done:
  csa_peak_destroy(&peak);
  return status;
}

static void now(char text[32]) {
  const time_t seconds = time(NULL);
  struct tm parts;
  localtime_r(&seconds, &parts);
  strftime(text, 32, "%Y-%m-%dT%H:%M:%S%z", &parts);
}

csa_status csa_bench_measure(csa_bench_device *d, const csa_bench_settings *s, const csa_dataset *dataset,
                             const volatile sig_atomic_t *stop) {
  csa_device *device = NULL;
  csa_machine machine;
  char numbers[32];
  csa_machine_read(&machine);
  d->load = machine.load;
  now(d->date);
  csa_chip_find(&d->info, clGetDeviceInfo, "", d->chip);
  snprintf(numbers, sizeof numbers, "%d:%d", d->info.platform_number, d->info.device_number);
  csa_status status = csa_device_open(&device, numbers);
  if (status == CSA_OK) status = measure(d, device, s, dataset, stop);
  csa_device_close(device);
  d->status = status;
  if (status != CSA_OK) snprintf(d->error, sizeof d->error, "%s", csa_last_error());
  return status;
}
