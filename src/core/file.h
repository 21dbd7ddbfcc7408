/* Whole files: read with a bound, replaced atomically. */
#ifndef CSA_CORE_FILE_H
#define CSA_CORE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

#define CSA_PATH 1024 /* bytes of a path that is kept in a struct */

/* Reads the whole of `path` into *data (released with free(); one NUL byte follows the *size bytes). A missing or
 * unreadable file, or one above `limit` bytes, is CSA_INPUT. */
csa_status csa_file_read(const char *path, uint64_t limit, uint8_t **data, size_t *size);

/* The same for what will be trusted, in a private folder: CSA_INPUT also where the file is not the user's. */
csa_status csa_file_read_own(const char *path, uint64_t limit, uint8_t **data, size_t *size);

/* Writes `path` as a whole: under a temporary name in the same folder, flushed (fsync), then renamed, and the folder
 * flushed. On failure (CSA_OUTPUT) an old file stays as it was and nothing is left behind. */
csa_status csa_file_replace(const char *path, const void *data, size_t size);

/* The same for content that is produced piece by piece: begin gives a stream; end flushes and renames; drop forgets;
 * close does one of the two, by what became of the content, and returns that. `end` and `close` release the writer in
 * any case; `drop` accepts NULL. */
typedef struct csa_file_writer csa_file_writer;
csa_status csa_file_begin(csa_file_writer **writer, const char *path);
FILE *csa_file_stream(csa_file_writer *writer);
csa_status csa_file_end(csa_file_writer *writer);
void csa_file_drop(csa_file_writer *writer);
csa_status csa_file_close(csa_file_writer *writer, csa_status content);

/* Removes what processes that were killed while they wrote `name` in `folder` left there, so far as that can be done.
 * Only for who knows that nobody writes it now. */
void csa_file_sweep(const char *folder, const char *name);

/* Gives a folder, whose files are on the disk, the name `to`, in the same parent; that is then on the disk, too. On
 * failure (CSA_OUTPUT) it keeps its name. */
csa_status csa_folder_rename(const char *from, const char *to);

/* Makes `path` and its missing parents, with `mode`; an existing folder is fine. */
csa_status csa_folder_make(const char *path, unsigned mode);

/* The same for the user alone (0700). One that is there, but is another user's or can be written to by others, is
 * CSA_OUTPUT. */
csa_status csa_folder_private(const char *path);

/* A new empty folder for the user alone, below $TMPDIR or /tmp, in `path`, which is empty after a failure. */
#define CSA_SCRATCH 512
csa_status csa_scratch_make(char path[CSA_SCRATCH]);

/* Removes a folder with all that is in it, so far as that can be done. An empty path is accepted. */
void csa_folder_remove(const char *path);

#endif
