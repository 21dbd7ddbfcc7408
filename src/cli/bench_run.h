/* `bench` at work: what is measured, and how. */
#ifndef CSA_CLI_BENCH_RUN_H
#define CSA_CLI_BENCH_RUN_H

#include <signal.h>

#include "cli/bench_report.h"
#include "cli/choices.h"

typedef struct {
  const char *devices, *model, *trace, *html, *data;
  csa_choice_texts texts;
  csa_choices choices;
  int batch, max_epochs;
  uint64_t seed;
  int64_t limit_train;
  double target; /* accuracy; 0: none */
  bool json, csv, markdown, compare, compile_only, no_cold;
} csa_bench_settings;

/* The models that were asked for, of "vit" and "cnn", up to CSA_BENCH_MODELS; returns how many. */
int csa_bench_models(const csa_bench_settings *settings, const char *names[CSA_BENCH_MODELS]);

csa_status csa_bench_config(const csa_bench_settings *settings, const char *model, csa_benchmark_config *config);

/* Everything about one device, whose info is set. `dataset`: for the target; NULL without one. CSA_INTERRUPTED when
 * *stop is no longer 0. */
csa_status csa_bench_measure(csa_bench_device *device, const csa_bench_settings *settings, const csa_dataset *dataset,
                             const volatile sig_atomic_t *stop);

/* How long kernels of a model take to be ready on device "P:D": twice the same in a process of its own, with this
 * program's cache and those of drivers in a new folder; so the first time they are empty, the second they are full.
 * With settings->no_cold once, with the caches as they are, and nothing is said of times: it is still where a driver
 * that ends the process fails, which would end all others' measurements, too. */
csa_status csa_bench_compile(const csa_bench_settings *settings, const char *device, const char *model, double *cold_s,
                             double *warm_s, const volatile sig_atomic_t *stop);

#endif
