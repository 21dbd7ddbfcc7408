#include "data/augment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "NAME" or "NAME=N" in the `length` bytes at text. */
static bool take(const char *text, size_t length, const char *name, int usual, int *pixels) {
  const size_t size = strlen(name);
  if (length < size || strncmp(text, name, size) != 0) return false;
  *pixels = usual;
  if (length == size) return true;
  char *end;
  const long value =
      text[size] == '=' && text[size + 1] >= '0' && text[size + 1] <= '9' ? strtol(text + size + 1, &end, 10) : 0;
  if (value < 1 || value > CSA_AUGMENT_PIXELS || end != text + length) return false;
  *pixels = (int)value;
  return true;
}

static bool take_word(const char *text, size_t length, csa_augment *a) {
  if (length == 4 && strncmp(text, "flip", 4) == 0) return a->flip = true;
  return take(text, length, "crop", 4, &a->crop) || take(text, length, "cutout", 8, &a->cutout);
}

bool csa_augment_parse(const char *text, csa_augment *augment) {
  csa_augment a = {0};
  for (const char *word = text; strcmp(text, "none") != 0;) {
    const size_t length = strcspn(word, ",");
    if (!take_word(word, length, &a)) return false;
    if (word[length] == '\0') break;
    word += length + 1;
  }
  *augment = a;
  return true;
}

const char *csa_augment_text(const csa_augment *a, char text[CSA_AUGMENT_TEXT]) {
  char crop[20] = "", cutout[20] = "";
  if (a->crop > 0) snprintf(crop, sizeof crop, ",crop=%d", a->crop);
  if (a->cutout > 0) snprintf(cutout, sizeof cutout, ",cutout=%d", a->cutout);
  snprintf(text, CSA_AUGMENT_TEXT, "%s%s%s", a->flip ? ",flip" : "", crop, cutout);
  if (text[0] == '\0') snprintf(text, CSA_AUGMENT_TEXT, ",none");
  memmove(text, text + 1, strlen(text));
  return text;
}

/* A number from 0 to count - 1 from 16 random bits. */
static int below(uint32_t bits, int count) { return (int)((bits * (uint32_t)count) >> 16); }

csa_augment_draw csa_augment_of(const csa_augment *a, uint64_t seed, uint32_t step, int index, int height, int width) {
  const csa_rng rng = {seed, CSA_RNG_AUGMENT, step};
  uint32_t draw[4];
  csa_rng_block(&rng, (uint64_t)index, draw);
  return (csa_augment_draw){.flip = a->flip && draw[0] >> 31 != 0,
                            .down = below(draw[1] & 0xffff, 2 * a->crop + 1) - a->crop,
                            .right = below(draw[1] >> 16, 2 * a->crop + 1) - a->crop,
                            .hole_y = below(draw[2] & 0xffff, height),
                            .hole_x = below(draw[2] >> 16, width)};
}
