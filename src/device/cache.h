/* The cache of compiled programs: a folder of files, each the binary of one program with a checksum, or the note that
 * the self-test of some programs held; and an empty file to lock. Nothing else goes there, and the folder belongs to
 * the user alone (0700), and so does each file that is read. Without such a folder nothing is kept. Damage is never an
 * error: it is rebuilt. */
#ifndef CSA_DEVICE_CACHE_H
#define CSA_DEVICE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "device/device.h"

#define CSA_CACHE_FOLDER 512

/* The folder, made if need be; CSA_OUTPUT where there is none that the user alone can write to. */
csa_status csa_cache_folder(char folder[CSA_CACHE_FOLDER]);

/* The key of a program: XXH128 over source, options, platform, device, device version and driver, in hexadecimal. */
void csa_cache_key(char key[33], const csa_device_info *info, const char *source, const char *options);

/* Whether there is an entry, be it damaged. */
bool csa_cache_has(const char *key);

/* Reads the entry; false if there is none or it is damaged. *binary is released with free(). */
bool csa_cache_load(const char *key, uint8_t **binary, size_t *size);

/* Stores an entry, replacing one that is there; says in the log if it could not. */
void csa_cache_store(const char *key, const uint8_t *binary, size_t size);

/* Holds an entry for this process, until csa_cache_release, while it is made or read: another process that wants it
 * waits, and finds what this one made. Drivers' own caches need it: PoCL 3.1 takes a program's file away before it puts
 * its like there, and a binary made in between has no program. -1: there is no folder, or no lock to be had. */
int csa_cache_hold(const char *key);
void csa_cache_release(int held);

/* What the folder holds. */
typedef struct {
  size_t programs, notes; /* notes: self-tests that held */
  uint64_t bytes;         /* of both, and of what killed processes left half written */
} csa_cache_contents;

/* Counts it; and with `clear` removes it: nothing but what has an entry's name, though, and not the folder. */
csa_status csa_cache_look(const char *folder, bool clear, csa_cache_contents *contents);

#endif
