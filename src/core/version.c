#include "core/status.h"

const char *csa_version(void) { return CSA_VERSION; }
const char *csa_commit(void) { return CSA_COMMIT; }
