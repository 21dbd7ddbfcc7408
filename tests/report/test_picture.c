/* Images within a page: what stands behind the address is a BMP file with their pixels, bottom row first, blue first.
 */
#include "testing.h"

#include "report/heat.h"
#include "report/picture.h"

static const char *printed(const csa_picture *picture, const char *alternative) {
  static char text[4096];
  FILE *out = fmemopen(text, sizeof text, "w");
  assert_non_null(out);
  csa_picture_print(out, picture, alternative);
  fclose(out);
  return text;
}

/* The bytes that the address holds. */
static int decoded(const char *text, uint8_t *bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = strstr(text, "base64,");
  int count = 0, bits = 0;
  unsigned all = 0;
  assert_non_null(at);
  for (at += strlen("base64,"); *at != '"' && *at != '='; at++) {
    assert_non_null(strchr(digits, *at));
    all = all << 6 | (unsigned)(strchr(digits, *at) - digits);
    bits += 6;
    if (bits >= 8) bytes[count++] = (uint8_t)(all >> (bits -= 8));
  }
  return count;
}

/* 3 x 2: a row of nine bytes takes three more. */
static void test_colours(void **state) {
  (void)state;
  static const uint8_t image[] = {1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26};
  static const uint8_t pixels[] = {24, 14, 4, 25, 15, 5, 26, 16, 6, 0, 0, 0, 21, 11, 1, 22, 12, 2, 23, 13, 3, 0, 0, 0};
  uint8_t bytes[256] = {0};
  const csa_picture picture = {image, 3, 2, 3, NULL};
  const char *text = printed(&picture, "<a>");
  assert_non_null(strstr(text, "width=\"3\" height=\"2\" alt=\"&lt;a&gt;\" src=\"data:image/bmp;base64,"));
  assert_int_equal(decoded(text, bytes), 54 + 24);
  assert_memory_equal(bytes, "BM\x4e\0\0\0", 6);
  assert_memory_equal(bytes + 18, "\3\0\0\0\2\0\0\0\1\0\x18\0", 12);
  assert_memory_equal(bytes + 54, pixels, sizeof pixels);
}

/* One channel is grey; under heat, the largest has the colour of 1, whatever its number. */
static void test_grey_and_heat(void **state) {
  (void)state;
  static const uint8_t image[] = {10, 200};
  static const double heat[] = {0.0, 0.25};
  uint8_t bytes[256] = {0}, cold[3] = {0}, hot[3] = {0};
  const csa_picture plain = {image, 1, 1, 2, NULL}, warm = {image, 1, 1, 2, heat};
  assert_int_equal(decoded(printed(&plain, ""), bytes), 54 + 8);
  assert_memory_equal(bytes + 54, "\x0a\x0a\x0a\xc8\xc8\xc8\0\0", 8);
  csa_heat_over(image, 1, 2, 0, 0.0, cold);
  csa_heat_over(image, 1, 2, 1, 1.0, hot);
  decoded(printed(&warm, ""), bytes);
  for (int c = 0; c < 3; c++) {
    assert_int_equal(bytes[54 + c], cold[2 - c]);
    assert_int_equal(bytes[57 + c], hot[2 - c]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_colours), cmocka_unit_test(test_grey_and_heat)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
