#include "model/feed.h"

#include <stdlib.h>
#include <string.h>

struct csa_feed {
  csa_graph *graph;
  const csa_split *split;
  size_t image_bytes;
  bool resident;
  csa_plan *plan; /* one launch: the gather */
  csa_feed_tensors tensors;
  int32_t *order;        /* [count of the split], host */
  uint8_t *batch_images; /* one batch, host; used where images are not resident */
  int32_t *batch_labels;
  const float *floats; /* NULL but in a feed of floats, which has no split and no plan */
  const int32_t *labels;
  float *batch_floats;
};

/* Nothing, for images as they are. */
static const char *options_of(const csa_augment *a, int width, char options[80]) {
  options[0] = '\0';
  if (a != NULL && (a->flip || a->crop > 0 || a->cutout > 0))
    snprintf(options, 80, " -DAUGMENT -DWIDTH=%d -DFLIP=%d -DCROP=%d -DCUTOUT=%d", width, a->flip, a->crop, a->cutout);
  return options;
}

csa_status csa_feed_record(csa_plan *p, const csa_graph *graph, const csa_dataset *d, int64_t held,
                           const csa_augment *augment, csa_feed_tensors *t) {
  const int image_pixels = d->height * d->width, pixels = graph->config.batch * image_pixels,
            run = csa_layer_run(p, image_pixels);
  const csa_tensor *step = graph->plan->step;
  snprintf(p->label, sizeof p->label, "batch");
  CSA_TRY(
      csa_plan_tensor(p, CSA_DATA, CSA_U8, csa_shape4(held, d->channels, d->height, d->width), &t->images, "images"));
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_I32, csa_shape1(held), &t->labels, "labels of all images"));
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_I32, csa_shape1(held), &t->indices, "order"));
  const csa_tensor *images = t->images, *labels = t->labels, *indices = t->indices;
  char options[80];
  return csa_launch(p,
                    csa_kernel_named(p, "gather_batch", "-DPIXELS=%d -DCHANNELS=%d -DRUN=%d%s", image_pixels,
                                     d->channels, run, options_of(augment, d->width, options)),
                    csa_items(pixels / run),
                    CSA_ARGS(images, labels, indices, step, graph->input, graph->labels, pixels));
}

static csa_status prepare(csa_feed *f, const csa_dataset *d, const csa_augment *augment) {
  CSA_TRY(csa_feed_record(f->plan, f->graph, d, f->resident ? f->split->count : f->graph->config.batch, augment,
                          &f->tensors));
  CSA_TRY(csa_plan_place(f->plan));
  return csa_plan_bind(f->plan);
}

/* Without residence the images of a batch lie in order, so the indices are 0, 1, 2, … */
static csa_status fill(csa_feed *f) {
  csa_device *device = f->graph->device;
  if (f->resident) {
    CSA_TRY(csa_tensor_upload(device, f->tensors.images, f->split->images));
    return csa_tensor_upload(device, f->tensors.labels, f->split->labels);
  }
  const size_t batch = (size_t)f->graph->config.batch;
  CSA_TRY(csa_new(&f->batch_images, batch, f->image_bytes));
  CSA_TRY(csa_new(&f->batch_labels, batch, sizeof *f->batch_labels));
  for (size_t i = 0; i < batch; i++) f->batch_labels[i] = (int32_t)i;
  return csa_tensor_upload(device, f->tensors.indices, f->batch_labels);
}

static csa_status send_order(csa_feed *f, int64_t count) {
  return f->resident ? csa_tensor_upload_part(f->graph->device, f->tensors.indices, 0, count, f->order) : CSA_OK;
}

/* Until told otherwise, the split's own order. */
static csa_status identity_order(csa_feed *f) {
  CSA_TRY(csa_new(&f->order, (size_t)f->split->count, sizeof *f->order));
  for (int64_t i = 0; i < f->split->count; i++) f->order[i] = (int32_t)i;
  return send_order(f, f->split->count);
}

csa_status csa_feed_create(csa_feed **out, csa_graph *graph, const csa_dataset *dataset, const csa_split *split,
                           const csa_augment *augment, uint64_t resident_limit) {
  csa_feed *feed = NULL;
  csa_status status;
  const csa_device_info *info = &graph->device->info;
  *out = NULL;
  CSA_GO(csa_new(&feed, 1, sizeof *feed));
  feed->graph = graph;
  feed->split = split;
  feed->image_bytes = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
  const uint64_t bytes = (uint64_t)split->count * feed->image_bytes, used = csa_plan_bytes(graph->plan);
  const uint64_t half = used < info->global_bytes ? (info->global_bytes - used) / 2 : 0;
  if (resident_limit == 0) resident_limit = half < info->max_alloc_bytes ? half : info->max_alloc_bytes;
  feed->resident = bytes <= resident_limit && bytes <= CSA_ELEMENTS_MAX;
  CSA_GO(csa_plan_create(&feed->plan, graph->device, graph->plan->choices));
  CSA_GO(prepare(feed, dataset, augment));
  CSA_GO(fill(feed));
  CSA_GO(identity_order(feed));
  *out = feed;
  feed = NULL;
done:
  if (status == CSA_MEMORY && feed != NULL && feed->resident) { /* the device has less than it says: batch by batch */
    csa_feed_destroy(feed);
    return csa_feed_create(out, graph, dataset, split, augment, 1);
  }
  csa_feed_destroy(feed);
  return status;
}

csa_status csa_feed_create_floats(csa_feed **out, csa_graph *graph, const float *images, const int32_t *labels) {
  csa_feed *feed = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_new(&feed, 1, sizeof *feed));
  feed->graph = graph;
  feed->floats = images;
  feed->labels = labels;
  CSA_GO(csa_new(&feed->batch_floats, (size_t)csa_elements(graph->input->shape), sizeof *feed->batch_floats));
  CSA_GO(csa_new(&feed->batch_labels, (size_t)graph->config.batch, sizeof *feed->batch_labels));
  *out = feed;
  feed = NULL;
done:
  csa_feed_destroy(feed);
  return status;
}

void csa_feed_destroy(csa_feed *feed) {
  if (feed == NULL) return;
  csa_plan_destroy(feed->plan);
  free(feed->order);
  free(feed->batch_images);
  free(feed->batch_labels);
  free(feed->batch_floats);
  free(feed);
}

csa_status csa_feed_order(csa_feed *feed, const int32_t *indices, int64_t count) {
  memcpy(feed->order, indices, (size_t)count * sizeof *indices);
  return send_order(feed, count);
}

int32_t csa_feed_label(const csa_feed *feed, int64_t place) { return feed->split->labels[feed->order[place]]; }

/* Sends the batch; the upload waits, so the host's copy can be filled again. */
static csa_status send(csa_feed *f, int64_t offset, int count) {
  for (int i = 0; i < count; i++) {
    const int32_t index = f->order[offset + i];
    memcpy(f->batch_images + (size_t)i * f->image_bytes, f->split->images + (size_t)index * f->image_bytes,
           f->image_bytes);
    f->batch_labels[i] = f->split->labels[index];
  }
  csa_device *device = f->graph->device;
  CSA_TRY(csa_tensor_upload_part(device, f->tensors.images, 0, count * (int64_t)f->image_bytes, f->batch_images));
  return csa_tensor_upload_part(device, f->tensors.labels, 0, count, f->batch_labels);
}

/* As the gather does, zeros in the place of images beyond the last. */
static csa_status send_floats(csa_feed *f, int64_t offset, int count) {
  const csa_graph *g = f->graph;
  const size_t image = (size_t)csa_elements(g->input->shape) / (size_t)g->config.batch,
               rest = (size_t)(g->config.batch - count);
  memcpy(f->batch_floats, f->floats + (size_t)offset * image, (size_t)count * image * sizeof *f->floats);
  memset(f->batch_floats + (size_t)count * image, 0, rest * image * sizeof *f->floats);
  memcpy(f->batch_labels, f->labels + offset, (size_t)count * sizeof *f->labels);
  memset(f->batch_labels + count, 0, rest * sizeof *f->labels);
  CSA_TRY(csa_tensor_write_floats(g->device, g->input, f->batch_floats));
  return csa_tensor_upload(g->device, g->labels, f->batch_labels);
}

csa_status csa_feed_batch(csa_feed *feed, int64_t offset, int count, csa_step_state *state) {
  if (feed->floats != NULL) {
    state->active = count;
    CSA_TRY(csa_schedule_state(feed->graph, state));
    return send_floats(feed, offset, count);
  }
  if (!feed->resident) CSA_TRY(send(feed, offset, count));
  state->offset = feed->resident ? (cl_int)offset : 0;
  state->active = count;
  CSA_TRY(csa_schedule_state(feed->graph, state));
  return csa_plan_run(feed->plan, 0, feed->plan->node_count);
}

const csa_plan *csa_feed_plan(const csa_feed *feed) { return feed->plan; }

uint64_t csa_feed_bytes(const csa_feed *feed) { return feed != NULL ? csa_plan_bytes(feed->plan) : 0; }
