#include "core/text.h"

#include <stdint.h>
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
