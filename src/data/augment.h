/* Augmentation of training images: each time an image is shown it is cropped, mirrored and partly hidden anew. It is
 * done on the device, as batches are put together (cl/gather.cl); here is what is drawn, and how it is said. */
#ifndef CSA_DATA_AUGMENT_H
#define CSA_DATA_AUGMENT_H

#include <stdbool.h>

#include "core/rng.h"

#define CSA_AUGMENT_TEXT 48

typedef struct {
  bool flip;  /* left and right are exchanged in half of the images */
  int crop;   /* pixels: the image is moved by up to so many each way, black coming in; 0: not */
  int cutout; /* pixels: a square of this side, somewhere, becomes grey (DeVries and Taylor 2017); 0: not */
} csa_augment;

/* "none", or some of "flip", "crop=N" (plain "crop": 4) and "cutout=N" (8) with commas between, N up to
 * CSA_AUGMENT_PIXELS; false for anything else, and *augment stays. */
#define CSA_AUGMENT_PIXELS 64
bool csa_augment_parse(const char *text, csa_augment *augment);

/* The same back, in full: `text`. */
const char *csa_augment_text(const csa_augment *augment, char text[CSA_AUGMENT_TEXT]);

/* What happens to one image: pixel (y, x) of the result is pixel (y + down, x + right) of the image, where flipped
 * (y + down, side - 1 - x + right); pixels outside are black. Then a square of `cutout` that starts at
 * (hole_y - cutout / 2, hole_x - cutout / 2) is grey, 0 after normalisation. */
typedef struct {
  bool flip;
  int down, right;
  int hole_y, hole_x;
} csa_augment_draw;

/* For the image at place `index` of the batch of step `step`, of height x width pixels. */
csa_augment_draw csa_augment_of(const csa_augment *augment, uint64_t seed, uint32_t step, int index, int height,
                                int width);

#endif
