/* One photograph or drawing: a PNG or JPEG file into bytes, and bytes into the size that a model takes. */
#ifndef CSA_DATA_IMAGE_H
#define CSA_DATA_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

#define CSA_IMAGE_PIXELS_MAX (1 << 26) /* of one file; what claims more is refused before anything is allocated */

typedef struct {
  uint8_t *pixels; /* [3, height, width]: red, green, blue; 0 .. 255 */
  int height, width;
} csa_image;

/* Decodes a PNG or JPEG file (known by its content, whatever its name), of any colour type and depth, in its own size,
 * turned and mirrored as its EXIF orientation says. Grey is repeated in the three channels, what is transparent lies on
 * white, CMYK becomes RGB. A file that is damaged, cut off, too large or no image is CSA_INPUT with name and reason;
 * where images are not built in, CSA_USAGE. After a failure the image is all zero. */
csa_status csa_image_read(csa_image *image, const char *path);

/* Releases the pixels; accepts an image that is all zero. */
void csa_image_fini(csa_image *image);

/* Whether a file begins as PNG and JPEG files do. */
bool csa_image_is(const char *path);

/* The image in side x side pixels, into out [3, side, side]: each is the mean of the area that it covers, in both
 * directions, larger and smaller alike. Width and height are scaled apart, as torchvision's Resize((side, side)) does:
 * nothing is cut off, and what is not square is squeezed. Whole numbers throughout: the same bytes on every machine. */
csa_status csa_image_resize(const csa_image *image, int side, uint8_t *out);

#endif
