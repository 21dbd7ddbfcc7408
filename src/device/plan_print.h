/* What `train --dry-run` shows of a placed plan: tensors with lives and places, launches, and memory by arena. */
#ifndef CSA_DEVICE_PLAN_PRINT_H
#define CSA_DEVICE_PLAN_PRINT_H

#include <jansson.h>

#include "device/plan.h"

void csa_plan_print(const csa_plan *plan, FILE *out);

/* The same as {"device", "tensors": [{"name", "shape", "bytes", "life", "arena", "buffer", "offset_bytes"}],
 * "launches":
 * [{"list", "what", "kernel", "file", "count", "of", "local", "options"}], "memory": {ARENA: {"bytes", "buffers"}},
 * "high_water": {"bytes", "launch"}, "total_bytes"}: `life` is null for always, else the first and the last launch, and
 * calls of CLBlast have nothing from `file` on. NULL without memory. */
json_t *csa_plan_json(const csa_plan *plan);

#endif
