#include "cli/stop.h"

#include <stddef.h>

static volatile sig_atomic_t number;

static void on_signal(int signal_number) { number = signal_number; }

const volatile sig_atomic_t *csa_stop_catch(void) {
  const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
  const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    struct sigaction before;
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN) continue; /* nohup */
    sigaction(numbers[i], &action, NULL);
  }
  return &number;
}

int csa_stop_exit_code(void) { return 128 + (int)number; }
