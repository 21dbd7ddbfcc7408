/* Where the time of a plan goes, launch by launch. */
#ifndef CSA_DEVICE_PROFILE_H
#define CSA_DEVICE_PROFILE_H

#include "device/plan.h"

/* One launch by the device's clock: when it began, from the first one's beginning, and how long it took, seconds. */
typedef struct {
  double begin, seconds;
} csa_span;

/* Queues nodes [first, end) as a replay does, on a queue that takes times, and fills spans [end - first]. */
csa_status csa_plan_profile(csa_plan *plan, size_t first, size_t end, csa_span *spans);

/* Bytes of the tensors that a launch reads and of those that it writes, each counted once: what must move at least. */
double csa_plan_node_bytes(const csa_plan_node *node);

#endif
