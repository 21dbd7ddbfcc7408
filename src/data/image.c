/* PNG by libpng's simple interface, JPEG by libjpeg, orientation by libexif: from the file's bytes in memory to rows of
 * pixels as they are stored, and from there to planes as they are to be seen. */
#include "data/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t png_mark[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
static const uint8_t jpeg_mark[] = {0xff, 0xd8, 0xff};

static bool is_png(const uint8_t *data, size_t size) {
  return size >= sizeof png_mark && memcmp(data, png_mark, sizeof png_mark) == 0;
}

static bool is_jpeg(const uint8_t *data, size_t size) {
  return size >= sizeof jpeg_mark && memcmp(data, jpeg_mark, sizeof jpeg_mark) == 0;
}

bool csa_image_is(const char *path) {
  uint8_t start[8];
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  const size_t size = fread(start, 1, sizeof start, file);
  fclose(file);
  return is_png(start, size) || is_jpeg(start, size);
}

void csa_image_fini(csa_image *image) {
  free(image->pixels);
  *image = (csa_image){0};
}

#ifdef CSA_HAVE_IMAGES

#include <jpeglib.h> /* needs stdio.h before it */

#include <jerror.h>
#include <libexif/exif-data.h>
#include <png.h>
#include <setjmp.h>

#include "core/file.h"

#define FILE_MAX ((uint64_t)1 << 29) /* bytes */
#define SCANS_MAX 100                /* of a JPEG; programs write about 10, and each goes over the whole image */

/* An image as it is stored: rows of red, green, blue and, where `channels` is 4, alpha. */
typedef struct {
  const char *path;
  const uint8_t *data; /* of the file */
  size_t size;
  uint8_t *rows; /* [height, width, channels] */
  int height, width, channels;
} stored;

static csa_status damaged(const stored *s, const char *why) {
  return csa_fail(CSA_INPUT, "image: %s: %s", s->path, why);
}

static csa_status make_rows(stored *s, uint32_t height, uint32_t width, int channels) {
  const uint64_t pixels = (uint64_t)height * width;
  if (pixels == 0 || pixels > CSA_IMAGE_PIXELS_MAX)
    return csa_fail(CSA_INPUT, "image: %s: %u x %u pixels; 1 to %d together can be read\n  make it smaller first",
                    s->path, width, height, CSA_IMAGE_PIXELS_MAX);
  s->height = (int)height;
  s->width = (int)width;
  s->channels = channels;
  return csa_new(&s->rows, pixels, (size_t)channels);
}

/* Whether a PNG has the whole chunk that begins at `at`, and how long its content is. */
static bool chunk_at(const stored *s, size_t at, size_t *length) {
  if (at + 12 > s->size) return false;
  const uint8_t *chunk = s->data + at;
  *length = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3];
  return *length <= s->size - at - 12;
}

/* libpng allocates what a chunk claims before it reads it. */
static csa_status check_chunks(const stored *s) {
  size_t at = sizeof png_mark, length;
  for (; chunk_at(s, at, &length); at += 12 + length)
    if (memcmp(s->data + at + 4, "IEND", 4) == 0) return CSA_OK;
  return at + 12 > s->size ? CSA_OK : damaged(s, "a part of it claims more bytes than the file has");
}

static csa_status decode_png(stored *s) {
  png_image png = {.version = PNG_IMAGE_VERSION};
  csa_status status;
  CSA_GO(check_chunks(s));
  if (!png_image_begin_read_from_memory(&png, s->data, s->size)) {
    status = damaged(s, png.message);
    goto done;
  }
  png.format = PNG_FORMAT_RGBA;
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* 16 bits are as bright as 8 are, not proportional to the light */
  CSA_GO(make_rows(s, png.height, png.width, 4));
  if (!png_image_finish_read(&png, NULL, s->rows, 0, NULL)) status = damaged(s, png.message);
done:
  png_image_free(&png);
  return status;
}

/* libjpeg leaves a failure by a jump: back into read_jpeg or start_jpeg, whichever set the mark last. What they change
 * lies behind a pointer, so that it is known after the jump. */
typedef struct {
  struct jpeg_decompress_struct state;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  char why[JMSG_LENGTH_MAX];
} jpeg;

static void leave(j_common_ptr state) {
  jpeg *j = state->client_data;
  state->err->format_message(state, j->why);
  longjmp(j->failed, 1);
}

/* What libjpeg calls a warning is an image with a part that was made up, but for three. */
static void warn(j_common_ptr state, int level) {
  const int code = state->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM) leave(state);
}

static void count_scans(j_common_ptr state) {
  jpeg *j = state->client_data;
  if (j->state.input_scan_number <= SCANS_MAX) return;
  snprintf(j->why, sizeof j->why, "more than %d scans", SCANS_MAX);
  longjmp(j->failed, 1);
}

static bool start_jpeg(jpeg *j, const stored *s) {
  if (setjmp(j->failed) != 0) return false;
  jpeg_create_decompress(&j->state);
  j->state.progress = &j->progress;
  jpeg_mem_src(&j->state, s->data, s->size);
  jpeg_read_header(&j->state, TRUE);
  const J_COLOR_SPACE space = j->state.jpeg_color_space;
  j->state.out_color_space = space == JCS_CMYK || space == JCS_YCCK ? JCS_CMYK : JCS_RGB;
  jpeg_calc_output_dimensions(&j->state);
  return true;
}

static bool read_jpeg(jpeg *j, stored *s) {
  if (setjmp(j->failed) != 0) return false;
  jpeg_start_decompress(&j->state);
  while (j->state.output_scanline < j->state.output_height) {
    JSAMPROW row = s->rows + (size_t)j->state.output_scanline * (size_t)s->width * (size_t)s->channels;
    jpeg_read_scanlines(&j->state, &row, 1);
  }
  return true;
}

/* Ink into light, in place; Adobe's programs store the ink that is left out. */
static void print_cmyk(stored *s, bool inverted) {
  const uint8_t turn = inverted ? 0 : 255;
  for (uint8_t *p = s->rows, *end = p + (size_t)s->height * (size_t)s->width * 4; p < end; p += 4) {
    for (int c = 0; c < 3; c++) p[c] = (uint8_t)(((p[c] ^ turn) * (p[3] ^ turn) + 127) / 255);
    p[3] = 255;
  }
}

static csa_status decode_jpeg(stored *s) {
  csa_status status;
  jpeg *j;
  CSA_TRY(csa_new(&j, 1, sizeof *j));
  j->state.err = jpeg_std_error(&j->errors);
  j->state.client_data = j;
  j->errors.error_exit = leave;
  j->errors.emit_message = warn;
  j->progress.progress_monitor = count_scans;
  if (!start_jpeg(j, s)) {
    status = damaged(s, j->why);
    goto done;
  }
  CSA_GO(make_rows(s, j->state.output_height, j->state.output_width, j->state.out_color_components));
  if (!read_jpeg(j, s)) {
    status = damaged(s, j->why);
    goto done;
  }
  if (s->channels == 4) print_cmyk(s, j->state.saw_Adobe_marker);
done:
  jpeg_destroy_decompress(&j->state); /* never fails */
  free(j);
  return status;
}

/* The EXIF block of a PNG, which libexif does not find by itself: chunk eXIf, as libexif wants it, or NULL. */
static uint8_t *find_png_exif(const stored *s, size_t *size) {
  static const char head[] = "Exif\0"; /* and one more NUL */
  size_t length;
  for (size_t at = sizeof png_mark; chunk_at(s, at, &length); at += 12 + length) {
    if (memcmp(s->data + at + 4, "eXIf", 4) != 0) continue;
    uint8_t *exif = malloc(sizeof head + length);
    if (exif == NULL) return NULL;
    memcpy(exif, head, sizeof head);
    memcpy(exif + sizeof head, s->data + at + 8, length);
    *size = sizeof head + length;
    return exif;
  }
  return NULL;
}

/* 1 .. 8; 1, as it is stored, where there is none or it makes no sense. */
static int orientation(const stored *s) {
  int found = 1;
  size_t size = s->size;
  uint8_t *copy = is_png(s->data, s->size) ? find_png_exif(s, &size) : NULL;
  if (is_png(s->data, s->size) && copy == NULL) return 1;
  ExifData *exif = exif_data_new_from_data(copy != NULL ? copy : s->data, (unsigned)size);
  free(copy);
  if (exif == NULL) return 1;
  const ExifEntry *entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry != NULL && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
    found = exif_get_short(entry->data, exif_data_get_byte_order(exif));
  exif_data_unref(exif);
  return found >= 1 && found <= 8 ? found : 1;
}

/* Orientations 5 to 8 change rows and columns; which of them begin at the end follows from the pictures in the standard
 * (CIPA DC-008, Orientation). */
static csa_status to_planes(csa_image *image, const stored *s, int turned) {
  const bool swap = turned >= 5, from_right = turned == 2 || turned == 3 || turned >= 7,
             from_below = turned == 3 || turned == 4 || turned == 6 || turned == 7;
  const int height = s->height, width = s->width;
  const size_t plane = (size_t)height * (size_t)width;
  CSA_TRY(csa_new(&image->pixels, plane, 3));
  image->height = swap ? width : height;
  image->width = swap ? height : width;
  const uint8_t *from = s->rows;
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++, from += s->channels) {
      const int row = from_below ? height - 1 - y : y, column = from_right ? width - 1 - x : x;
      uint8_t *to = image->pixels + (swap ? (size_t)column * (size_t)height + (size_t)row
                                          : (size_t)row * (size_t)width + (size_t)column);
      const int alpha = s->channels == 4 ? from[3] : 255;
      for (size_t c = 0; c < 3; c++) to[c * plane] = (uint8_t)((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return CSA_OK;
}

csa_status csa_image_read(csa_image *image, const char *path) {
  stored s = {.path = path};
  uint8_t *data = NULL;
  csa_status status;
  *image = (csa_image){0};
  CSA_GO(csa_file_read(path, FILE_MAX, &data, &s.size));
  s.data = data;
  if (is_png(s.data, s.size))
    CSA_GO(decode_png(&s));
  else if (is_jpeg(s.data, s.size))
    CSA_GO(decode_jpeg(&s));
  else
    CSA_GO(damaged(&s, s.size == 0 ? "the file is empty" : "neither a PNG nor a JPEG image"));
  status = to_planes(image, &s, orientation(&s));
done:
  free(s.rows);
  free(data);
  return status;
}

#else

csa_status csa_image_read(csa_image *image, const char *path) {
  *image = (csa_image){0};
  return csa_fail(
      CSA_USAGE,
      "image: %s: reading images is not built in\n"
      "  apt-get install libpng-dev libjpeg62-turbo-dev libexif-dev, then configure and build clsattn again",
      path);
}

#endif
