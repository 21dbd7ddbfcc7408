/* What weight files say of their model, its sizes and its classes, in JSON within metadata. */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "fuzz/fuzz.h"
#include "train/trained.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  csa_trained trained;
  json_t *sizes;
  const csa_status status = csa_trained_open(&trained, fuzz_write("a.safetensors", data, size), NULL, NULL);
  fuzz_check(status);
  if (status == CSA_OK && csa_architecture_sizes(&trained.architecture, &sizes) == CSA_OK) json_decref(sizes);
  for (int c = 0; status == CSA_OK && c < trained.architecture.classes; c++)
    if (!csa_text_is_plain(trained.class_names[c], strlen(trained.class_names[c]))) abort();
  csa_trained_close(&trained);
  return 0;
}
