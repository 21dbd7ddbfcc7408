/* Members of a tar archive, into memory: chosen by their base names, so that no path in it leads anywhere. libarchive
 * reads the tar; zlib, which checks the sum at the end of a .gz, feeds it. Nothing that a header claims is allocated
 * before as much has come. */
#include "data/source.h"

#ifdef CSA_HAVE_ARCHIVE

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define TOTAL_MAX ((int64_t)2 << 30) /* bytes of all members together; CIFAR-10 has 184 MB */
#define BLOCK 65536

typedef struct {
  const char *path;
  gzFile file;
  struct archive *tar;
  int64_t total;      /* bytes that the members so far claim */
  const char *last;   /* the member that was read last, or NULL */
  const char *broken; /* why the file could not be read to its end, or NULL */
  uint8_t block[BLOCK];
} input;

/* libarchive's next block; 0 at the end, less than 0 after an error. */
static la_ssize_t feed(struct archive *tar, void *user, const void **block) {
  input *in = user;
  int code;
  const int got = gzread(in->file, in->block, BLOCK);
  const char *why = gzerror(in->file, &code);
  *block = in->block;
  if (got > 0) return got;
  if (got == 0 && code == Z_OK) return 0;
  in->broken = code == Z_BUF_ERROR ? "the file ends too early" : why;
  archive_set_error(tar, EIO, "%s", in->broken);
  return -1;
}

/* Room for `more` bytes, which the member's claim allows. */
static csa_status grow(csa_member *m, int64_t claimed, int64_t more, int64_t *room) {
  if (more <= *room - m->size) return CSA_OK;
  int64_t next = 2 * *room > m->size + more ? 2 * *room : m->size + more;
  if (next > claimed) next = claimed;
  uint8_t *bytes = realloc(m->bytes, next > 0 ? (size_t)next : 1);
  if (bytes == NULL)
    return csa_fail(CSA_MEMORY, "data: %s: %lld bytes: the host has no more memory", m->label, (long long)next);
  m->bytes = bytes;
  *room = next;
  return CSA_OK;
}

/* Block by block, as a sparse file would have holes that cost nothing in the archive, but memory here. */
static csa_status read_member(const input *in, csa_member *m, int64_t claimed) {
  int64_t room = 0;
  while (m->size < claimed) {
    const void *block;
    size_t size;
    la_int64_t offset;
    const int code = archive_read_data_block(in->tar, &block, &size, &offset);
    if (code != ARCHIVE_OK)
      return csa_fail(CSA_INPUT, "data: %s: byte %lld: %s", m->label, (long long)m->size,
                      code == ARCHIVE_EOF ? "it ends too early" : archive_error_string(in->tar));
    if (size == 0) continue;
    if (offset != m->size || (int64_t)size > claimed - m->size)
      return csa_fail(CSA_INPUT,
                      "data: %s: byte %lld: a hole, or more than it claims\n  pack it anew, not as a sparse file",
                      m->label, (long long)m->size);
    CSA_TRY(grow(m, claimed, (int64_t)size, &room));
    memcpy(m->bytes + m->size, block, size);
    m->size += (int64_t)size;
  }
  return CSA_OK;
}

static csa_status read_entry(input *in, csa_source *s, struct archive_entry *entry, const char *name) {
  csa_member *m;
  const int64_t claimed = archive_entry_size(entry);
  CSA_TRY(csa_source_add(s, in->path, ": ", name, &m));
  in->last = m->name;
  if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL)
    return csa_fail(CSA_INPUT, "data: %s: not a regular file", m->label);
  if (claimed < 0 || claimed > TOTAL_MAX - in->total)
    return csa_fail(CSA_INPUT,
                    "data: %s: claims %lld bytes; archives of up to %lld are read\n"
                    "  unpack a larger one, and name its folder",
                    m->label, (long long)claimed, (long long)TOTAL_MAX);
  in->total += claimed;
  return read_member(in, m, claimed);
}

static csa_status damaged(const input *in) {
  const char *why = in->broken != NULL ? in->broken : archive_error_string(in->tar);
  if (in->last != NULL) return csa_fail(CSA_INPUT, "data: %s: after %s: %s", in->path, in->last, why);
  return csa_fail(CSA_INPUT, "data: %s: cannot be read as a tar archive, plain or .gz: %s", in->path, why);
}

static csa_status read_entries(input *in, csa_source *s, bool (*wanted)(const char *name)) {
  struct archive_entry *entry;
  int code;
  while ((code = archive_read_next_header(in->tar, &entry)) == ARCHIVE_OK || code == ARCHIVE_WARN) {
    const char *path = archive_entry_pathname(entry); /* NULL: not a name in this locale, so none that is wanted */
    const char *slash = path != NULL ? strrchr(path, '/') : NULL, *name = slash != NULL ? slash + 1 : path;
    if (name != NULL && wanted(name)) CSA_TRY(read_entry(in, s, entry, name));
  }
  if (code != ARCHIVE_EOF) return damaged(in);
  const void *rest;
  la_ssize_t got;
  while ((got = feed(in->tar, in, &rest)) > 0) {
  } /* to the sum at the end of a .gz */
  return got == 0 ? CSA_OK : damaged(in);
}

csa_status csa_archive_read(csa_source *source, const char *path, bool (*wanted)(const char *name)) {
  csa_status status;
  input *in = NULL;
  CSA_TRY(csa_new(&in, 1, sizeof *in));
  in->path = path;
  in->file = gzopen(path, "rb");
  if (in->file == NULL) {
    status = csa_fail(CSA_INPUT, "data: %s: %s", path, strerror(errno));
    goto done;
  }
  in->tar = archive_read_new();
  if (in->tar == NULL) {
    status = csa_fail(CSA_MEMORY, "data: %s: the host has no more memory", path);
    goto done;
  }
  archive_read_support_format_tar(in->tar);
  status =
      archive_read_open(in->tar, in, NULL, feed, NULL) == ARCHIVE_OK ? read_entries(in, source, wanted) : damaged(in);
done:
  archive_read_free(in->tar);
  if (in->file != NULL) gzclose(in->file);
  free(in);
  return status;
}

#else

csa_status csa_archive_read(csa_source *source, const char *path, bool (*wanted)(const char *name)) {
  (void)source, (void)wanted;
  return csa_fail(CSA_USAGE,
                  "data: %s: reading archives is not built in\n"
                  "  apt-get install libarchive-dev, then configure and build clsattn again;\n"
                  "  or unpack it, and name the folder",
                  path);
}

#endif
