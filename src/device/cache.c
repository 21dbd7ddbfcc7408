#include "device/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/file.h"
#include "core/log.h"

#define BINARY_MAX ((uint64_t)1 << 30)

/* An entry: this header, then the binary. */
typedef struct {
  char magic[8];
  XXH128_canonical_t checksum;
} entry_header;

static const char entry_magic[8] = {'c', 's', 'a', 'p', 'r', 'o', 'g', '1'};

void csa_cache_key(char key[33], const csa_device_info *info, const char *source, const char *options) {
  const char *parts[] = {source, options, info->platform, info->device, info->version, info->driver};
  XXH128_canonical_t digest = {{0}};
  XXH3_state_t *state = XXH3_createState();
  if (state != NULL) {
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
      XXH3_128bits_update(state, parts[i], strlen(parts[i]) + 1); /* the NUL keeps parts apart */
    XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(state));
    XXH3_freeState(state);
  }
  for (int i = 0; i < 16; i++) snprintf(key + 2 * i, 3, "%02x", digest.digest[i]);
}

static csa_status no_folder(const char *why) {
  return csa_fail(CSA_OUTPUT,
                  "cache: no folder that only you can write to, so nothing is kept; set XDG_CACHE_HOME to one: %s",
                  why);
}

csa_status csa_cache_folder(char folder[CSA_CACHE_FOLDER]) {
  char why[CSA_CACHE_FOLDER + 200];
  folder[0] = '\0';
  const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (base != NULL && base[0] == '/')
    snprintf(folder, CSA_CACHE_FOLDER, "%s/clsattn", base);
  else if (home != NULL && home[0] == '/')
    snprintf(folder, CSA_CACHE_FOLDER, "%s/.cache/clsattn", home);
  else
    return no_folder("neither it nor HOME names one");
  if (csa_folder_private(folder) == CSA_OK) return CSA_OK;
  snprintf(why, sizeof why, "%s", csa_last_error());
  return no_folder(why);
}

static bool entry_path(const char *key, char path[600]) {
  static char told[CSA_CACHE_FOLDER] = "nothing yet"; /* one line for each folder, not for each program */
  char folder[CSA_CACHE_FOLDER];
  if (csa_cache_folder(folder) == CSA_OK) {
    snprintf(path, 600, "%s/%s.bin", folder, key);
    return true;
  }
  if (strcmp(told, folder) != 0) csa_log("%s", csa_last_error());
  memcpy(told, folder, sizeof told);
  return false;
}

static XXH128_canonical_t checksum(const uint8_t *data, size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
  return canonical;
}

bool csa_cache_has(const char *key) {
  char path[600];
  return entry_path(key, path) && access(path, R_OK) == 0;
}

bool csa_cache_load(const char *key, uint8_t **binary, size_t *size) {
  char path[600];
  if (!entry_path(key, path) || access(path, R_OK) != 0) return false;
  uint8_t *data = NULL;
  size_t length = 0;
  if (csa_file_read_own(path, BINARY_MAX, &data, &length) != CSA_OK) {
    csa_log("cache: %s; it is built again", csa_last_error());
    return false;
  }
  entry_header header;
  bool good = length > sizeof header;
  if (good) {
    memcpy(&header, data, sizeof header);
    const XXH128_canonical_t sum = checksum(data + sizeof header, length - sizeof header);
    good =
        memcmp(header.magic, entry_magic, sizeof entry_magic) == 0 && memcmp(&header.checksum, &sum, sizeof sum) == 0;
  }
  if (!good) {
    csa_log("cache: %s is damaged and is built again", path);
    free(data);
    return false;
  }
  *size = length - sizeof header;
  memmove(data, data + sizeof header, *size);
  *binary = data;
  return true;
}

void csa_cache_store(const char *key, const uint8_t *binary, size_t size) {
  char path[600];
  if (!entry_path(key, path)) return;
  entry_header header;
  memcpy(header.magic, entry_magic, sizeof header.magic);
  header.checksum = checksum(binary, size);
  csa_file_writer *writer = NULL;
  if (csa_file_begin(&writer, path) != CSA_OK) goto failed;
  if (fwrite(&header, sizeof header, 1, csa_file_stream(writer)) != 1 ||
      fwrite(binary, 1, size, csa_file_stream(writer)) != size) {
    csa_file_drop(writer);
    goto failed;
  }
  if (csa_file_end(writer) == CSA_OK) return;
failed:
  csa_log("cache: %s: %s", path, csa_last_error());
}

#define HOLD_MOST 120 /* seconds: a process may be stopped while it holds an entry */

/* One file for all entries: each has a byte of its own to lock, by its key, and a lock ends with its process. */
int csa_cache_hold(const char *key) {
  char path[CSA_CACHE_FOLDER + 8], folder[CSA_CACHE_FOLDER];
  const struct timespec pause = {.tv_nsec = 10000000};
  struct flock entry = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  if (csa_cache_folder(folder) != CSA_OK) return -1;
  snprintf(path, sizeof path, "%s/.lock", folder);
  const int held = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (held < 0) return -1;
  char digits[8];
  snprintf(digits, sizeof digits, "%.7s", key);
  entry.l_start = (off_t)strtol(digits, NULL, 16);
  for (int pauses = 0; fcntl(held, F_SETLK, &entry) != 0; pauses++) {
    const bool taken = errno == EACCES || errno == EAGAIN;
    if (taken && pauses < HOLD_MOST * 100) {
      nanosleep(&pause, NULL);
      continue;
    }
    if (taken) csa_log("cache: another process has held %s.bin for %d seconds; it is made here too", key, HOLD_MOST);
    close(held);
    return -1;
  }
  return held;
}

void csa_cache_release(int held) {
  if (held >= 0) close(held);
}

#define NOTE_MOST 64 /* bytes; a program takes more */

/* KEY.bin, or KEY.bin.XXXXXX before it is whole. */
static bool is_entry(const char *name, bool *whole) {
  const size_t digits = strspn(name, "0123456789abcdef"), length = strlen(name);
  *whole = length == 36;
  return digits == 32 && strncmp(name + digits, ".bin", 4) == 0 && (*whole || (length == 43 && name[36] == '.'));
}

csa_status csa_cache_look(const char *folder, bool clear, csa_cache_contents *c) {
  char path[CSA_CACHE_FOLDER + 64];
  struct stat info;
  csa_status status = CSA_OK;
  memset(c, 0, sizeof *c);
  DIR *open = opendir(folder);
  if (open == NULL) return csa_fail(CSA_INPUT, "cache: %s: %s", folder, strerror(errno));
  for (const struct dirent *entry; status == CSA_OK && (entry = readdir(open)) != NULL;) {
    bool whole;
    if (!is_entry(entry->d_name, &whole)) continue;
    snprintf(path, sizeof path, "%s/%.50s", folder, entry->d_name);
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
    c->bytes += (uint64_t)info.st_size;
    if (whole) *(info.st_size <= NOTE_MOST ? &c->notes : &c->programs) += 1;
    if (clear && unlink(path) != 0 && errno != ENOENT)
      status = csa_fail(CSA_OUTPUT, "cache: %s: %s", path, strerror(errno));
  }
  closedir(open);
  return status;
}
