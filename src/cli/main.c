/* clsattn COMMAND [options]: a table of commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/launch.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "cli/threads.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "device/apart.h"
#include "device/compile.h"
#include "measure/tuner_race.h"
#include "selftest/selftest.h"
#include "train/ranks.h"

static const struct {
  const char *name;
  csa_status (*run)(int argc, char **argv);
  const char *summary;
} commands[] = {
    {"devices", csa_command_devices, "list the OpenCL devices"},
    {"train", csa_command_train, "train a model"},
    {"eval", csa_command_eval, "measure trained weights on test images"},
    {"predict", csa_command_predict, "say what is on images"},
    {"attend", csa_command_attend, "draw what the attention looks at over an image"},
    {"compare", csa_command_compare, "train both models and compare them"},
    {"bench", csa_command_bench, "measure speed, kernel by kernel"},
    {"tune", csa_command_tune, "find the parameters that serve a device best"},
    {"verify", csa_command_verify, "test kernels, and compare with a golden file's numbers"},
    {"data", csa_command_data, "list, describe and fetch data sets"},
    {"runs", csa_command_runs, "list run folders and how they stand"},
    {"cache", csa_command_cache, "show or clear the compiled kernels that are kept"},
};

#define COMMANDS (int)(sizeof commands / sizeof commands[0])

static void print_usage(FILE *out) {
  fprintf(out,
          "Usage: clsattn COMMAND [options]\n\nTrains image classifiers with attention on any OpenCL "
          "device.\n\nCommands:\n");
  for (int i = 0; i < COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
  fprintf(out,
          "\nclsattn COMMAND --help (or clsattn help COMMAND) explains a command; clsattn --version [--json] says what "
          "this is.\nExit codes: 0 done, 1 the work failed, 2 bad usage, 3 bad input, 4 device or OpenCL, 5 memory, "
          "128 + N after signal N.\n\nExamples:\n"
          "  clsattn devices --check\n"
          "  clsattn train --model vit --epochs 2 --out runs/first\n"
          "  clsattn predict --weights runs/first/model.safetensors photo.jpg\n");
}

static void print_log(const char *line) {
  if (csa_ranks_own() > 0) return;
  csa_live_clear();
  fprintf(stderr, "clsattn: %s\n", line);
}

static void show_selftest(const char *device, const char *what, size_t done, size_t count) {
  if (csa_ranks_own() == 0) csa_live_selftest(device, what, done, count);
}

static csa_status no_command(void) {
  char names[512] = "";
  size_t used = 0;
  for (int i = 0; i < COMMANDS && used < sizeof names; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", commands[i].name);
  return csa_fail(CSA_USAGE, "COMMAND is missing\n  there are: %s\n  see clsattn --help", names);
}

/* "help COMMAND" becomes "COMMAND --help". */
static void turn_help(int argc, char **argv) {
  static char option[] = "--help";
  if (argc < 3 || strcmp(argv[1], "help") != 0) return;
  for (int i = 1; i < argc - 1; i++) argv[i] = argv[i + 1];
  argv[argc - 1] = option;
}

static csa_status dispatch(int argc, char **argv) {
  turn_help(argc, argv);
  if (argc < 2) return no_command();
  if (strcmp(argv[1], "--version") == 0) return csa_print_about(argc > 2 && strcmp(argv[2], "--json") == 0);
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (argc == 2 && strcmp(argv[1], "help") == 0)) {
    print_usage(stdout);
    return csa_flush_output();
  }
  if (strcmp(argv[1], "compile") == 0 && argc == 3) return csa_compile_serve(argv[2]); /* for compile.c alone */
  if (strcmp(argv[1], "race") == 0 && argc == 3) return csa_race_serve(argv[2]);       /* for tuner_race.c alone */
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(argv[1], commands[i].name) == 0) {
      CSA_TRY(csa_launch_join(argv[1]));
      return commands[i].run(argc - 1, argv + 1);
    }
  csa_meant meant = {.text = argv[1]};
  for (int i = 0; i < COMMANDS; i++) csa_meant_try(&meant, commands[i].name);
  return csa_fail(CSA_USAGE, "%s: no such command%s\n  see clsattn --help", argv[1], meant.hint);
}

/* A file that jansson had no memory to read looks like a bad one. */
static csa_status true_reason(csa_status status) {
  char seen[1024];
  snprintf(seen, sizeof seen, "%s", csa_last_error());
  if (status == CSA_OK || status == CSA_MEMORY || csa_json_check() == CSA_OK) return status;
  return csa_fail(CSA_MEMORY, "json: the host has no more memory; where it was short: %s", seen);
}

int main(int argc, char **argv) {
  csa_json_watch();
  csa_log_to(print_log);
  csa_selftest_watch(show_selftest);
  csa_apart_with("/proc/self/exe");
  csa_threads_prepare();
  const csa_status status = true_reason(dispatch(argc, argv));
  return csa_launch_leave(status, status == CSA_INTERRUPTED ? csa_stop_exit_code() : csa_exit_code(status));
}
