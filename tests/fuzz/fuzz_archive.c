/* Archives: read as a data set, and unpacked; nothing is written but files of CIFAR's names, into the folder. The sums
 * of tar headers are set right first: a fuzzer would not find them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/dataset.h"
#include "fuzz/fuzz.h"

enum { BLOCK = 512, SUM = 148, MAGIC = 257 };

static void mend_sums(uint8_t *bytes, size_t size) {
  for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
    uint8_t *header = bytes + at;
    unsigned sum = 0;
    char text[8];
    if (memcmp(header + MAGIC, "ustar", 5) != 0) continue;
    memset(header + SUM, ' ', 8);
    for (int i = 0; i < BLOCK; i++) sum += header[i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(header + SUM, text, 7);
  }
}

/* Empties the folder; its name would have to be a part's. */
static void check_folder(const char *folder) {
  static const char *const parts[] = {"data_batch_", "test_batch.bin", "batches.meta.txt",
                                      "train.bin",   "test.bin",       "fine_label_names.txt"};
  DIR *open = opendir(folder);
  if (open == NULL) abort();
  for (const struct dirent *e; (e = readdir(open)) != NULL;) {
    char path[1400];
    bool known = false;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
      known = known || strncmp(e->d_name, parts[i], strlen(parts[i])) == 0;
    if (!known) abort();
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    unlink(path);
  }
  closedir(open);
}

/* The folder has nothing in it but the archive and the folder that was unpacked to. */
static void check_parent(const char *folder) {
  DIR *open = opendir(folder);
  if (open == NULL) abort();
  for (const struct dirent *e; (e = readdir(open)) != NULL;)
    if (e->d_name[0] != '.' && strcmp(e->d_name, "a.tar") != 0 && strcmp(e->d_name, "to") != 0) abort();
  closedir(open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_dataset *d;
  uint8_t *bytes = malloc(size + 1);
  if (bytes == NULL) abort();
  memcpy(bytes, data, size);
  mend_sums(bytes, size);
  const char *path = fuzz_write("a.tar", bytes, size), *folder = fuzz_path("to/.");
  free(bytes);
  fuzz_check(csa_dataset_open(&d, path, (csa_dataset_limits){.train = 1}));
  csa_dataset_close(d);
  fuzz_check(csa_dataset_unpack(path, folder));
  check_folder(folder);
  check_parent(fuzz_folder());
  return 0;
}
