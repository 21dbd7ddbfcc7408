/* Folders of images: the name of a class, the name of a file, then an image that is in every class. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "data/dataset.h"
#include "fuzz/fuzz.h"

/* A name that a file can have; false: the bytes are none. */
static bool take_name(const uint8_t **data, size_t *size, char name[100]) {
  size_t length;
  const uint8_t *bytes = fuzz_take(data, size, &length);
  if (length == 0 || length >= 100 || memchr(bytes, '/', length) != NULL || memchr(bytes, '\0', length) != NULL)
    return false;
  memcpy(name, bytes, length);
  name[length] = '\0';
  return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void note(void *user, const char *path, const char *sentence) {
  (void)user;
  if (path[0] == '\0' || sentence[0] == '\0') abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const splits[] = {"train", "val"};
  csa_dataset *d;
  char class[100], file[100], path[300];
  if (!take_name(&data, &size, class) || !take_name(&data, &size, file)) return 0;
  csa_folder_remove(fuzz_path("set"));
  for (int i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "set/%s/%s/%s", splits[i % 2], i < 2 ? class : "other", file);
    fuzz_write(path, data, size);
  }
  fuzz_check(csa_dataset_open(&d, fuzz_path("set"), (csa_dataset_limits){.image = 8}));
  csa_dataset_close(d);
  fuzz_check(csa_dataset_open(&d, fuzz_path("set"), (csa_dataset_limits){.image = 8, .damaged = note}));
  csa_dataset_close(d);
  return 0;
}
