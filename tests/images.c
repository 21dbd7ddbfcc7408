#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

/* The smallest EXIF block: one directory with one entry, 0x0112. Returns its size. */
static size_t make_exif(uint8_t out[32], int orientation, bool big_endian) {
  static const uint8_t little[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3,
                                   0,   1,   0,  0, 0, 0, 0, 0, 0, 0, 0,    0,    0};
  static const uint8_t big[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0,
                                3,   0,   0, 0,  1, 0, 0, 0, 0, 0, 0,    0,    0};
  memcpy(out, big_endian ? big : little, sizeof little);
  out[big_endian ? 19 : 18] = (uint8_t)orientation;
  return sizeof little;
}

void test_write_png(const char *path, const test_png *p, const uint8_t *rows) {
  static const int channels[] = {[PNG_COLOR_TYPE_GRAY] = 1,
                                 [PNG_COLOR_TYPE_RGB] = 3,
                                 [PNG_COLOR_TYPE_PALETTE] = 1,
                                 [PNG_COLOR_TYPE_GRAY_ALPHA] = 2,
                                 [PNG_COLOR_TYPE_RGB_ALPHA] = 4};
  const size_t row_bytes = ((size_t)p->width * (size_t)(channels[p->color] * p->depth) + 7) / 8;
  png_struct *png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL); /* a failure aborts the test */
  png_info *info = png_create_info_struct(png);
  FILE *file = fopen(path, "wb");
  uint8_t exif[32];
  png_init_io(png, file);
  png_set_IHDR(png, info, (uint32_t)p->width, (uint32_t)p->height, p->depth, p->color,
               p->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (p->palette != NULL) png_set_PLTE(png, info, (const png_color *)p->palette, 16);
  if (p->palette != NULL && p->see_thru != NULL) png_set_tRNS(png, info, p->see_thru, 16, NULL);
  if (p->palette == NULL && p->see_thru != NULL)
    png_set_tRNS(png, info, NULL, 1, &(png_color_16){.gray = p->see_thru[0]});
  if (p->orientation > 0) png_set_eXIf_1(png, info, (uint32_t)make_exif(exif, p->orientation, false), exif);
  png_bytep *lines = malloc((size_t)p->height * sizeof *lines);
  for (int y = 0; y < p->height; y++) lines[y] = (png_bytep)rows + (size_t)y * row_bytes;
  png_set_rows(png, info, lines);
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
  png_destroy_write_struct(&png, &info);
  free(lines);
  fclose(file);
}

/* A progressive script: the means, then each other coefficient, first without its last bit. */
static void make_scans(struct jpeg_compress_struct *j, jpeg_scan_info scans[127]) {
  for (int i = 0; i < 127; i++) {
    const int coefficient = (i + 62) % 63 + 1;
    scans[i] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = coefficient, .Se = coefficient, .Ah = i > 63, .Al = i <= 63};
  }
  scans[0] = (jpeg_scan_info){.comps_in_scan = 1};
  j->scan_info = scans;
  j->num_scans = 127;
}

void test_write_jpeg(const char *path, const test_jpeg *p, const uint8_t *rows) {
  static const J_COLOR_SPACE spaces[] = {[1] = JCS_GRAYSCALE, [3] = JCS_RGB, [4] = JCS_CMYK};
  struct jpeg_compress_struct j = {0};
  struct jpeg_error_mgr errors; /* the library's own: exits */
  FILE *file = fopen(path, "wb");
  j.err = jpeg_std_error(&errors);
  jpeg_create_compress(&j);
  jpeg_stdio_dest(&j, file);
  j.image_width = (unsigned)p->width;
  j.image_height = (unsigned)p->height;
  j.input_components = p->channels;
  j.in_color_space = spaces[p->channels];
  jpeg_set_defaults(&j);
  jpeg_set_quality(&j, 100, TRUE);
  for (int c = 0; c < j.num_components; c++) j.comp_info[c].h_samp_factor = j.comp_info[c].v_samp_factor = 1;
  if (p->progressive) jpeg_simple_progression(&j);
  jpeg_scan_info scans[127];
  if (p->scans) make_scans(&j, scans);
  if (p->no_adobe) j.write_Adobe_marker = FALSE;
  jpeg_start_compress(&j, TRUE);
  if (p->orientation > 0) {
    uint8_t block[40] = "Exif\0";
    const size_t size = make_exif(block + 6, p->orientation, p->big_endian);
    jpeg_write_marker(&j, JPEG_APP0 + 1, block, (unsigned)size + 6);
  }
  for (int y = 0; y < p->height; y++) {
    JSAMPROW row = (JSAMPROW)rows + (size_t)y * (size_t)(p->width * p->channels);
    jpeg_write_scanlines(&j, &row, 1);
  }
  jpeg_finish_compress(&j);
  jpeg_destroy_compress(&j);
  fclose(file);
}
