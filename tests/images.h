/* Image files as tests want them: of every colour type, with an orientation, and damaged. */
#ifndef CSA_TESTS_IMAGES_H
#define CSA_TESTS_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int width, height;
  int color, depth; /* png.h's colour type, bits a channel */
  bool interlaced;
  int orientation;         /* of an eXIf chunk; 0: none */
  const uint8_t *palette;  /* [16, 3], or NULL */
  const uint8_t *see_thru; /* [16]: the palette's alphas; or, without a palette, [2]: the grey that is transparent */
} test_png;

/* `rows` are as PNG packs them. */
void test_write_png(const char *path, const test_png *png, const uint8_t *rows);

typedef struct {
  int width, height, channels; /* 1, 3 or 4 */
  int orientation;             /* of an EXIF block; 0: none */
  bool big_endian;             /* the EXIF block */
  bool progressive, no_adobe;
  bool scans; /* 127 of them, each with a bit of a coefficient; takes one channel */
} test_jpeg;

/* `rows` are [height, width, channels]. Best quality, no subsampling: a flat area comes back within 2. */
void test_write_jpeg(const char *path, const test_jpeg *jpeg, const uint8_t *rows);

#endif
