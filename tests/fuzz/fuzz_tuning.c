/* A device's tuning: what is read can be written and read again, and is the same. */
#include <stdlib.h>

#include "device/tune.h"
#include "fuzz/fuzz.h"

static const csa_device_info info = {.name = "D", .platform = "P", .device = "D", .version = "V", .driver = "1"};

static void compare(const csa_tuning *a, const csa_tuning *b) {
  for (size_t i = 0; i < a->count; i++) {
    const csa_tuning_entry *e = &a->entries[i], *same = csa_tuning_find(b, e->kernel, e->shape);
    if (e->gain > 0.0 && (same == NULL || !csa_tuning_same(e, same))) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_tuning *tuning, *again;
  if (csa_tuning_create(&tuning, NULL) != CSA_OK || csa_tuning_create(&again, NULL) != CSA_OK) abort();
  csa_status status = csa_tuning_read(tuning, &info, fuzz_write("tuning.json", data, size));
  fuzz_check(status);
  if (status == CSA_OK) {
    const char *path = fuzz_path("again.json");
    if (csa_tuning_write(tuning, &info, path) != CSA_OK || csa_tuning_read(again, &info, path) != CSA_OK) abort();
    compare(tuning, again);
  }
  csa_tuning_destroy(tuning);
  csa_tuning_destroy(again);
  return 0;
}
