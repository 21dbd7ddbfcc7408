#include "core/machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "model name	: AMD EPYC", of x86-64; other processors have other lines, or none. */
static void read_processor(char *processor, size_t size) {
  static const char *const names[] = {"model name", "Model", "cpu model"};
  char line[256];
  FILE *file = fopen("/proc/cpuinfo", "r");
  processor[0] = '\0';
  while (file != NULL && processor[0] == '\0' && fgets(line, sizeof line, file) != NULL)
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      const size_t length = strlen(names[i]);
      if (strncmp(line, names[i], length) != 0 || strchr(" \t:", line[length]) == NULL) continue;
      const char *value = line + length + strspn(line + length, " \t:");
      snprintf(processor, size, "%.*s", (int)strcspn(value, "\n"), value);
    }
  if (file != NULL) fclose(file);
}

static double read_load(void) {
  double load;
  FILE *file = fopen("/proc/loadavg", "r");
  if (file == NULL) return -1.0;
  if (fscanf(file, "%lf", &load) != 1) load = -1.0;
  fclose(file);
  return load;
}

void csa_machine_read(csa_machine *machine) {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  read_processor(machine->processor, sizeof machine->processor);
  machine->cores = cores > 0 ? (int)cores : 1;
  machine->load = read_load();
}
