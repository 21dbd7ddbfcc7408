/* config.json: as that of a run, and as a file of settings. */
#include "fuzz/fuzz.h"
#include "train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_config config;
  bool has_model;
  const char *path = fuzz_write("config.json", data, size);
  fuzz_check(csa_config_load(&config, path));
  csa_config_fini(&config);
  csa_config_default(&config);
  fuzz_check(csa_config_apply(&config, path, &has_model));
  csa_config_fini(&config);
  return 0;
}
