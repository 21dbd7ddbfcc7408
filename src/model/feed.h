/* The producer of batches: a data set's images go to the device as bytes, once, and each batch is gathered there; where
 * the device cannot hold them, each batch is put together on the host and sent. */
#ifndef CSA_MODEL_FEED_H
#define CSA_MODEL_FEED_H

#include "data/augment.h"
#include "data/dataset.h"
#include "model/schedule.h"

typedef struct csa_feed csa_feed;

/* A feed of `split`'s images (which must outlive it) to the graph's input and labels. `augment`: of steps of training;
 * NULL: none. `resident_limit`: at most so many bytes stay on the device; 0: as many as its memory suggests. */
csa_status csa_feed_create(csa_feed **feed, csa_graph *graph, const csa_dataset *dataset, const csa_split *split,
                           const csa_augment *augment, uint64_t resident_limit);
void csa_feed_destroy(csa_feed *feed);

/* A feed of images that are floats already, [count, H, W, C], in the order in which they come, with their labels; both
 * must outlive it. Only csa_feed_batch is for it. */
csa_status csa_feed_create_floats(csa_feed **feed, csa_graph *graph, const float *images, const int32_t *labels);

/* On the device: the bytes and labels of images, and which of them make the batches. */
typedef struct {
  csa_tensor *images, *labels, *indices;
} csa_feed_tensors;

/* Records the filling of a batch from `held` images, in a plan of its own whose outputs are the graph's. */
csa_status csa_feed_record(csa_plan *plan, const csa_graph *graph, const csa_dataset *dataset, int64_t held,
                           const csa_augment *augment, csa_feed_tensors *tensors);

/* Which images come, in this order, from now on: indices[count], copied, no more than the split has. A new feed has the
 * split's own. */
csa_status csa_feed_order(csa_feed *feed, const int32_t *indices, int64_t count);

/* The label of the image at `place` of the order. */
int32_t csa_feed_label(const csa_feed *feed, int64_t place);

/* Queues the filling of the input with the `count` images from place `offset` of the order on, and state->offset and
 * state->active with it; the state is queued too. */
csa_status csa_feed_batch(csa_feed *feed, int64_t offset, int count, csa_step_state *state);

/* Its launch: the gather. */
const csa_plan *csa_feed_plan(const csa_feed *feed);

/* Device memory that the feed holds, beside the graph's own; of NULL, none. */
uint64_t csa_feed_bytes(const csa_feed *feed);

#endif
