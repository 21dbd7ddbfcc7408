/* metrics.jsonl, which live views, reports and comparisons read. */
#include "fuzz/fuzz.h"
#include "train/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_history h;
  fuzz_write("metrics.jsonl", data, size);
  fuzz_check(csa_history_read(&h, fuzz_folder()));
  (void)csa_history_last(&h);
  csa_history_fini(&h);
  return 0;
}
