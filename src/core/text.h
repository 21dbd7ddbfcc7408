/* Text from outside: names of files and classes may be any bytes. */
#ifndef CSA_CORE_TEXT_H
#define CSA_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the UTF-8 character that begins at `text`, a NUL being one; 0 if it is none: cut short, longer than need be,
 * a surrogate, or beyond U+10FFFF. */
int csa_text_character(const char *text);

/* `text` as UTF-8 into safe[size], which is returned: bytes that are none become U+FFFD, and what does not fit is left
 * out. */
const char *csa_text_utf8(const char *text, char *safe, size_t size);

/* Whether text[size], with a NUL behind it, is UTF-8 without control characters, which a terminal would obey. */
bool csa_text_is_plain(const char *text, size_t size);

/* Puts question marks in place of control characters, but for tabs and ends of lines. */
void csa_text_tame(char *text);

/* Which of several names `text` was meant as, which is none of them: begin with {.text = ...}, then try each name. */
#define CSA_MEANT 64
typedef struct {
  const char *text;
  size_t distance;           /* in letters, of the nearest name */
  char hint[CSA_MEANT + 32]; /* "; did you mean NAME?", or nothing where none is near */
} csa_meant;
void csa_meant_try(csa_meant *meant, const char *name);

#endif
