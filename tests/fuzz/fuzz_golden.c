/* Golden files, as far as a device is not needed. */
#include "fuzz/fuzz.h"
#include "verify/golden.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_golden golden;
  fuzz_check(csa_golden_open(&golden, fuzz_write("golden.safetensors", data, size)));
  csa_golden_close(&golden);
  return 0;
}
