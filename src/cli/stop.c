#include "cli/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t number;

static volatile sig_atomic_t terminal; /* whether somebody sees stderr as it comes */

static void on_signal(int signal_number) {
  static const char text[] = "\nstopping after this step or evaluation; a second Ctrl-C ends at once, without saving\n";
  number = signal_number;
  if (signal_number == SIGINT && terminal != 0) (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

const volatile sig_atomic_t *csa_stop_catch(void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  static bool known, ignored[3]; /* by whoever started the program: nohup */
  for (size_t i = 0; i < 3; i++) {
    struct sigaction action;
    if (!known) ignored[i] = sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN;
    action =
        (struct sigaction){.sa_handler = ignored[i] ? SIG_IGN : on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigaction(numbers[i], &action, NULL);
  }
  known = true;
  terminal = isatty(STDERR_FILENO);
  return &number;
}

void csa_stop_too(int signal_number) {
  if (number == 0) number = signal_number;
}

int csa_stop_exit_code(void) { return 128 + (int)number; }
