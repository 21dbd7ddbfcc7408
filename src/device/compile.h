/* Compiling programs ahead, several at a time: drivers' compilers work on one core (PoCL 3.1 holds a lock for all of a
 * process), so helper processes, one for each core up to 8, share the work and leave their binaries in the cache. */
#ifndef CSA_DEVICE_COMPILE_H
#define CSA_DEVICE_COMPILE_H

#include "device/program.h"

/* Names the program that serves as helper: called as `PROGRAM compile DEVICE`, it calls csa_compile_serve. Without it
 * nothing is compiled ahead. The text is kept, not copied. */
void csa_compile_with(const char *program);

/* Has all programs of a list compiled that the cache lacks, and waits for it. Nothing here fails: what could not be
 * compiled is for csa_program_get to build, in the process that wants it, and to report. */
void csa_compile_ahead(const csa_device *device, const csa_program_name *names, size_t count);

/* What a helper does: compiles the programs that its standard input names until that ends. */
csa_status csa_compile_serve(const char *device);

#endif
