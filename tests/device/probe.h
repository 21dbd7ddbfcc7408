/* A kernel of the tests' own, `probe_fill`, which writes VALUE wherever it is told to, and the cache that its programs
 * go to. */
#ifndef CSA_TESTS_DEVICE_PROBE_H
#define CSA_TESTS_DEVICE_PROBE_H

#include "core/status.h"
#include "testing.h"

/* Has programs read from a folder that holds the probe alone, and keeps what is logged; a group's set-up. */
int probe_use(void **state);

/* What was logged since probe_forget, and whether `text` was. */
extern char probe_said[8192];
void probe_forget(void);
bool probe_logged(const char *text);

/* Builds the probe on a device opened afresh, so that no program is in memory, and runs it. Without assertions, as it
 * runs in child processes too. */
csa_status probe_fill(int value, int *got);
void probe_assert(int value);

/* A cold cache, and its folder (not made yet). */
const char *probe_fresh_cache(void);

/* The names of entries in `folder`, and how many; the path of the one entry; a file, on the heap. */
int probe_entries(const char *folder, char names[][64], int most);
const char *probe_only_entry(const char *folder);
uint8_t *probe_read(const char *path, size_t *size);

#endif
