/* What jansson had no memory for. It leaves out of an array or an object what could not be made, and hardly any of the
 * many calls that build one is looked at; so whoever prints JSON asks here whether it is whole, and csa_file_end asks
 * before a file gets its name. */
#ifndef CSA_CORE_JSON_H
#define CSA_CORE_JSON_H

#include "core/status.h"

/* From here on all of jansson's memory is counted; for programs, not for the library, whose users may have jansson
 * themselves. */
void csa_json_watch(void);

/* CSA_MEMORY if jansson has lacked memory since. */
csa_status csa_json_check(void);

#endif
