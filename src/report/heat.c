/* Equal steps of a number are equal steps of lightness, to the eye and in a print without colours: a line in OKLCh
 * (Ottosson, "A perceptual color space for image processing", 2020) along which lightness rises evenly and the hue goes
 * once from blue to yellow. All of it can be shown in sRGB. */
#include "report/heat.h"

#include <math.h>

#define DARK 0.13 /* lightness at 0 and at 1 */
#define LIGHT 0.97
#define CHROMA 0.19 /* at most; less at the ends, where there is none to be had */

static uint8_t encode(double linear) {
  const double v = linear > 0.0031308 ? 1.055 * pow(linear, 1.0 / 2.4) - 0.055 : 12.92 * fmax(linear, 0.0);
  return (uint8_t)lround(255.0 * fmin(v, 1.0));
}

void csa_heat_colour(double share, uint8_t rgb[3]) {
  const double pi = acos(-1.0), at = fmin(fmax(share, 0.0), 1.0);
  const double lightness = DARK + (LIGHT - DARK) * at, hue = pi * (285.0 + 180.0 * at) / 180.0;
  const double chroma = CHROMA * sin(pi * (0.08 + 0.84 * at)), a = chroma * cos(hue), b = chroma * sin(hue);
  const double l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3.0);
  const double m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3.0);
  const double s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3.0);
  rgb[0] = encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  rgb[1] = encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  rgb[2] = encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
}

void csa_heat_over(const uint8_t *image, int channels, int plane, int pixel, double share, uint8_t rgb[3]) {
  for (int c = 0; c < 3; c++) rgb[c] = image[pixel + (channels == 3 ? c * plane : 0)];
  if (share < 0.0) return;
  const double grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  csa_heat_colour(share, rgb);
  for (int c = 0; c < 3; c++)
    rgb[c] = (uint8_t)lround(CSA_HEAT_OVER_IMAGE * rgb[c] + (1.0 - CSA_HEAT_OVER_IMAGE) * grey);
}
