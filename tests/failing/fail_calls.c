/* Preloaded (LD_PRELOAD=libfail_calls.so), it fails one of the calls that the program itself or jansson, which it asks
 * for all its JSON, makes of the C library: drivers are not ours to try.
 *
 * $CLSATTN_FAIL_CALL says which: "memory:3" the third allocation, "write:3" the third write to a file (half of it is
 * written), "sync:3", "rename:3", "open:3" a file that cannot be made; "write:3+" and all after it, as on a full disk.
 * At exit a line on stderr tells whether it was reached, and if not, how many of each there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY, WRITE, SYNC, RENAME, OPEN, KINDS };
static const char *const names[KINDS] = {"memory", "write", "sync", "rename", "open"};

#define STREAMS 64

static struct { uintptr_t first, end; } ours[2];
static int ours_count;
static atomic_ulong seen[KINDS];
static int wanted = -1;
static unsigned long at;
static bool stays;
static atomic_bool reached;
static struct {
  FILE *stream;
  int descriptor;
} streams[STREAMS];

#define NEXT(name, ...)                    \
  static __typeof__(name) *next;           \
  if (next == NULL) {                      \
    void *found = dlsym(RTLD_NEXT, #name); \
    memcpy(&next, &found, sizeof next);    \
  }

static int find_ours(struct dl_phdr_info *info, size_t size, void *user) {
  (void)size, (void)user;
  const bool program = info->dlpi_name[0] == '\0' && ours_count == 0;
  if ((!program && strstr(info->dlpi_name, "libjansson") == NULL) || ours_count == 2) return 0;
  ours[ours_count].first = UINTPTR_MAX;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD) continue;
    const uintptr_t first = info->dlpi_addr + part->p_vaddr;
    if (first < ours[ours_count].first) ours[ours_count].first = first;
    if (first + part->p_memsz > ours[ours_count].end) ours[ours_count].end = first + part->p_memsz;
  }
  ours_count++;
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("CLSATTN_FAIL_CALL");
  char name[16] = "", more[2] = "";
  if (text != NULL && sscanf(text, "%15[^:]:%lu%1[+]", name, &at, more) >= 2)
    for (int i = 0; i < KINDS; i++)
      if (strcmp(names[i], name) == 0) wanted = i;
  stays = more[0] == '+';
  dl_iterate_phdr(find_ours, NULL);
}

__attribute__((destructor)) static void report(void) {
  if (atomic_load(&reached)) {
    fprintf(stderr, "fail_calls: reached\n");
    return;
  }
  fprintf(stderr, "fail_calls: not reached");
  for (int i = 0; i < KINDS; i++) fprintf(stderr, " %s:%lu", names[i], atomic_load(&seen[i]));
  fprintf(stderr, "\n");
}

static bool is_ours(const void *caller) {
  const uintptr_t place = (uintptr_t)caller;
  for (int i = 0; i < ours_count; i++)
    if (place >= ours[i].first && place < ours[i].end) return true;
  return false;
}

static bool fails(int kind) {
  const unsigned long number = atomic_fetch_add(&seen[kind], 1) + 1;
  if (kind != wanted || number < at || (number > at && !stays)) return false;
  atomic_store(&reached, true);
  return true;
}

#define MEMORY_FAILS (is_ours(__builtin_return_address(0)) && fails(MEMORY))

void *malloc(size_t size) {
  NEXT(malloc)
  if (!MEMORY_FAILS) return next(size);
  errno = ENOMEM;
  return NULL;
}

void *calloc(size_t count, size_t size) {
  NEXT(calloc)
  if (!MEMORY_FAILS) return next(count, size);
  errno = ENOMEM;
  return NULL;
}

void *realloc(void *memory, size_t size) {
  NEXT(realloc)
  if (!MEMORY_FAILS) return next(memory, size);
  errno = ENOMEM;
  return NULL;
}

FILE *open_memstream(char **text, size_t *size) {
  NEXT(open_memstream)
  if (!MEMORY_FAILS) return next(text, size);
  errno = ENOMEM;
  return NULL;
}

int fsync(int descriptor) {
  NEXT(fsync)
  if (!is_ours(__builtin_return_address(0)) || !fails(SYNC)) return next(descriptor);
  errno = EIO;
  return -1;
}

int rename(const char *from, const char *to) {
  NEXT(rename)
  if (!is_ours(__builtin_return_address(0)) || !fails(RENAME)) return next(from, to);
  errno = EIO;
  return -1;
}

int mkstemp(char *name) {
  NEXT(mkstemp)
  if (!is_ours(__builtin_return_address(0)) || !fails(OPEN)) return next(name);
  errno = ENOSPC;
  return -1;
}

/* The C library's own writes cannot be replaced from outside, so streams to files are given our own. */
static ssize_t stream_write(void *cookie, const char *data, size_t size) {
  const int descriptor = (int)(intptr_t)cookie;
  const bool fault = fails(WRITE);
  const size_t all = fault ? size / 2 : size;
  size_t done = 0;
  while (done < all) {
    const ssize_t wrote = write(descriptor, data + done, all - done);
    if (wrote < 0 && errno != EINTR) return 0;
    if (wrote > 0) done += (size_t)wrote;
  }
  if (fault) errno = ENOSPC;
  return fault ? 0 : (ssize_t)size;
}

static ssize_t stream_read(void *cookie, char *data, size_t size) { return read((int)(intptr_t)cookie, data, size); }

static int stream_seek(void *cookie, off64_t *offset, int whence) {
  *offset = lseek64((int)(intptr_t)cookie, *offset, whence);
  return *offset < 0 ? -1 : 0;
}

static int stream_close(void *cookie) {
  for (int i = 0; i < STREAMS; i++)
    if (streams[i].stream != NULL && streams[i].descriptor == (int)(intptr_t)cookie) streams[i].stream = NULL;
  return close((int)(intptr_t)cookie);
}

static FILE *open_stream(int descriptor, const char *mode) {
  FILE *stream = fopencookie((void *)(intptr_t)descriptor, mode,
                             (cookie_io_functions_t){stream_read, stream_write, stream_seek, stream_close});
  for (int i = 0; i < STREAMS; i++)
    if (streams[i].stream == NULL) {
      streams[i].stream = stream;
      streams[i].descriptor = descriptor;
      return stream;
    }
  abort();
}

FILE *fdopen(int descriptor, const char *mode) {
  NEXT(fdopen)
  return is_ours(__builtin_return_address(0)) && mode[0] != 'r' ? open_stream(descriptor, mode)
                                                                : next(descriptor, mode);
}

FILE *fopen(const char *path, const char *mode) {
  NEXT(fopen)
  if (!is_ours(__builtin_return_address(0)) || mode[0] == 'r') return next(path, mode);
  const bool fault = fails(OPEN);
  const int how = O_CREAT | (strchr(mode, '+') != NULL ? O_RDWR : O_WRONLY) | (mode[0] == 'a' ? O_APPEND : O_TRUNC);
  const int descriptor = fault ? -1 : open(path, how, 0666);
  if (fault) errno = ENOSPC;
  return descriptor < 0 ? NULL : open_stream(descriptor, mode);
}

int fileno(FILE *stream) {
  NEXT(fileno)
  for (int i = 0; i < STREAMS; i++)
    if (stream != NULL && streams[i].stream == stream) return streams[i].descriptor;
  return next(stream);
}
