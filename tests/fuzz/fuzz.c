#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

static char folder[CSA_SCRATCH];

static void must(int held, const char *what) {
  if (held) return;
  fprintf(stderr, "fuzz: %s: %s\n", what, csa_last_error());
  abort();
}

static void remove_folder(void) { csa_folder_remove(folder); }

const char *fuzz_folder(void) {
  if (folder[0] == '\0') {
    must(csa_scratch_make(folder) == CSA_OK, "no folder");
    must(atexit(remove_folder) == 0, "atexit");
  }
  return folder;
}

const char *fuzz_path(const char *name) {
  static char paths[8][CSA_SCRATCH + 300];
  static int turn;
  char *path = paths[turn++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", fuzz_folder(), name);
  char *slash = strrchr(path, '/');
  *slash = '\0';
  must(csa_folder_make(path, 0700) == CSA_OK, path);
  *slash = '/';
  return path;
}

const char *fuzz_write(const char *name, const void *data, size_t size) {
  const char *path = fuzz_path(name);
  FILE *file = fopen(path, "wb");
  must(file != NULL, path);
  must(fwrite(data, 1, size, file) == size, path);
  must(fclose(file) == 0, path);
  return path;
}

void fuzz_check(csa_status status) {
  if (status == CSA_OK) return;
  must(status == CSA_INPUT || status == CSA_USAGE, csa_status_text(status));
  must(csa_last_error()[0] != '\0', "failed without a sentence");
  for (const char *at = csa_last_error(); *at != '\0'; at++)
    must(((unsigned char)*at >= ' ' && *at != 0x7f) || *at == '\n' || *at == '\t',
         "a sentence with a control character");
}

const uint8_t *fuzz_take(const uint8_t **data, size_t *size, size_t *length) {
  const uint8_t *piece = *data;
  *length = 0;
  if (*size < 2) return piece;
  *length = (size_t)piece[0] | (size_t)piece[1] << 8;
  if (*length > *size - 2) *length = *size - 2;
  *data += 2 + *length;
  *size -= 2 + *length;
  return piece + 2;
}
