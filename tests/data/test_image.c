/* PNG and JPEG files of every kind, upright and turned, whole and damaged; and resizing, against a plain reference. */
#include "data/image.h"

#include <math.h>
#include <png.h>
#include <sys/stat.h>
#include <zlib.h>

#include "images.h"
#include "testing.h"

static csa_image read_image(const char *path) {
  csa_image image;
  assert_ok(csa_image_read(&image, path));
  return image;
}

static void assert_pixel(const csa_image *image, int y, int x, const int rgb[3], int tolerance) {
  for (int c = 0; c < 3; c++) {
    const int found = image->pixels[(c * image->height + y) * image->width + x];
    if (abs(found - rgb[c]) > tolerance) fail_msg("row %d, column %d, channel %d: %d, not %d", y, x, c, found, rgb[c]);
  }
}

#define PAIR(type, bits) .width = 2, .height = 1, .color = PNG_COLOR_TYPE_##type, .depth = (bits)

/* Two pixels side by side, in every way that a PNG stores them. */
static void test_png_types(void **state) {
  (void)state;
  static const uint8_t palette[48] = {10, 20, 30, 200, 100, 50}, alphas[16] = {255, 51}, one[2] = {1};
  static const struct {
    const char *name;
    test_png png;
    uint8_t rows[16];
    int left[3], right[3];
  } cases[] = {
      {"grey 1", {PAIR(GRAY, 1)}, {0x40}, {0, 0, 0}, {255, 255, 255}},
      {"grey 2", {PAIR(GRAY, 2)}, {0x60}, {85, 85, 85}, {170, 170, 170}},
      {"grey 4", {PAIR(GRAY, 4)}, {0x1e}, {17, 17, 17}, {238, 238, 238}},
      {"grey 8", {PAIR(GRAY, 8)}, {7, 250}, {7, 7, 7}, {250, 250, 250}},
      {"grey 16", {PAIR(GRAY, 16)}, {7, 7, 0x80, 0xff}, {7, 7, 7}, {128, 128, 128}},
      {"grey, one of them clear", {PAIR(GRAY, 8), .see_thru = one}, {1, 2}, {255, 255, 255}, {2, 2, 2}},
      {"grey and alpha", {PAIR(GRAY_ALPHA, 8)}, {100, 255, 100, 51}, {100, 100, 100}, {224, 224, 224}},
      {"grey and alpha 16",
       {PAIR(GRAY_ALPHA, 16)},
       {100, 100, 255, 255, 100, 100, 51, 51},
       {100, 100, 100},
       {224, 224, 224}},
      {"palette 8", {PAIR(PALETTE, 8), .palette = palette}, {0, 1}, {10, 20, 30}, {200, 100, 50}},
      {"palette 4", {PAIR(PALETTE, 4), .palette = palette}, {0x10}, {200, 100, 50}, {10, 20, 30}},
      {"palette with alpha",
       {PAIR(PALETTE, 8), .palette = palette, .see_thru = alphas},
       {0, 1},
       {10, 20, 30},
       {244, 224, 214}},
      {"RGB", {PAIR(RGB, 8)}, {1, 2, 3, 253, 254, 255}, {1, 2, 3}, {253, 254, 255}},
      {"RGB 16", {PAIR(RGB, 16)}, {1, 1, 2, 2, 3, 3, 253, 253, 254, 254, 255, 255}, {1, 2, 3}, {253, 254, 255}},
      {"RGBA", {PAIR(RGB_ALPHA, 8)}, {9, 8, 7, 0, 0, 100, 200, 51}, {255, 255, 255}, {204, 224, 244}},
      {"RGBA 16",
       {PAIR(RGB_ALPHA, 16)},
       {9, 9, 8, 8, 7, 7, 0, 0, 0, 0, 100, 100, 200, 200, 51, 51},
       {255, 255, 255},
       {204, 224, 244}}};
  const char *path = test_path(test_folder(), "image");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    test_write_png(path, &cases[i].png, cases[i].rows);
    csa_image image = read_image(path);
    print_message("%s\n", cases[i].name);
    assert_int_equal(image.width, 2);
    assert_int_equal(image.height, 1);
    assert_pixel(&image, 0, 0, cases[i].left, cases[i].png.depth == 16 ? 1 : 0);
    assert_pixel(&image, 0, 1, cases[i].right, cases[i].png.depth == 16 ? 1 : 0);
    csa_image_fini(&image);
  }
}

static void test_interlaced(void **state) {
  (void)state;
  enum { W = 37, H = 23 };
  static uint8_t rows[H * W * 3];
  for (int i = 0; i < H * W * 3; i++) rows[i] = (uint8_t)(i * 7 % 251);
  const char *path = test_path(test_folder(), "image");
  test_write_png(path, &(test_png){W, H, PNG_COLOR_TYPE_RGB, 8, .interlaced = true}, rows);
  csa_image image = read_image(path);
  assert_int_equal(image.width, W);
  assert_int_equal(image.height, H);
  for (int i = 0; i < H * W; i++)
    assert_pixel(&image, i / W, i % W, (const int[]){rows[3 * i], rows[3 * i + 1], rows[3 * i + 2]}, 0);
  csa_image_fini(&image);
}

static void test_jpeg_types(void **state) {
  (void)state;
  static const struct {
    const char *name;
    test_jpeg jpeg;
    uint8_t color[4];
    int rgb[3];
  } cases[] = {
      {"grey", {.width = 20, .height = 10, .channels = 1}, {90}, {90, 90, 90}},
      {"RGB", {.width = 20, .height = 10, .channels = 3}, {200, 100, 50}, {200, 100, 50}},
      {"RGB, progressive",
       {.width = 20, .height = 10, .channels = 3, .progressive = true},
       {10, 250, 30},
       {10, 250, 30}},
      {"CMYK as Adobe has it", {.width = 20, .height = 10, .channels = 4}, {200, 100, 50, 204}, {160, 80, 40}},
      {"CMYK", {.width = 20, .height = 10, .channels = 4, .no_adobe = true}, {55, 155, 205, 51}, {160, 80, 40}}};
  const char *path = test_path(test_folder(), "image");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t rows[20 * 10 * 4];
    for (size_t b = 0; b < sizeof rows; b++) rows[b] = cases[i].color[b % (size_t)cases[i].jpeg.channels];
    test_write_jpeg(path, &cases[i].jpeg, rows);
    csa_image image = read_image(path);
    print_message("%s\n", cases[i].name);
    assert_int_equal(image.width, 20);
    assert_int_equal(image.height, 10);
    for (int p = 0; p < 200; p++) assert_pixel(&image, p / 20, p % 20, cases[i].rgb, 3);
    csa_image_fini(&image);
  }
}

/* Squares of 16 pixels, A B C over D E F as they are stored, and how they are to be seen. */
static void test_orientations(void **state) {
  (void)state;
  enum { SIDE = 16, W = 3 * SIDE, H = 2 * SIDE };
  static const char *const seen[] = {"ABC DEF",  "ABC DEF",  "CBA FED",  "FED CBA",  "DEF ABC",
                                     "AD BE CF", "DA EB FC", "FC EB DA", "CF BE AD", "ABC DEF"};
  static uint8_t rows[H * W * 3];
  const char *path = test_path(test_folder(), "image");
  for (int i = 0; i < H * W; i++) {
    const int square = i / W / SIDE * 3 + i % W / SIDE;
    for (int c = 0; c < 3; c++) rows[3 * i + c] = (uint8_t)(20 + 40 * square + 5 * c);
  }
  for (int o = 0; o <= 9; o++) { /* 0: none; 9 makes no sense */
    for (int kind = 0; kind < 3; kind++) {
      if (kind == 0)
        test_write_png(path, &(test_png){W, H, PNG_COLOR_TYPE_RGB, 8, .orientation = o}, rows);
      else
        test_write_jpeg(path, &(test_jpeg){W, H, 3, .orientation = o, .big_endian = kind == 2}, rows);
      csa_image image = read_image(path);
      const int wide = (int)strcspn(seen[o], " ");
      assert_int_equal(image.width, wide * SIDE);
      assert_int_equal(image.height, 6 / wide * SIDE);
      for (int s = 0; s < 6; s++) {
        const int v = 20 + 40 * (seen[o][s / wide * (wide + 1) + s % wide] - 'A');
        assert_pixel(&image, s / wide * SIDE + 5, s % wide * SIDE + 5, (const int[]){v, v + 5, v + 10}, 2 * (kind > 0));
      }
      csa_image_fini(&image);
    }
  }
}

static size_t read_bytes(const char *path, uint8_t *bytes, size_t room) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  const size_t size = fread(bytes, 1, room, file);
  assert_true(size < room);
  fclose(file);
  return size;
}

static void assert_refused(const char *path, const char *text) {
  csa_image image;
  assert_fails(CSA_INPUT, text, csa_image_read(&image, path));
  assert_non_null(strstr(csa_last_error(), path));
  assert_null(image.pixels);
}

static uint8_t noise[64 * 64 * 3];

static void make_noise(void) {
  uint32_t x = 1;
  for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
}

static void write_noise(const char *path, int kind) {
  if (kind == 0) test_write_png(path, &(test_png){64, 64, PNG_COLOR_TYPE_RGB, 8, .orientation = 6}, noise);
  if (kind == 1) test_write_jpeg(path, &(test_jpeg){64, 64, 3, .orientation = 6}, noise);
  if (kind == 2) test_write_jpeg(path, &(test_jpeg){64, 64, 3, .progressive = true}, noise);
}

static void test_cut_off(void **state) {
  (void)state;
  static uint8_t bytes[1 << 16];
  const char *path = test_path(test_folder(), "cut");
  make_noise();
  for (int kind = 0; kind < 3; kind++) {
    write_noise(path, kind);
    const size_t size = read_bytes(path, bytes, sizeof bytes);
    for (size_t keep = 0; keep < size - 20; keep += keep < 300 ? 1 : 397) {
      test_write(path, bytes, keep);
      assert_refused(path, "cut: ");
    }
  }
}

/* A byte that was changed is found by PNG's checksums wherever it is in the pixels. */
static void test_changed_byte(void **state) {
  (void)state;
  static uint8_t bytes[1 << 16];
  const char *path = test_path(test_folder(), "changed");
  make_noise();
  write_noise(path, 0);
  const size_t size = read_bytes(path, bytes, sizeof bytes);
  for (size_t at = 200; at < size - 12; at += 499) {
    bytes[at] ^= 4;
    test_write(path, bytes, size);
    assert_refused(path, "changed: ");
    bytes[at] ^= 4;
  }
}

/* Whatever is in a file: it is refused or read, and no memory is touched that is not there (the sanitizers look). */
static void test_hostile(void **state) {
  (void)state;
  static uint8_t bytes[1 << 16], damaged[1 << 16];
  const char *path = test_path(test_folder(), "hostile");
  uint32_t x = 7;
  make_noise();
  for (int kind = 0; kind < 3; kind++) {
    write_noise(path, kind);
    const size_t size = read_bytes(path, bytes, sizeof bytes);
    for (int turn = 0; turn < 300; turn++) {
      csa_image image;
      memcpy(damaged, bytes, size);
      for (int n = 0; n < 3; n++) {
        x = x * 1664525 + 1013904223;
        damaged[(x >> 8) % (turn % 2 == 0 ? 300 : size)] = (uint8_t)(x >> 24);
      }
      test_write(path, damaged, size);
      const csa_status status = csa_image_read(&image, path);
      assert_true(status == CSA_OK || status == CSA_INPUT);
      csa_image_fini(&image);
    }
  }
}

/* Sizes that headers claim are refused before memory is asked for. */
static void test_claims(void **state) {
  (void)state;
  static uint8_t bytes[1 << 16];
  const char *path = test_path(test_folder(), "claims");
  make_noise();
  write_noise(path, 1);
  size_t size = read_bytes(path, bytes, sizeof bytes);
  size_t at = 0;
  while (bytes[at] != 0xff || bytes[at + 1] != 0xc0) at++;
  memcpy(bytes + at + 5, "\xff\xdc\xff\xdc", 4);
  test_write(path, bytes, size);
  assert_refused(path, "65500 x 65500 pixels");
  /* a PNG of 8193 x 8192, of which there is nothing but the header: with its checksum */
  static const uint8_t header[] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I',  'H',  'D',  'R', 0,
                                   0,    32,  1,   0,   0,  32, 0,  8,  2, 0, 0, 0,  0x00, 0x00, 0x00, 0x00};
  memcpy(bytes, header, sizeof header);
  const uint32_t sum = (uint32_t)crc32(0, header + 12, 17);
  for (int i = 0; i < 4; i++) bytes[29 + i] = (uint8_t)(sum >> (24 - 8 * i));
  size = sizeof header;
  memcpy(bytes + size, "\0\0\0\0IDAT\x35\xaf\x06\x1e", 12);
  test_write(path, bytes, size + 12);
  assert_refused(path, "8193 x 8192 pixels");
}

/* Of libpng's and libjpeg's, what a few bytes may cost: room for a chunk that is not there, hundreds of scans. */
static void test_costs(void **state) {
  (void)state;
  static uint8_t bytes[1 << 16];
  const char *path = test_path(test_folder(), "costs");
  make_noise();
  write_noise(path, 0);
  const size_t size = read_bytes(path, bytes, sizeof bytes);
  memcpy(bytes + 33,
         "\x7f\xff\xff\xff"
         "eXIf",
         8); /* the first chunk after the header */
  test_write(path, bytes, size);
  assert_refused(path, "a part of it claims more bytes than the file has");
  test_write_jpeg(path, &(test_jpeg){64, 64, 1, .scans = true}, noise);
  assert_refused(path, "more than 100 scans");
}

static void test_not_images(void **state) {
  (void)state;
  const char *folder = test_folder(), *text = test_path(folder, "text.png"), *empty = test_path(folder, "empty.jpg");
  test_write(text, "this is no image\n", 17);
  test_write(empty, "", 0);
  assert_refused(text, "neither a PNG nor a JPEG image");
  assert_refused(empty, "the file is empty");
  assert_refused(test_path(folder, "gone.png"), "No such file");
  assert_refused(folder, "not a regular file");
  assert_int_equal(mkfifo(test_path(folder, "pipe.png"), 0600), 0);
  assert_refused(test_path(folder, "pipe.png"), "not a regular file");
  assert_false(csa_image_is(text));
  assert_false(csa_image_is(empty));
  assert_false(csa_image_is(folder));
  write_noise(text, 1);
  assert_true(csa_image_is(text));
  write_noise(empty, 0);
  assert_true(csa_image_is(empty));
}

/* How much of [a, b] is in [c, d]. */
static double common(double a, double b, double c, double d) { return fmax(0.0, fmin(b, d) - fmax(a, c)); }

static void test_resize(void **state) {
  (void)state;
  static const int sizes[][3] = {{1, 1, 32},   {1000, 3, 32}, {3, 1000, 32}, {1, 50, 7},    {32, 32, 32}, {64, 32, 32},
                                 {33, 31, 32}, {5, 7, 32},    {7, 5, 1},     {100, 75, 24}, {2, 2, 3},    {17, 40, 16}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const int w = sizes[i][0], h = sizes[i][1], side = sizes[i][2];
    csa_image image = {malloc((size_t)(3 * w * h)), h, w};
    uint8_t *out = malloc((size_t)(3 * side * side));
    for (int b = 0; b < 3 * w * h; b++) image.pixels[b] = (uint8_t)((uint32_t)b * 2654435761u >> 13);
    assert_ok(csa_image_resize(&image, side, out));
    const double dx = (double)w / side, dy = (double)h / side;
    for (int n = 0; n < 3 * side * side; n++) {
      const int c = n / (side * side), v = n / side % side, u = n % side;
      double sum = 0.0;
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
          sum += image.pixels[(c * h + y) * w + x] * common(y, y + 1, v * dy, (v + 1) * dy) *
                 common(x, x + 1, u * dx, (u + 1) * dx);
      if (fabs(out[n] - sum / (dx * dy)) > 0.5 + 1e-6)
        fail_msg("%d x %d to %d: channel %d, row %d, column %d: %d, not %.3f", w, h, side, c, v, u, out[n],
                 sum / (dx * dy));
    }
    csa_image_fini(&image);
    free(out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_png_types),    cmocka_unit_test(test_interlaced), cmocka_unit_test(test_jpeg_types),
      cmocka_unit_test(test_orientations), cmocka_unit_test(test_cut_off),    cmocka_unit_test(test_changed_byte),
      cmocka_unit_test(test_hostile),      cmocka_unit_test(test_claims),     cmocka_unit_test(test_costs),
      cmocka_unit_test(test_not_images),   cmocka_unit_test(test_resize)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
