/* How every command ends: what it has to say is on stdout, all of it, or it has failed. */
#ifndef CSA_CLI_OUTPUT_H
#define CSA_CLI_OUTPUT_H

#include <jansson.h>

#include "core/status.h"

/* Prints the one JSON document of --json and releases it; NULL (out of memory, or a text that is not UTF-8) and a
 * stdout that cannot be written are failures. */
csa_status csa_print_json(json_t *root);

/* Flushes stdout; CSA_OUTPUT if not all of it could be written. */
csa_status csa_flush_output(void);

#endif
