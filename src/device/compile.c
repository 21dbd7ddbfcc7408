#include "device/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/apart.h"
#include "device/cache.h"
#include "device/launch.h"

#define HELPERS_MAX 8
#define PIPE_BYTES (32 << 10) /* what a pipe takes while nobody reads, and more than any plan's list */

extern char **environ;

/* One program, as it goes through the pipe that all helpers read. Linux gives each read whole records, as it holds the
 * pipe's lock for all of a read; elsewhere a helper that gets less stops, and the rest is left to the caller. */
typedef struct {
  char name[64];
  char options[CSA_OPTIONS_MAX];
} job;

/* The programs of the list that the cache lacks, each once. */
static size_t missing_jobs(const csa_device *device, const csa_program_name *names, size_t count, job *jobs,
                           size_t most) {
  size_t missing = 0;
  for (size_t i = 0; i < count && missing < most; i++) {
    bool known = false;
    for (size_t j = 0; j < i && !known; j++)
      known = strcmp(names[j].name, names[i].name) == 0 && strcmp(names[j].options, names[i].options) == 0;
    if (known || csa_program_is_ready(device, names[i].name, names[i].options)) continue;
    memset(&jobs[missing], 0, sizeof jobs[missing]);
    snprintf(jobs[missing].name, sizeof jobs->name, "%s", names[i].name);
    snprintf(jobs[missing++].options, sizeof jobs->options, "%s", names[i].options);
  }
  return missing;
}

/* A helper reads `jobs`; what it says goes nowhere, as the caller repeats what fails. */
static bool start_helper(const char *device, int jobs, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  char name[32];
  snprintf(name, sizeof name, "%s", device);
  char *arguments[] = {(char[]){"clsattn"}, (char[]){"compile"}, name, NULL};
  if (posix_spawn_file_actions_init(&actions) != 0) return false;
  const bool started = posix_spawn_file_actions_adddup2(&actions, jobs, STDIN_FILENO) == 0 &&
                       posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
                       posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
                       posix_spawn(pid, csa_apart_program(), &actions, NULL, arguments, environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  return started;
}

bool csa_compile_ahead(const csa_device *device, const csa_program_name *names, size_t count, size_t least) {
  job jobs[PIPE_BYTES / sizeof(job)];
  pid_t pids[HELPERS_MAX];
  char number[32], folder[CSA_CACHE_FOLDER];
  int ends[2], helpers = 0;
  const long cores = sysconf(_SC_NPROCESSORS_ONLN), most = cores < 1 ? 1 : cores < HELPERS_MAX ? cores : HELPERS_MAX;
  if (csa_apart_program() == NULL || csa_cache_folder(folder) != CSA_OK || access(folder, W_OK) != 0) return false;
  const size_t missing = missing_jobs(device, names, count, jobs, sizeof jobs / sizeof jobs[0]);
  if (missing < least || missing == 0) return true;
  if (pipe(ends) != 0) return false;
  snprintf(number, sizeof number, "%d:%d", device->info.platform_number, device->info.device_number);
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFL, O_NONBLOCK); /* nobody reads yet: a pipe that takes less shall not wait */
  const bool sent = write(ends[1], jobs, missing * sizeof *jobs) == (ssize_t)(missing * sizeof *jobs);
  close(ends[1]);
  while (sent && helpers < most && (size_t)helpers < missing && start_helper(number, ends[0], &pids[helpers]))
    helpers++;
  close(ends[0]);
  for (int i = 0; i < helpers; i++)
    while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR) continue;
  return helpers > 0;
}

csa_status csa_compile_serve(const char *name) {
  csa_device *device;
  job next;
  CSA_TRY(csa_device_open(&device, name));
  while (read(STDIN_FILENO, &next, sizeof next) == (ssize_t)sizeof next) {
    cl_program program;
    next.name[sizeof next.name - 1] = next.options[sizeof next.options - 1] = '\0';
    (void)csa_program_get(device, next.name, next.options, &program);
  }
  csa_device_close(device);
  return CSA_OK;
}
