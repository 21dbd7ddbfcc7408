/* Colours for numbers from 0 to 1: from nearly black over violet, red and orange to a pale yellow. */
#ifndef CSA_REPORT_HEAT_H
#define CSA_REPORT_HEAT_H

#include <stdint.h>

/* The colour of `share`, sRGB; below 0 as 0, above 1 as 1. */
void csa_heat_colour(double share, uint8_t rgb[3]);

/* A pixel of an image [channels, plane] under its heat: the colour of `share`, and the image in grey for the rest. A
 * share below 0: the pixel as it is. */
#define CSA_HEAT_OVER_IMAGE 0.7 /* how much of it is heat */
void csa_heat_over(const uint8_t *image, int channels, int plane, int pixel, double share, uint8_t rgb[3]);

#endif
