/* How long kernels take to be ready, with empty caches and with full ones. A process keeps what it has compiled, and
 * drivers read where their caches are only once, so each figure comes from a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/bench_run.h"
#include "core/file.h"

#define ENVIRONMENT_MAX 4096
#define ANSWER_MAX 4096
#define WAIT_MS 300
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

/* clsattn bench --compile-only … with the settings that change what is compiled; its stdout goes to `out`. */
static csa_status start(const csa_bench_settings *s, const char *device, const char *model, environment *e, int out,
                        pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  char batch[16];
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
  memcpy(arguments, words, sizeof words); /* posix_spawn takes them without const, and changes nothing */
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); /* with its helpers it can be ended */
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  if (error == 0)
    error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, e->errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (error == 0) error = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, e->list);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error == 0 ? CSA_OK : csa_fail(CSA_FAILED, "bench: starting itself to compile: %s", strerror(error));
}

/* What the process says, up to its end; a signal to this one ends it. */
static size_t listen_to(int from, pid_t pid, char answer[ANSWER_MAX], const volatile sig_atomic_t *stop) {
  struct pollfd ready = {from, POLLIN, 0};
  size_t size = 0;
  for (bool told = false;;) {
    if (*stop != 0 && !told) told = kill(-pid, SIGTERM) == 0;
    const int events = poll(&ready, 1, WAIT_MS);
    if (events == 0 || (events < 0 && errno == EINTR)) continue;
    const ssize_t got = events < 0 ? -1 : read(from, answer + size, ANSWER_MAX - 1 - size);
    if (got <= 0) break;
    size += (size_t)got;
  }
  answer[size] = '\0';
  return size;
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

static csa_status read_answer(const char *answer, size_t size, const char *model, double *seconds) {
  json_t *root = json_loadb(answer, size, 0, NULL);
  const json_t *figures = json_object_get(json_object_get(root, "models"), model);
  const bool found = json_unpack((json_t *)(uintptr_t)figures, "{s:F}", "compile_s", seconds) == 0;
  json_decref(root);
  return found ? CSA_OK : csa_fail(CSA_FAILED, "bench: %s: the process that compiled gave no figure", model);
}

/* Until the last of its helpers is gone, too, that were told to end: they write where a folder is to be removed. */
static void wait_for_group(pid_t group) {
  for (int i = 0; i < 500 && kill(-group, 0) == 0; i++) nanosleep(&(struct timespec){0, 10000000}, NULL);
}

static csa_status compile_once(const csa_bench_settings *s, const char *device, const char *model, environment *e,
                               double *seconds, const volatile sig_atomic_t *stop) {
  char answer[ANSWER_MAX];
  int ends[2], code = -1;
  pid_t pid;
  if (pipe(ends) != 0) return csa_fail(CSA_FAILED, "bench: pipe: %s", strerror(errno));
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  csa_status status = start(s, device, model, e, ends[1], &pid);
  close(ends[1]);
  const size_t size = status == CSA_OK ? listen_to(ends[0], pid, answer, stop) : 0;
  close(ends[0]);
  if (status != CSA_OK) return status;
  while (waitpid(pid, &code, 0) < 0 && errno == EINTR) continue;
  if (*stop != 0) wait_for_group(pid);
  if (*stop != 0) return csa_fail(CSA_INTERRUPTED, "bench: stopped by signal %d", (int)*stop);
  if (code != 0) return pass_on(e->errors, model, code);
  return read_answer(answer, size, model, seconds);
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
