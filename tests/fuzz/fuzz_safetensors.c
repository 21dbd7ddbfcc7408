/* Weight files: what is in a file that opens can be read. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "model/safetensors.h"

static void read_tensor(const csa_safetensors *file, const csa_st_tensor *t) {
  void *values = malloc(8 * t->size + 1); /* from I32 to I64 takes twice as much */
  if (values == NULL) abort();
  fuzz_check(csa_safetensors_f32(file, t->name, &t->shape, values));
  fuzz_check(csa_safetensors_i64(file, t->name, NULL, values));
  free(values);
  uint8_t sum = 0;
  for (size_t i = 0; i < t->size; i++) sum ^= t->data[i];
  if (sum == 1 && csa_safetensors_find(file, t->name) == NULL) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_safetensors *file;
  const csa_status status = csa_safetensors_open(&file, fuzz_write("a.safetensors", data, size));
  fuzz_check(status);
  if (status != CSA_OK) return 0;
  (void)csa_safetensors_metadata(file, "model");
  for (size_t i = 0; i < csa_safetensors_count(file); i++) read_tensor(file, csa_safetensors_at(file, i));
  csa_safetensors_close(file);
  return 0;
}
