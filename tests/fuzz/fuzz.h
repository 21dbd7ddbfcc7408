/* What fuzz targets share. A target is LLVMFuzzerTestOneInput in fuzz_NAME.c: it hands bytes to a parser as a file.
 * libFuzzer runs it, or replay.c does without it; tests/fuzz/corpus/NAME is what both begin with. */
#ifndef CSA_TESTS_FUZZ_H
#define CSA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder of this process's own, removed at its end. */
const char *fuzz_folder(void);

/* The path of FOLDER/name, in a static buffer of 8 that take turns; the folders on the way are made. */
const char *fuzz_path(const char *name);

/* Writes such a file, and returns its path. */
const char *fuzz_write(const char *name, const void *data, size_t size);

/* Aborts unless a parser said what can be said of a file: that it is fine or wrong, and then why, in characters that
 * are safe on a terminal. That memory is short, nobody may bring about by a file. */
void fuzz_check(csa_status status);

/* Cuts a piece off the front of *data: two bytes say how long it is. For parsers of several files. */
const uint8_t *fuzz_take(const uint8_t **data, size_t *size, size_t *length);

#endif
