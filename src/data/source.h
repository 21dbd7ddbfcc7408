/* Where a format finds its parts by name: the files of a folder, or the members of a tar archive, plain or .gz, which
 * are read into memory. Whoever reads them need not know which it is. */
#ifndef CSA_DATA_SOURCE_H
#define CSA_DATA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

typedef struct {
  char *name;     /* without folders */
  char *label;    /* for messages: FOLDER/NAME, or ARCHIVE: NAME */
  int64_t size;   /* bytes */
  uint8_t *bytes; /* of an archive's member; NULL for a file, which is read when it is opened */
} csa_member;

typedef struct {
  csa_member *members;
  size_t count, capacity;
} csa_source;

/* Finds all that is called as `wanted` says in `path`, a folder or an archive. What is not a regular file, comes twice,
 * is cut off, damaged or too large is CSA_INPUT; an archive where libarchive is not built in is CSA_USAGE. After a
 * failure, too, the source has to be closed. */
csa_status csa_source_open(csa_source *source, const char *path, bool (*wanted)(const char *name));

/* Accepts a source that is all zero. */
void csa_source_close(csa_source *source);

/* NULL where there is none of that name. */
const csa_member *csa_source_find(const csa_source *source, const char *name);

/* A stream from the first byte of a member that is not empty, closed with fclose(). */
csa_status csa_member_open(const csa_member *member, FILE **stream);

/* One more member, whose label is `path`, `separator`, `name`. */
csa_status csa_source_add(csa_source *source, const char *path, const char *separator, const char *name,
                          csa_member **member);

/* The archive's part of csa_source_open. */
csa_status csa_archive_read(csa_source *source, const char *path, bool (*wanted)(const char *name));

#endif
