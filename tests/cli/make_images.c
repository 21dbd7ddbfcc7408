/* make_images FOLDER TRAIN TEST: a data set in folders of images, so many of each of three classes, which differ in
 * their colour; PNG and JPEG in turn, of many sizes. */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "images.h"

static void write_image(const char *path, int class, int number) {
  const int width = 20 + number * 7 % 50, height = 20 + number * 11 % 60;
  uint8_t *rows = malloc((size_t)(3 * width * height));
  if (rows == NULL) exit(1);
  uint32_t noise = (uint32_t)(number * 3 + class);
  for (int i = 0; i < 3 * width * height; i++) {
    noise = noise * 1664525 + 1013904223;
    rows[i] = (uint8_t)((i % 3 == class ? 150 : 60) + (int)(noise >> 26));
  }
  if (number % 2 == 0)
    test_write_png(path, &(test_png){.width = width, .height = height, .color = PNG_COLOR_TYPE_RGB, .depth = 8}, rows);
  else
    test_write_jpeg(path, &(test_jpeg){.width = width, .height = height, .channels = 3}, rows);
  free(rows);
}

static void write_part(const char *folder, const char *part, int count) {
  static const char *const classes[] = {"apple", "leaf", "sky"};
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, part);
  mkdir(path, 0777);
  for (int c = 0; c < 3; c++) {
    snprintf(path, sizeof path, "%s/%s/%s", folder, part, classes[c]);
    mkdir(path, 0777);
    for (int n = 0; n < count; n++) {
      snprintf(path, sizeof path, "%s/%s/%s/%d.%s", folder, part, classes[c], n, n % 2 == 0 ? "png" : "jpg");
      write_image(path, c, n);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  mkdir(argv[1], 0777);
  write_part(argv[1], "train", atoi(argv[2]));
  write_part(argv[1], "test", atoi(argv[3]));
  return 0;
}
