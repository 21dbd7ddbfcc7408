#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/json.h"

struct csa_file_writer {
  FILE *stream;
  char *path, *temporary;
};

static csa_status read_all(int descriptor, const char *path, uint8_t *data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = read(descriptor, data + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return csa_fail(CSA_INPUT, "file: %s: %s", path, got < 0 ? strerror(errno) : "it shrank while it was read");
    done += (size_t)got;
  }
  return CSA_OK;
}

static csa_status read_file(const char *path, uint64_t limit, bool own, uint8_t **data, size_t *size) {
  struct stat info;
  uint8_t *bytes = NULL;
  csa_status status;
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
  if (descriptor < 0) return csa_fail(CSA_INPUT, "file: %s: %s", path, strerror(errno));
  if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    status = csa_fail(CSA_INPUT, "file: %s: not a regular file", path);
    goto done;
  }
  if ((uint64_t)info.st_size > limit) {
    status = csa_fail(CSA_INPUT, "file: %s: %lld bytes, more than the %llu that make sense", path,
                      (long long)info.st_size, (unsigned long long)limit);
    goto done;
  }
  if (own && info.st_uid != geteuid()) { /* of what was opened, whatever the name leads to by now */
    status = csa_fail(CSA_INPUT, "file: %s: it belongs to another user", path);
    goto done;
  }
  CSA_GO(csa_new(&bytes, (size_t)info.st_size + 1, 1));
  CSA_GO(read_all(descriptor, path, bytes, (size_t)info.st_size));
  *data = bytes;
  *size = (size_t)info.st_size;
  bytes = NULL;
done:
  free(bytes);
  close(descriptor);
  return status;
}

csa_status csa_file_read(const char *path, uint64_t limit, uint8_t **data, size_t *size) {
  return read_file(path, limit, false, data, size);
}

csa_status csa_file_read_own(const char *path, uint64_t limit, uint8_t **data, size_t *size) {
  return read_file(path, limit, true, data, size);
}

static csa_status output_failed(const csa_file_writer *writer) {
  return csa_fail(CSA_OUTPUT, "file: %s: %s", writer->path,
                  errno != 0 ? strerror(errno) : "not all of it could be written: is the disk full?");
}

/* mkstemp makes files private, where a result is as readable as any file that the user makes; and the umask, which says
 * how readable, cannot be asked for without being changed for all threads. */
static int make_temporary(char *path) {
  char *end = path + strlen(path) - 6; /* XXXXXX */
  for (int tries = 0; tries < 1000; tries++) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t number = (uint32_t)now.tv_nsec ^ (uint32_t)getpid() << 15 ^ (uint32_t)tries;
    for (int i = 0; i < 6; i++, number /= 32) end[i] = "abcdefghijklmnopqrstuvwxyz234567"[number % 32];
    const int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

csa_status csa_file_begin(csa_file_writer **out, const char *path) {
  csa_file_writer *writer = NULL;
  csa_status status;
  int descriptor;
  *out = NULL;
  CSA_GO(csa_new(&writer, 1, sizeof *writer));
  CSA_GO(csa_copy_text(&writer->path, path));
  CSA_GO(csa_new(&writer->temporary, strlen(path) + 16, 1));
  sprintf(writer->temporary, "%s.XXXXXX", path);
  descriptor = make_temporary(writer->temporary);
  if (descriptor < 0) {
    status = output_failed(writer);
    writer->temporary[0] = '\0';
    goto done;
  }
  writer->stream = fdopen(descriptor, "wb");
  if (writer->stream == NULL) {
    status = output_failed(writer);
    close(descriptor);
    goto done;
  }
  *out = writer;
  writer = NULL;
done:
  csa_file_drop(writer);
  return status;
}

FILE *csa_file_stream(csa_file_writer *writer) { return writer->stream; }

/* The rename is safe only when the folder, too, is on the disk. */
static void flush_folder(const char *path) {
  char *folder = NULL;
  if (csa_copy_text(&folder, path) != CSA_OK) return;
  char *slash = strrchr(folder, '/');
  if (slash != NULL) slash[slash == folder ? 1 : 0] = '\0';
  const int descriptor = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    fsync(descriptor); /* some file systems cannot; the file itself is flushed */
    close(descriptor);
  }
  free(folder);
}

csa_status csa_file_end(csa_file_writer *writer) {
  csa_status status = csa_json_check();
  errno = 0; /* why an earlier write failed is not known any more */
  if (status == CSA_OK && (ferror(writer->stream) || fflush(writer->stream) != 0 || fsync(fileno(writer->stream)) != 0))
    status = output_failed(writer);
  if (fclose(writer->stream) != 0 && status == CSA_OK) status = output_failed(writer);
  writer->stream = NULL;
  if (status == CSA_OK && rename(writer->temporary, writer->path) != 0) status = output_failed(writer);
  if (status == CSA_OK) {
    writer->temporary[0] = '\0'; /* it has its name now */
    flush_folder(writer->path);
  }
  csa_file_drop(writer);
  return status;
}

void csa_file_drop(csa_file_writer *writer) {
  if (writer == NULL) return;
  if (writer->stream != NULL) fclose(writer->stream);
  if (writer->temporary != NULL && writer->temporary[0] != '\0') unlink(writer->temporary);
  free(writer->temporary);
  free(writer->path);
  free(writer);
}

csa_status csa_file_close(csa_file_writer *writer, csa_status content) {
  if (content == CSA_OK) return csa_file_end(writer);
  csa_file_drop(writer);
  return content;
}

void csa_file_sweep(const char *folder, const char *name) {
  const size_t length = strlen(name);
  DIR *entries = opendir(folder);
  if (entries == NULL) return;
  for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries)) {
    const char *rest = e->d_name + length;
    if (strncmp(e->d_name, name, length) != 0 || rest[0] != '.' || strlen(rest) != strlen(".XXXXXX")) continue;
    unlinkat(dirfd(entries), e->d_name, 0);
  }
  closedir(entries);
}

csa_status csa_file_replace(const char *path, const void *data, size_t size) {
  csa_file_writer *writer;
  CSA_TRY(csa_file_begin(&writer, path));
  if (fwrite(data, 1, size, csa_file_stream(writer)) != size) {
    const csa_status status = output_failed(writer);
    csa_file_drop(writer);
    return status;
  }
  return csa_file_end(writer);
}

csa_status csa_folder_rename(const char *from, const char *to) {
  if (rename(from, to) != 0) return csa_fail(CSA_OUTPUT, "folder: %s: %s", to, strerror(errno));
  flush_folder(to);
  return CSA_OK;
}

csa_status csa_folder_make(const char *path, unsigned mode) {
  char *parts = NULL;
  csa_status status = CSA_OK;
  CSA_TRY(csa_copy_text(&parts, path));
  for (char *at = parts + 1; status == CSA_OK && at[-1] != '\0'; at++) {
    if (*at != '/' && *at != '\0') continue;
    const char kept = *at;
    *at = '\0';
    struct stat info;
    if (mkdir(parts, (mode_t)mode) != 0 && (errno != EEXIST || stat(parts, &info) != 0 || !S_ISDIR(info.st_mode)))
      status =
          csa_fail(CSA_OUTPUT, "folder: %s: %s", parts, errno == EEXIST ? "a file, not a folder" : strerror(errno));
    *at = kept;
    if (kept == '\0') break;
  }
  free(parts);
  return status;
}

csa_status csa_folder_private(const char *path) {
  struct stat info;
  CSA_TRY(csa_folder_make(path, 0700));
  if (stat(path, &info) != 0) return csa_fail(CSA_OUTPUT, "folder: %s: %s", path, strerror(errno));
  if (info.st_uid != geteuid()) return csa_fail(CSA_OUTPUT, "folder: %s: it belongs to another user", path);
  if ((info.st_mode & 022) == 0) return CSA_OK;
  return csa_fail(CSA_OUTPUT, "folder: %s: others can write to it, until chmod go-w", path);
}

csa_status csa_scratch_make(char path[CSA_SCRATCH]) {
  const char *base = getenv("TMPDIR");
  if (base == NULL || base[0] == '\0') base = "/tmp";
  if (snprintf(path, CSA_SCRATCH, "%s/clsattn-XXXXXX", base) < CSA_SCRATCH && mkdtemp(path) != NULL) return CSA_OK;
  path[0] = '\0';
  return csa_fail(CSA_OUTPUT, "folder: %s/clsattn-XXXXXX: %s\n  TMPDIR names another place", base, strerror(errno));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

void csa_folder_remove(const char *path) {
  if (path[0] != '\0') nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
