/* Work that may crash or hang a driver, in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "device/apart.h"

#define OUTPUT_MAX 65536

extern char **environ;

static const char *program;

void csa_apart_with(const char *path) { program = path; }
const char *csa_apart_program(void) { return program; }

/* Two pipes; the program's ends are inherited by it alone. */
static csa_status start(char *const arguments[], int *in, int *out, pid_t *pid) {
  int to[2], from[2];
  posix_spawn_file_actions_t actions;
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
  bool started = posix_spawn_file_actions_init(&actions) == 0;
  if (started) {
    started = posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO) == 0 &&
              posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO) == 0 &&
              posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
              posix_spawn(pid, program, &actions, NULL, arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
  }
  close(to[0]);
  close(from[1]);
  *in = to[1];
  *out = from[0];
  if (started) return CSA_OK;
  close(*in);
  close(*out);
  return csa_fail(CSA_FAILED, "helper process: %s: it could not be started", program);
}

/* Until the other end is closed, `text` is full, or it is late. */
static bool read_until(int descriptor, double deadline, char *text) {
  size_t used = 0;
  for (;;) {
    struct pollfd wait = {descriptor, POLLIN, 0};
    const double left = deadline - csa_seconds();
    if (left <= 0.0) return false;
    const int got = poll(&wait, 1, left < 1.0 ? (int)(1000.0 * left) + 1 : 1000);
    if (got < 0 && errno != EINTR) return false;
    if (got <= 0) continue;
    const ssize_t bytes = read(descriptor, text + used, OUTPUT_MAX - 1 - used);
    if (bytes <= 0) return bytes == 0;
    used += (size_t)bytes;
  }
}

csa_status csa_apart_run(char *const arguments[], const char *input, double seconds, char **output) {
  int in = -1, out = -1, result = 0;
  pid_t pid = -1;
  *output = NULL;
  if (program == NULL) return csa_fail(CSA_FAILED, "helper process: this program named none to csa_apart_with");
  CSA_TRY(csa_new(output, OUTPUT_MAX, 1));
  csa_status status = start(arguments, &in, &out, &pid);
  if (status != CSA_OK) goto done;
  void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* it may have ended already */
  const bool sent = write(in, input, strlen(input)) == (ssize_t)strlen(input);
  signal(SIGPIPE, before);
  close(in);
  const bool ended = sent && read_until(out, csa_seconds() + seconds, *output);
  close(out);
  if (!ended) kill(pid, SIGKILL);
  while (waitpid(pid, &result, 0) < 0 && errno == EINTR) continue;
  if (!ended)
    status = csa_fail(CSA_FAILED, "not done after %.0f s", seconds);
  else if (WIFSIGNALED(result))
    status = csa_fail(CSA_FAILED, "it ended by signal %d", WTERMSIG(result));
  else if (WEXITSTATUS(result) != 0)
    status = csa_fail(CSA_FAILED, "it ended with exit code %d", WEXITSTATUS(result));
done:
  if (status != CSA_OK) {
    free(*output);
    *output = NULL;
  }
  return status;
}
