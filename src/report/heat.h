/* Colours for numbers from 0 to 1: from nearly black over violet, red and orange to a pale yellow. */
#ifndef CSA_REPORT_HEAT_H
#define CSA_REPORT_HEAT_H

#include <stdint.h>

/* The colour of `share`, sRGB; below 0 as 0, above 1 as 1. */
void csa_heat_colour(double share, uint8_t rgb[3]);

#endif
