/* make_data FOLDER TRAIN TEST: a data set in CIFAR-10's binary layout that can be learned in a minute: each class has
 * its own colour and stripes, under noise. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/rng.h"

static int pixel(int class, int channel, int y, int x, float noise) {
  const double stripe = sin((class % 5 + 1) * (class < 5 ? x : y) * 0.35 + channel);
  const double value = 128.0 + 45.0 * stripe + 20.0 * ((class >> channel & 1) - 0.5) + 30.0 * (double)noise;
  return value < 0.0 ? 0 : value > 255.0 ? 255 : (int)value;
}

static int write_file(const char *folder, const char *name, int count, uint32_t stream) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (file == NULL) return 1;
  const csa_rng rng = {7, CSA_RNG_TEST, stream};
  for (int n = 0; n < count; n++) {
    const int class = (int)(csa_rng_u32(&rng, (uint64_t)n) % 10);
    fputc(class, file);
    for (int i = 0; i < 3072; i++) {
      const float noise = csa_rng_normal(&rng, 1000000 + (uint64_t)n * 3072 + (uint64_t)i);
      fputc(pixel(class, i / 1024, i / 32 % 32, i % 32, noise), file);
    }
  }
  return fclose(file) != 0;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  return write_file(argv[1], "data_batch_1.bin", atoi(argv[2]), 0) ||
         write_file(argv[1], "test_batch.bin", atoi(argv[3]), 1);
}
