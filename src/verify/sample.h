/* Images and labels that are drawn: what devices are compared on. */
#ifndef CSA_VERIFY_SAMPLE_H
#define CSA_VERIFY_SAMPLE_H

#include "model/graph.h"

/* Uploads the batch of step `step`: neighbouring pixels alike, as in pictures, in about [-1, 1]; the same for the same
 * seed, on any device. */
csa_status csa_sample_batch(csa_graph *graph, int classes, uint64_t seed, int step);

#endif
