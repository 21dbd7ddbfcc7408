/* Resizing by areas. Let a line of n pixels be n * side units long: a source pixel covers `side` of them, a new one n.
 * The overlaps are whole numbers, and so are the sums; one division with rounding ends it. */
#include <stdlib.h>
#include <string.h>

#include "data/image.h"

static int64_t overlap(int64_t source, int64_t target, int64_t n, int64_t side) {
  const int64_t from = source * side > target * n ? source * side : target * n;
  const int64_t to = (source + 1) * side < (target + 1) * n ? (source + 1) * side : (target + 1) * n;
  return to - from;
}

/* sums[i]: the pixels of a line of n under new pixel i, each times its overlap. */
static void sum_line(const uint8_t *line, int n, int side, int64_t *sums) {
  for (int i = 0; i < side; i++) {
    const int64_t first = (int64_t)i * n / side, last = ((int64_t)(i + 1) * n - 1) / side;
    sums[i] = line[first] * overlap(first, i, n, side);
    if (last == first) continue;
    int64_t between = 0;
    for (int64_t x = first + 1; x < last; x++) between += line[x];
    sums[i] += between * side + line[last] * overlap(last, i, n, side);
  }
}

/* `scratch` has room for 2 * side sums: of the line that was summed last, and of the new row. */
static void resize_plane(const uint8_t *plane, int height, int width, int side, int64_t *scratch, uint8_t *out) {
  int64_t *line = scratch, *row = scratch + side, summed = -1;
  const int64_t area = (int64_t)height * width;
  for (int i = 0; i < side; i++) {
    const int64_t first = (int64_t)i * height / side, last = ((int64_t)(i + 1) * height - 1) / side;
    memset(row, 0, (size_t)side * sizeof *row);
    for (int64_t y = first; y <= last; y++) {
      const int64_t weight = overlap(y, i, height, side);
      if (y != summed) sum_line(plane + y * width, width, side, line);
      summed = y;
      for (int x = 0; x < side; x++) row[x] += weight * line[x];
    }
    for (int x = 0; x < side; x++)
      out[(size_t)i * (size_t)side + (size_t)x] = (uint8_t)((2 * row[x] + area) / (2 * area));
  }
}

csa_status csa_image_resize(const csa_image *image, int side, uint8_t *out) {
  const size_t from = (size_t)image->height * (size_t)image->width, to = (size_t)side * (size_t)side;
  int64_t *scratch;
  CSA_TRY(csa_new(&scratch, 2 * (size_t)side, sizeof *scratch));
  for (size_t c = 0; c < 3; c++)
    resize_plane(image->pixels + c * from, image->height, image->width, side, scratch, out + c * to);
  free(scratch);
  return CSA_OK;
}
