/* Resizing by areas. Let a line of n pixels be n * side units long: a source pixel covers `side` of them, a new one n.
 * The overlaps are whole numbers, and so are the sums; one division with rounding ends it. */
#include <stdlib.h>
#include <string.h>

#include "data/image.h"

/* What lies under a new pixel: source pixels first .. last, of which those two in part. */
typedef struct {
  int64_t first, last;
  int64_t of_first, of_last; /* units; of_last is 0 where there is but one */
} span;

static void make_spans(span *spans, int64_t n, int64_t side) {
  for (int64_t i = 0; i < side; i++) {
    span *s = &spans[i];
    s->first = i * n / side;
    s->last = ((i + 1) * n - 1) / side;
    s->of_first = s->last == s->first ? n : (s->first + 1) * side - i * n;
    s->of_last = s->last == s->first ? 0 : (i + 1) * n - s->last * side;
  }
}

/* sums[i]: the pixels of a line under new pixel i, each times its overlap. */
static void sum_line(const uint8_t *line, const span *spans, int side, int64_t *sums) {
  for (int i = 0; i < side; i++) {
    const span *s = &spans[i];
    int64_t between = 0;
    for (int64_t x = s->first + 1; x < s->last; x++) between += line[x];
    sums[i] = line[s->first] * s->of_first + between * side + line[s->last] * s->of_last;
  }
}

typedef struct {
  span *rows, *columns; /* [side] */
  int64_t *line, *sums; /* [side]: of the source row that was summed last; of the new row */
} scratch;

static void resize_plane(const uint8_t *plane, int height, int width, int side, const scratch *t, uint8_t *out) {
  const int64_t area = (int64_t)height * width;
  int64_t summed = -1;
  for (int i = 0; i < side; i++) {
    const span *s = &t->rows[i];
    memset(t->sums, 0, (size_t)side * sizeof *t->sums);
    for (int64_t y = s->first; y <= s->last; y++) {
      const int64_t weight = y == s->first ? s->of_first : y == s->last ? s->of_last : side;
      if (y != summed) sum_line(plane + y * width, t->columns, side, t->line);
      summed = y;
      for (int x = 0; x < side; x++) t->sums[x] += weight * t->line[x];
    }
    for (int x = 0; x < side; x++) *out++ = (uint8_t)((2 * t->sums[x] + area) / (2 * area));
  }
}

csa_status csa_image_resize(const csa_image *image, int side, uint8_t *out) {
  const size_t count = (size_t)side, plane = (size_t)image->height * (size_t)image->width;
  scratch t = {0};
  csa_status status;
  CSA_GO(csa_new(&t.rows, 2 * count, sizeof *t.rows));
  CSA_GO(csa_new(&t.line, 2 * count, sizeof *t.line));
  t.columns = t.rows + count;
  t.sums = t.line + count;
  make_spans(t.rows, image->height, side);
  make_spans(t.columns, image->width, side);
  for (size_t c = 0; c < 3; c++)
    resize_plane(image->pixels + c * plane, image->height, image->width, side, &t, out + c * count * count);
done:
  free(t.rows);
  free(t.line);
  return status;
}
