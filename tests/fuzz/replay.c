/* A target without a fuzzer: `fuzz_NAME FOLDER` gives it every file of the folder, and of each the same changes in
 * every run. Finds little that a fuzzer would not, but in a second, and with any compiler. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "fuzz/fuzz.h"

#define ROUNDS 40 /* of each kind of change, of each file */
#define CUTS 48
#define MORE 4096 /* bytes that a change adds at most */

static uint64_t drawn;

static size_t draw(size_t below) {
  drawn = drawn * 6364136223846793005u + 1442695040888963407u;
  return below > 0 ? (size_t)(drawn >> 33) % below : 0;
}

static void run(const uint8_t *data, size_t size) {
  uint8_t *exact = malloc(size > 0 ? size : 1); /* so that ASan sees its end */
  if (exact == NULL) abort();
  memcpy(exact, data, size);
  (void)LLVMFuzzerTestOneInput(exact, size);
  free(exact);
}

static size_t flip(uint8_t *data, size_t size) {
  for (size_t i = 1 + draw(3); i > 0 && size > 0; i--) data[draw(size)] ^= (uint8_t)(1u << draw(8));
  return size;
}

/* A number of 1, 2, 4 or 8 bytes, of either order, that a size may be mistaken for. */
static size_t number(uint8_t *data, size_t size) {
  static const uint64_t values[] = {0,          1,          0x7f,        0xff,      0xffff,
                                    0x7fffffff, 0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX};
  const size_t bytes = (size_t)1 << draw(4);
  const uint64_t value = values[draw(sizeof values / sizeof values[0])];
  const bool little = draw(2) == 0;
  if (size < bytes) return size;
  uint8_t *at = data + draw(size - bytes + 1);
  for (size_t i = 0; i < bytes; i++) at[little ? i : bytes - 1 - i] = (uint8_t)(value >> (8 * i));
  return size;
}

/* A piece of text in place of another, of any length. */
static size_t word(uint8_t *data, size_t size) {
  static const char *const words[] = {
      "4294967296", "9223372036854775807", "-1", "1e999", "\"", "[[[[[[[[", "null", "{}", "\\u0000", "\x1b[2J", "\xff",
      "../"};
  const char *text = words[draw(sizeof words / sizeof words[0])];
  const size_t at = draw(size + 1), length = strlen(text), gone = draw(size - at < 4 ? size - at + 1 : 4);
  memmove(data + at + length, data + at + gone, size - at - gone);
  memcpy(data + at, text, length);
  return size - gone + length;
}

static size_t drop(uint8_t *data, size_t size) {
  const size_t at = draw(size), gone = draw(size - at + 1);
  memmove(data + at, data + at + gone, size - at - gone);
  return size - gone;
}

static size_t twice(uint8_t *data, size_t size) {
  const size_t at = draw(size), rest = size - at, length = draw(rest < MORE ? rest + 1 : MORE);
  memmove(data + at + length, data + at, rest);
  return size + length;
}

static void replay(const uint8_t *data, size_t size) {
  static size_t (*const changes[])(uint8_t *, size_t) = {flip, number, word, drop, twice};
  uint8_t *changed = malloc(size + MORE);
  if (changed == NULL) abort();
  run(data, size);
  for (size_t i = 0; i < CUTS; i++) run(data, size < CUTS ? i * size / CUTS : i < 16 ? i : i * size / CUTS);
  for (size_t kind = 0; kind < sizeof changes / sizeof changes[0]; kind++)
    for (int i = 0; i < ROUNDS; i++) {
      memcpy(changed, data, size);
      run(changed, changes[kind](changed, size));
    }
  free(changed);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int is_shown(const struct dirent *e) { return e->d_name[0] != '.'; }

int main(int argc, char **argv) {
  struct dirent **names = NULL;
  const int count = argc == 2 ? scandir(argv[1], &names, is_shown, by_name) : -1;
  for (int i = 0; i < count; i++) {
    char path[4096];
    uint8_t *data = NULL;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
    free(names[i]);
    if (csa_file_read(path, 1 << 20, &data, &size) != CSA_OK) {
      fprintf(stderr, "%s\n", csa_last_error());
      return 1;
    }
    drawn = (uint64_t)i;
    replay(data, size);
    free(data);
  }
  free(names);
  printf("%d files\n", count);
  return count > 0 ? 0 : 1;
}
