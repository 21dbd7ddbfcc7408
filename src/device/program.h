/* Programs: kernel files (embedded, or from a folder) compiled for a device and its options, in memory and on disk. */
#ifndef CSA_DEVICE_PROGRAM_H
#define CSA_DEVICE_PROGRAM_H

#include <stdbool.h>

#include "device/device.h"

/* Whether there is a kernel file of this name ("cpu/layernorm"), embedded or in $CLSATTN_KERNEL_DIR. */
bool csa_program_exists(const char *name);

/* The program of file `name` ("layernorm") built with `options` ("-DCOLS=64"): from memory, else from the cache folder
 * ($XDG_CACHE_HOME/clsattn), else from source. common.clh stands before every source, cpu/common.clh before those of
 * cpu/. Owned by the device. A build that fails is CSA_DEVICE with the compiler's log. */
csa_status csa_program_get(csa_device *device, const char *name, const char *options, cl_program *program);

/* The text that it is compiled from, on the heap, *source also after a failure. */
csa_status csa_program_source(const char *name, char **source);

/* What tells the program from every other, in hexadecimal: its key in the cache, made of source, options and device. */
csa_status csa_program_key(const csa_device *device, const char *name, const char *options, char key[33]);

/* A program by its file and options, as csa_program_get takes them. */
typedef struct {
  const char *name, *options;
} csa_program_name;

/* Whether a program is in memory or in the cache. */
bool csa_program_is_ready(const csa_device *device, const char *name, const char *options);

/* The programs of one device; used by device.c alone. */
csa_status csa_program_table_create(struct csa_program_table **table);
void csa_program_table_destroy(struct csa_program_table *table);

#endif
