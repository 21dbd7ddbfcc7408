/* IDX files, plain or .gz: labels, then images; both serve for training and testing. */
#include "data/dataset.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_dataset *d;
  size_t length;
  const uint8_t *labels = fuzz_take(&data, &size, &length);
  fuzz_write("idx/train-labels-idx1-ubyte", labels, length);
  fuzz_write("idx/train-images-idx3-ubyte", data, size);
  fuzz_write("idx/t10k-labels-idx1-ubyte", labels, length);
  fuzz_write("idx/t10k-images-idx3-ubyte.gz", data, size);
  fuzz_check(csa_dataset_open(&d, fuzz_path("idx/."), (csa_dataset_limits){.test = 1}));
  csa_dataset_close(d);
  return 0;
}
