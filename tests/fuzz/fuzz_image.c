/* PNG and JPEG files, with their EXIF blocks, as far as the small image that a model takes. The sums of PNG's chunks
 * are set right first: a fuzzer would not find them. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/image.h"
#include "fuzz/fuzz.h"

static uint32_t get(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void mend_sums(uint8_t *bytes, size_t size) {
  size_t at = 8; /* the file's mark */
  if (size < 8 || memcmp(bytes, "\x89PNG", 4) != 0) return;
  while (at + 12 <= size && get(bytes + at) <= size - at - 12) {
    const uint32_t length = get(bytes + at);
    const unsigned long sum = crc32(0, bytes + at + 4, length + 4);
    for (int i = 0; i < 4; i++) bytes[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
    at += 12 + length;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { SIDE = 32 };
  static uint8_t small[3 * SIDE * SIDE];
  csa_image image;
  uint8_t *bytes = malloc(size + 1);
  if (bytes == NULL) abort();
  memcpy(bytes, data, size);
  mend_sums(bytes, size);
  const char *path = fuzz_write("image", bytes, size);
  free(bytes);
  (void)csa_image_is(path);
  const csa_status status = csa_image_read(&image, path);
  fuzz_check(status);
  if (status == CSA_OK) fuzz_check(csa_image_resize(&image, SIDE, small));
  csa_image_fini(&image);
  return 0;
}
