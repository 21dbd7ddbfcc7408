#include "device/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

#define OUTPUT_MAX 65536
#define WAIT_SECONDS 0.3 /* after so many it looks whether it was stopped */

extern char **environ;

static const char *program;

void csa_apart_with(const char *path) { program = path; }
const char *csa_apart_program(void) { return program; }

/* The error number; 0: it runs. */
static int spawn(const csa_apart *a, int in, int out, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  const char *errors = a->errors != NULL ? a->errors : "/dev/null";
  const int flags = a->errors != NULL ? O_WRONLY | O_CREAT | O_TRUNC : O_WRONLY;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  if (error == 0) error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, flags, 0600);
  if (error == 0 && a->stop != NULL) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  if (error == 0)
    error = posix_spawn(pid, program, &actions, &attributes, a->arguments,
                        a->environment != NULL ? a->environment : environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

/* Two pipes; the program's ends are inherited by it alone. */
static csa_status start(const csa_apart *a, int *in, int *out, pid_t *pid) {
  int to[2], from[2];
  if (pipe(to) != 0) return csa_fail(CSA_FAILED, "helper process: pipe: %s", strerror(errno));
  if (pipe(from) != 0) {
    close(to[0]);
    close(to[1]);
    return csa_fail(CSA_FAILED, "helper process: pipe: %s", strerror(errno));
  }
  for (int i = 0; i < 2; i++) {
    fcntl(to[i], F_SETFD, FD_CLOEXEC);
    fcntl(from[i], F_SETFD, FD_CLOEXEC);
  }
  const int error = spawn(a, to[0], from[1], pid);
  close(to[0]);
  close(from[1]);
  *in = to[1];
  *out = from[0];
  if (error == 0) return CSA_OK;
  close(*in);
  close(*out);
  return csa_fail(CSA_FAILED, "helper process: %s: %s", program, strerror(error));
}

static bool stopped(const csa_apart *a) { return a->stop != NULL && *a->stop != 0; }

/* Until the other end is closed, `text` is full, or it is late. */
static bool read_until(const csa_apart *a, int descriptor, pid_t pid, char *text) {
  const double deadline = a->seconds != 0.0 ? csa_seconds() + a->seconds : HUGE_VAL;
  size_t used = 0;
  for (bool told = false;;) {
    struct pollfd wait = {descriptor, POLLIN, 0};
    const double left = deadline - csa_seconds();
    if (left <= 0.0) return false;
    if (stopped(a) && !told) told = kill(-pid, SIGTERM) == 0;
    const int got = poll(&wait, 1, left < WAIT_SECONDS ? (int)(1000.0 * left) + 1 : (int)(1000.0 * WAIT_SECONDS));
    if (got < 0 && errno != EINTR) return false;
    if (got <= 0) continue;
    const ssize_t bytes = read(descriptor, text + used, OUTPUT_MAX - 1 - used);
    if (bytes <= 0) return bytes == 0;
    used += (size_t)bytes;
  }
}

/* Until the last of its helpers is gone, too, that were told to end: they write where a folder is to be removed. */
static void wait_for_group(pid_t group) {
  for (int i = 0; i < 500 && kill(-group, 0) == 0; i++) nanosleep(&(struct timespec){0, 10000000}, NULL);
}

csa_status csa_apart_run(const csa_apart *a, char **output, int *result) {
  const char *input = a->input != NULL ? a->input : "";
  int in = -1, out = -1;
  pid_t pid = -1;
  *output = NULL;
  *result = 0;
  if (program == NULL) return csa_fail(CSA_FAILED, "helper process: this program named none to csa_apart_with");
  CSA_TRY(csa_new(output, OUTPUT_MAX, 1));
  csa_status status = start(a, &in, &out, &pid);
  if (status != CSA_OK) goto done;
  void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* it may have ended already */
  const bool sent = write(in, input, strlen(input)) == (ssize_t)strlen(input);
  signal(SIGPIPE, before);
  close(in);
  const bool ended = sent && read_until(a, out, pid, *output);
  close(out);
  if (!ended) kill(pid, SIGKILL);
  while (waitpid(pid, result, 0) < 0 && errno == EINTR) continue;
  if (stopped(a)) wait_for_group(pid);
  if (!ended)
    status = csa_fail(CSA_FAILED, "not done after %.0f s", a->seconds);
  else if (WIFSIGNALED(*result))
    status = csa_fail(CSA_FAILED, "it ended by signal %d", WTERMSIG(*result));
  else if (WEXITSTATUS(*result) != 0)
    status = csa_fail(CSA_FAILED, "it ended with exit code %d", WEXITSTATUS(*result));
done:
  if (status != CSA_OK) {
    free(*output);
    *output = NULL;
  }
  return status;
}
