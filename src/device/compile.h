/* Compiling programs ahead, several at a time: drivers' compilers work on one core (PoCL 3.1 holds a lock for all of a
 * process), so helper processes, one for each core up to 8, share the work and leave their binaries in the cache. A
 * helper is the program of device/apart.h, called as `PROGRAM compile DEVICE`. */
#ifndef CSA_DEVICE_COMPILE_H
#define CSA_DEVICE_COMPILE_H

#include "device/program.h"

/* Has all programs of a list compiled that the cache lacks, if they are at least `least`, and waits for it. Nothing
 * here fails: what could not be compiled is for csa_program_get to build, in the process that wants it, and to report.
 * False where no helper could be started. */
bool csa_compile_ahead(const csa_device *device, const csa_program_name *names, size_t count, size_t least);

/* What a helper does: compiles the programs that its standard input names until that ends. */
csa_status csa_compile_serve(const char *device);

#endif
