#include "core/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int csa_text_character(const char *text) {
  const unsigned char *s = (const unsigned char *)text;
  if (s[0] < 0x80) return 1;
  const int length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t code = s[0] & (0xFFu >> (length + 1));
  if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
  for (int i = 1; i < length; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0; /* a NUL, too */
    code = code << 6 | (s[i] & 0x3Fu);
  }
  return code < least[length] || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF ? 0 : length;
}

const char *csa_text_utf8(const char *text, char *safe, size_t size) {
  size_t used = 0;
  while (*text != '\0') {
    const int length = csa_text_character(text), written = length > 0 ? length : 3;
    if (used + (size_t)written >= size) break;
    memcpy(safe + used, length > 0 ? text : "\xEF\xBF\xBD", (size_t)written);
    used += (size_t)written;
    text += length > 0 ? length : 1;
  }
  safe[used] = '\0';
  return safe;
}

/* Bytes of the control character at `text`, or 0; of those that UTF-8 adds (U+0080 to U+009F), too. */
static int control(const char *text) {
  const unsigned char *s = (const unsigned char *)text;
  if (s[0] == 0xC2 && s[1] >= 0x80 && s[1] < 0xA0) return 2;
  return s[0] < ' ' || s[0] == 0x7F ? 1 : 0;
}

bool csa_text_is_plain(const char *text, size_t size) {
  for (size_t at = 0; at < size;) {
    const int length = csa_text_character(text + at);
    if (length == 0 || control(text + at) != 0) return false;
    at += (size_t)length;
  }
  return true;
}

void csa_text_tame(char *text) {
  for (; *text != '\0'; text++)
    if (*text != '\n' && *text != '\t') memset(text, '?', (size_t)control(text));
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Letters to be put in, left out, changed, or exchanged with the next (optimal string alignment). */
static size_t letters_between(const char *a, const char *b) {
  unsigned char d[CSA_MEANT][CSA_MEANT];
  const size_t rows = strlen(a), cols = strlen(b);
  for (size_t i = 0; i <= rows; i++)
    for (size_t j = 0; j <= cols; j++) {
      size_t n = i + j;
      if (i > 0 && j > 0) {
        n = least(d[i - 1][j - 1] + (size_t)(a[i - 1] != b[j - 1]), least(d[i - 1][j], d[i][j - 1]) + 1u);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) n = least(n, d[i - 2][j - 2] + 1u);
      }
      d[i][j] = (unsigned char)n;
    }
  return d[rows][cols];
}

void csa_meant_try(csa_meant *g, const char *name) {
  const size_t length = strlen(name), shorter = least(strlen(g->text), length);
  if (strlen(g->text) >= CSA_MEANT || length >= CSA_MEANT) return;
  const bool begins = shorter >= 4 && strncmp(g->text, name, shorter) == 0;
  const size_t distance = begins ? 1 : letters_between(g->text, name);
  if (distance > length / 3 || (g->hint[0] != '\0' && distance >= g->distance)) return;
  g->distance = distance;
  snprintf(g->hint, sizeof g->hint, "; did you mean %s?", name);
}
