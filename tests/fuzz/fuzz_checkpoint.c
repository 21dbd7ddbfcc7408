/* What a checkpoint says of the progress of a run; its parameters are tensors like those of weights. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "train/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { EPOCHS = 100 };
  csa_safetensors *file;
  csa_progress p = {0};
  csa_status status = csa_safetensors_open(&file, fuzz_write("checkpoint.safetensors", data, size));
  fuzz_check(status);
  if (status != CSA_OK) return 0;
  status = csa_checkpoint_progress(file, EPOCHS, &p);
  fuzz_check(status);
  if (status == CSA_OK && (p.epoch < 0 || p.epoch > EPOCHS || p.best_epoch < 0 || p.best_epoch > p.epoch)) abort();
  csa_safetensors_close(file);
  return 0;
}
