/* How long kernels take to be ready, with empty caches and with full ones. A process keeps what it has compiled, and
 * drivers read where their caches are only once, so each figure comes from a process of its own. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/bench_run.h"
#include "core/file.h"
#include "device/apart.h"

#define ENVIRONMENT_MAX 4096
#define ERROR_TEXT 2000
#define ERRORS_MAX ((uint64_t)1 << 20)

extern char **environ;

/* Whoever keeps compiled kernels, by the variable that says where: what follows XDG_CACHE_HOME (this program, Mesa,
 * Intel's and AMD's drivers, where their own variables are not set), and those with a folder of their own. */
static const char *const caches[] = {
    "XDG_CACHE_HOME",        /* this program, and all below without their own */
    "POCL_CACHE_DIR",        /* PoCL */
    "MESA_SHADER_CACHE_DIR", /* rusticl */
    "CUDA_CACHE_PATH",       /* NVIDIA */
    "NEO_CACHE_DIR",         /* Intel's GPUs */
    "AMD_COMGR_CACHE_DIR",   /* ROCm */
};
#define CACHES (sizeof caches / sizeof caches[0])

typedef struct {
  char *list[ENVIRONMENT_MAX];
  char own[CACHES][CSA_SCRATCH + 64];
  char errors[CSA_SCRATCH + 16]; /* file that takes what the process says of failures */
} environment;

static bool is_cache(const char *variable) {
  for (size_t i = 0; i < CACHES; i++) {
    const size_t length = strlen(caches[i]);
    if (strncmp(variable, caches[i], length) == 0 && variable[length] == '=') return true;
  }
  return false;
}

/* The process's own; `fresh`: but all caches in `folder`, each in a folder that is there, as some drivers do not make
 * theirs. */
static csa_status make_environment(environment *e, const char *folder, bool fresh) {
  size_t count = 0;
  snprintf(e->errors, sizeof e->errors, "%s/errors", folder);
  for (size_t i = 0; i < CACHES && fresh; i++) {
    snprintf(e->own[i], sizeof e->own[i], "%s=%s/%s", caches[i], folder, caches[i]);
    CSA_TRY(csa_folder_make(strchr(e->own[i], '=') + 1, 0700));
    e->list[count++] = e->own[i];
  }
  for (char **variable = environ; *variable != NULL; variable++) {
    if (fresh && is_cache(*variable)) continue;
    if (count == ENVIRONMENT_MAX - 1)
      return csa_fail(CSA_FAILED, "bench: more than %d variables in the environment", ENVIRONMENT_MAX - 1);
    e->list[count++] = *variable;
  }
  e->list[count] = NULL;
  return CSA_OK;
}

/* What an exit code stands for; a code that is not ours, or a signal, is the driver's. */
static csa_status status_of(int code) {
  static const csa_status ours[] = {CSA_FAILED, CSA_USAGE, CSA_INPUT, CSA_MEMORY};
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
    if (WIFEXITED(code) && WEXITSTATUS(code) == csa_exit_code(ours[i])) return ours[i];
  return CSA_DEVICE;
}

/* Up to the blanks and line ends that it closes with. */
static int length_of(const char *text) {
  size_t length = strnlen(text, ERROR_TEXT);
  while (length > 0 && strchr(" \n", text[length - 1]) != NULL) length--;
  return (int)length;
}

/* The process's own sentence, which stands in the first line that begins as all of them do. */
static csa_status pass_on(const char *errors, const char *model, int code) {
  static const char begins[] = "clsattn: ";
  uint8_t *text = NULL;
  size_t size;
  const char *at = csa_file_read(errors, ERRORS_MAX, &text, &size) == CSA_OK ? (const char *)text : NULL;
  while (at != NULL && *at != '\0' && strncmp(at, begins, strlen(begins)) != 0) {
    const char *end = strchr(at, '\n');
    at = end != NULL ? end + 1 : NULL;
  }
  const char *said = text != NULL ? (const char *)text : "";
  if (at != NULL && *at != '\0')
    csa_fail(CSA_FAILED, "bench: compiling %s: %.*s", model, length_of(at + strlen(begins)), at + strlen(begins));
  else if (WIFSIGNALED(code))
    csa_fail(CSA_FAILED, "bench: compiling %s: the driver ended the process by signal %d: %.*s", model, WTERMSIG(code),
             length_of(said), said);
  else
    csa_fail(CSA_FAILED, "bench: compiling %s: the driver ended the process: %.*s", model, length_of(said), said);
  free(text);
  return status_of(code);
}

static csa_status read_answer(const char *answer, const char *model, double *seconds) {
  json_t *root = json_loads(answer, 0, NULL);
  const json_t *figures = json_object_get(json_object_get(root, "models"), model);
  const bool found = json_unpack((json_t *)(uintptr_t)figures, "{s:F}", "compile_s", seconds) == 0;
  json_decref(root);
  return found ? CSA_OK : csa_fail(CSA_FAILED, "bench: %s: the process that compiled gave no figure", model);
}

/* clsattn bench --compile-only … with the settings that change what is compiled. */
static csa_status compile_once(const csa_bench_settings *s, const char *device, const char *model, environment *e,
                               double *seconds, const volatile sig_atomic_t *stop) {
  char batch[16], *answer;
  int result;
  snprintf(batch, sizeof batch, "%d", s->batch);
  const char *const words[] = {"clsattn",
                               "bench",
                               "--compile-only",
                               "--json",
                               "--device",
                               device,
                               "--model",
                               model,
                               "--batch",
                               batch,
                               "--gemm",
                               csa_gemm_text(s->choices.gemm),
                               "--kernels",
                               csa_kernels_text(s->choices.kernels),
                               "--conv",
                               csa_conv_text(s->choices.conv),
                               "--precision",
                               csa_precision_text(s->choices.precision),
                               NULL};
  char *arguments[sizeof words / sizeof words[0]];
  memcpy(arguments, words, sizeof words); /* taken without const, and nothing is changed */
  const csa_apart apart = {.arguments = arguments, .environment = e->list, .errors = e->errors, .stop = stop};
  csa_status status = csa_apart_run(&apart, &answer, &result);
  if (*stop != 0)
    status = csa_fail(CSA_INTERRUPTED, "bench: stopped by signal %d", (int)*stop);
  else if (result != 0)
    status = pass_on(e->errors, model, result);
  else if (status == CSA_OK)
    status = read_answer(answer, model, seconds);
  free(answer);
  return status;
}

csa_status csa_bench_compile(const csa_bench_settings *s, const char *device, const char *model, double *cold_s,
                             double *warm_s, const volatile sig_atomic_t *stop) {
  char folder[CSA_SCRATCH] = "";
  environment *e = NULL;
  csa_status status;
  double ignored;
  CSA_GO(csa_scratch_make(folder));
  CSA_GO(csa_new(&e, 1, sizeof *e));
  CSA_GO(make_environment(e, folder, !s->no_cold));
  CSA_GO(compile_once(s, device, model, e, s->no_cold ? &ignored : cold_s, stop));
  if (!s->no_cold) status = compile_once(s, device, model, e, warm_s, stop);
done:
  csa_folder_remove(folder);
  free(e);
  return status;
}
