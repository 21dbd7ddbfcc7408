/* CIFAR's layouts in a folder: names of classes, then a file of records that serves for training and testing. */
#include <stdio.h>
#include <unistd.h>

#include "data/dataset.h"
#include "fuzz/fuzz.h"

static void open_as(const char *folder, const char *const files[3], const uint8_t *names, size_t length,
                    const uint8_t *records, size_t size) {
  csa_dataset *d;
  char path[64];
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    if (i > 0)
      fuzz_write(path, records, size);
    else if (length > 0)
      fuzz_write(path, names, length);
    else
      unlink(fuzz_path(path));
  }
  snprintf(path, sizeof path, "%s/.", folder);
  fuzz_check(csa_dataset_open(&d, fuzz_path(path), (csa_dataset_limits){.test = 1}));
  csa_dataset_close(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const ten[] = {"batches.meta.txt", "data_batch_1.bin", "test_batch.bin"},
                           *const hundred[] = {"fine_label_names.txt", "train.bin", "test.bin"};
  size_t length;
  const uint8_t *names = fuzz_take(&data, &size, &length);
  open_as("ten", ten, names, length, data, size);
  open_as("hundred", hundred, names, length, data, size);
  return 0;
}
