/* The format is BMP, which every browser shows and which is no more than the pixels behind a header: no library is
 * needed, and images of this size would hardly become smaller. */
#include "report/picture.h"

#include <math.h>
#include <string.h>

#include "report/heat.h"
#include "report/html.h"

#define HEADER 54

/* Bytes that leave as base64: three at a time. */
typedef struct {
  FILE *out;
  uint8_t bytes[3];
  int count;
} base64;

static void flush(base64 *to) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned all = (unsigned)to->bytes[0] << 16 | (unsigned)to->bytes[1] << 8 | to->bytes[2];
  if (to->count == 0) return;
  for (int i = 0; i < 4; i++) fputc(i <= to->count ? digits[all >> (18 - 6 * i) & 63] : '=', to->out);
  memset(to->bytes, 0, sizeof to->bytes);
  to->count = 0;
}

static void put(base64 *to, const uint8_t *bytes, int count) {
  for (int i = 0; i < count; i++) {
    to->bytes[to->count++] = bytes[i];
    if (to->count == 3) flush(to);
  }
}

static void put_number(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static void put_header(base64 *to, int width, int height, uint32_t bytes) {
  uint8_t header[HEADER] = {'B', 'M', [26] = 1, [28] = 24}; /* one plane, 24 bits a pixel */
  put_number(header + 2, HEADER + bytes);
  put_number(header + 10, HEADER);
  put_number(header + 14, 40);
  put_number(header + 18, (uint32_t)width);
  put_number(header + 22, (uint32_t)height);
  put_number(header + 34, bytes);
  put(to, header, HEADER);
}

/* Rows from the bottom up, each of a multiple of four bytes; blue comes first. */
static void put_pixels(base64 *to, const csa_picture *p, int padding) {
  static const uint8_t zeros[4] = {0};
  double largest = 0.0;
  for (int i = 0; i < p->height * p->width && p->heat != NULL; i++) largest = fmax(largest, p->heat[i]);
  for (int y = p->height - 1; y >= 0; y--) {
    for (int x = 0; x < p->width; x++) {
      const int pixel = y * p->width + x;
      const double share = p->heat == NULL ? -1.0 : largest > 0.0 ? p->heat[pixel] / largest : 0.0;
      uint8_t rgb[3];
      csa_heat_over(p->image, p->channels, p->height * p->width, pixel, share, rgb);
      put(to, (const uint8_t[]){rgb[2], rgb[1], rgb[0]}, 3);
    }
    put(to, zeros, padding);
  }
}

void csa_picture_print(FILE *out, const csa_picture *p, const char *alternative) {
  base64 to = {.out = out};
  const int padding = (4 - 3 * p->width % 4) % 4;
  fprintf(out, "<img width=\"%d\" height=\"%d\" alt=\"", p->width, p->height);
  csa_html_text(out, alternative);
  fprintf(out, "\" src=\"data:image/bmp;base64,");
  put_header(&to, p->width, p->height, (uint32_t)(3 * p->width + padding) * (uint32_t)p->height);
  put_pixels(&to, p, padding);
  flush(&to);
  fprintf(out, "\">");
}
