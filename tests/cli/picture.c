/* picture make BATCH N PNG: record N of a file in CIFAR-10's layout, as a picture.
 * picture show PNG: its width, height and number of colours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image.h"
#include "images.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, RECORD = 1 + 3 * PLANE };

static int make(const char *batch, int n, const char *path) {
  uint8_t record[RECORD], rows[3 * PLANE];
  FILE *file = fopen(batch, "rb");
  if (file == NULL) return 1;
  const size_t got = fseek(file, (long)n * RECORD, SEEK_SET) == 0 ? fread(record, 1, RECORD, file) : 0;
  fclose(file);
  if (got != RECORD) return 1;
  for (int i = 0; i < 3 * PLANE; i++) rows[i] = record[1 + i % 3 * PLANE + i / 3];
  test_write_png(path, &(test_png){.width = SIDE, .height = SIDE, .color = 2, .depth = 8}, rows);
  return 0;
}

static int by_value(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static int show(const char *path) {
  csa_image image;
  uint32_t *colours;
  if (csa_image_read(&image, path) != CSA_OK) return fprintf(stderr, "%s\n", csa_last_error()), 1;
  const int pixels = image.width * image.height;
  int distinct = pixels > 0;
  if (csa_new(&colours, (size_t)pixels, sizeof *colours) != CSA_OK) return 1;
  for (int i = 0; i < 3 * pixels; i++) colours[i % pixels] = colours[i % pixels] << 8 | image.pixels[i];
  qsort(colours, (size_t)pixels, sizeof *colours, by_value);
  for (int i = 1; i < pixels; i++) distinct += colours[i] != colours[i - 1];
  printf("%d %d %d\n", image.width, image.height, distinct);
  free(colours);
  csa_image_fini(&image);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "make") == 0) return make(argv[2], atoi(argv[3]), argv[4]);
  return argc == 3 && strcmp(argv[1], "show") == 0 ? show(argv[2]) : 2;
}
