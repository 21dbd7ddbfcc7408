#include "train/reducer.h"

#include <stdlib.h>
#include <string.h>

#include "train/ranks.h"

#define BUCKET_BYTES ((int64_t)1 << 19)                  /* at least, but for the last */
enum { LOSS, RIGHT, VOTES, EXTRAS = VOTES + CSA_VOTES }; /* behind the gradients: a row of the history, and votes */

typedef struct {
  int64_t start, count; /* elements of the flat tensor */
} bucket;

/* What belongs to one replica. */
typedef struct {
  const csa_replica *replica;
  cl_command_queue transfers; /* beside the device's own queue */
  cl_mem pinned;              /* memory of the host that the device reaches fast, and where it is */
  float *staging;             /* [elements + EXTRAS] */
  size_t *ready;              /* [buckets]: node behind the last that writes there */
  cl_event *arrived;          /* [buckets]; NULL: has no part in this step */
  bool takes;                 /* part in this step */
  bool follows;               /* is not of the first one's kind */
} lane;

struct csa_reducer {
  int64_t elements;
  bucket *buckets;
  csa_ranks_sum *sums; /* [buckets] */
  int bucket_count;
  lane lanes[CSA_REPLICAS_MAX];
  int count;
  bool mixed_ranks; /* not all of the first one's kind */
};

static int64_t start_of(const csa_parameters *all, size_t i) {
  return i < all->count ? all->list[i].value->start : csa_elements(all->values->shape);
}

/* From the last parameter on, as many as it takes. */
static csa_status cut(csa_reducer *r, const csa_parameters *all) {
  int64_t end = r->elements;
  CSA_TRY(csa_new(&r->buckets, all->count, sizeof *r->buckets));
  for (size_t i = all->count; i-- > 0;) {
    const int64_t start = i > 0 ? start_of(all, i) : 0;
    if (i > 0 && (end - start) * (int64_t)sizeof(float) < BUCKET_BYTES) continue;
    r->buckets[r->bucket_count++] = (bucket){start, end - start};
    end = start;
  }
  return CSA_OK;
}

static bool writes(const csa_plan_node *node, const csa_tensor *gradients, const bucket *b) {
  for (int i = 0; i < node->arg_count; i++) {
    const csa_tensor *t = node->args[i].kind == CSA_ARG_OUT ? node->args[i].value.out : NULL;
    if (t == NULL || (t != gradients && t->base != gradients)) continue;
    if (t->start < b->start + b->count && b->start < t->start + csa_elements(t->shape)) return true;
  }
  return false;
}

/* When each bucket is complete: in their order, and not before the loss is known. */
static csa_status find_ready(const csa_reducer *r, lane *l) {
  const csa_graph *g = l->replica->graph;
  CSA_TRY(csa_new(&l->ready, (size_t)r->bucket_count, sizeof *l->ready));
  for (int b = 0; b < r->bucket_count; b++) {
    l->ready[b] = b > 0 ? l->ready[b - 1] : g->forward_end;
    for (size_t i = l->ready[b]; i < g->plan->list_end[CSA_MICRO_STEP]; i++)
      if (writes(&g->plan->nodes[i], g->parameters.gradients, &r->buckets[b])) l->ready[b] = i + 1;
  }
  return CSA_OK;
}

static csa_status check(const lane *l, cl_int error, const char *call) {
  return csa_cl_check(error, l->replica->device->info.name, call);
}

static csa_status open_lane(csa_reducer *r, lane *l) {
  const csa_device *d = l->replica->device;
  const size_t bytes = (size_t)(r->elements + EXTRAS) * sizeof(float);
  cl_int error;
  CSA_TRY(find_ready(r, l));
  CSA_TRY(csa_new(&l->arrived, (size_t)r->bucket_count, sizeof(cl_event)));
  l->transfers = clCreateCommandQueue(d->context, d->info.id, 0, &error);
  CSA_TRY(check(l, error, "clCreateCommandQueue"));
  l->pinned = clCreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &error);
  CSA_TRY(check(l, error, "clCreateBuffer"));
  l->staging =
      clEnqueueMapBuffer(l->transfers, l->pinned, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, NULL, NULL, &error);
  return check(l, error, "clEnqueueMapBuffer");
}

static void forget_arrivals(const csa_reducer *r, lane *l) {
  for (int b = 0; b < r->bucket_count && l->arrived != NULL; b++) {
    if (l->arrived[b] != NULL) clReleaseEvent(l->arrived[b]);
    l->arrived[b] = NULL;
  }
}

/* The device may be lost: what fails here is past helping. */
static void close_lane(const csa_reducer *r, lane *l) {
  if (l->transfers != NULL) clFinish(l->transfers);
  forget_arrivals(r, l);
  if (l->staging != NULL) clEnqueueUnmapMemObject(l->transfers, l->pinned, l->staging, 0, NULL, NULL);
  if (l->transfers != NULL) clFinish(l->transfers);
  if (l->pinned != NULL) clReleaseMemObject(l->pinned);
  if (l->transfers != NULL) clReleaseCommandQueue(l->transfers);
  free(l->arrived);
  free(l->ready);
}

/* What numbers come out of, bit for bit. */
typedef struct {
  csa_config_device device;
  csa_kernels kernels;
} kind;

static kind kind_of(const csa_replica *r) {
  kind k;
  memset(&k, 0, sizeof k);
  k.device = csa_config_device_of(&r->device->info);
  k.kernels = r->graph->plan->choices.kernels;
  memset(k.device.name, 0, sizeof k.device.name);
  return k;
}

static bool same_kind(const kind *a, const kind *b) { return memcmp(a, b, sizeof *a) == 0; }

static csa_status look_at_ranks(csa_reducer *r) {
  kind *all = NULL;
  csa_status status;
  CSA_GO(csa_new(&all, (size_t)csa_ranks_count(), sizeof *all));
  all[csa_ranks_own()] = kind_of(r->lanes[0].replica);
  CSA_GO(csa_ranks_gather(all, sizeof *all));
  for (int i = 1; i < csa_ranks_count(); i++) r->mixed_ranks = r->mixed_ranks || !same_kind(&all[0], &all[i]);
done:
  free(all);
  return status;
}

csa_status csa_reducer_create(csa_reducer **out, const csa_replica *replicas, int count) {
  csa_reducer *r = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_new(&r, 1, sizeof *r));
  r->elements = csa_elements(replicas[0].graph->parameters.values->shape);
  r->count = count;
  CSA_GO(cut(r, &replicas[0].graph->parameters));
  CSA_GO(csa_new(&r->sums, (size_t)r->bucket_count, sizeof *r->sums));
  const kind first = kind_of(&replicas[0]);
  for (int i = 0; i < count; i++) {
    const kind own = kind_of(&replicas[i]);
    r->lanes[i].replica = &replicas[i];
    r->lanes[i].follows = !same_kind(&first, &own);
    CSA_GO(open_lane(r, &r->lanes[i]));
  }
  CSA_GO(look_at_ranks(r));
  *out = r;
  r = NULL;
done:
  csa_reducer_destroy(r);
  return status;
}

void csa_reducer_destroy(csa_reducer *r) {
  if (r == NULL) return;
  for (int i = 0; i < r->count; i++) close_lane(r, &r->lanes[i]);
  free(r->buckets);
  free(r->sums);
  free(r);
}

static size_t byte_of(const csa_tensor *t, int64_t element) {
  return ((size_t)t->offset + (size_t)element) * sizeof(float);
}

/* Bucket 0 brings the history's row along. */
static csa_status fetch(const csa_reducer *r, lane *l, int b, int slot, cl_event computed) {
  const csa_tensor *gradients = l->replica->graph->parameters.gradients, *history = l->replica->graph->history;
  const bucket *of = &r->buckets[b];
  if (b == 0)
    CSA_TRY(check(l,
                  clEnqueueReadBuffer(l->transfers, history->memory, CL_FALSE, byte_of(history, (int64_t)2 * slot),
                                      2 * sizeof(float), l->staging + r->elements + LOSS, 1, &computed, NULL),
                  "clEnqueueReadBuffer"));
  CSA_TRY(check(
      l,
      clEnqueueReadBuffer(l->transfers, gradients->memory, CL_FALSE, byte_of(gradients, of->start),
                          (size_t)of->count * sizeof(float), l->staging + of->start, 1, &computed, &l->arrived[b]),
      "clEnqueueReadBuffer"));
  return check(l, clFlush(l->transfers), "clFlush");
}

csa_status csa_reducer_micro_step(csa_reducer *r, int index, int slot) {
  lane *l = &r->lanes[index];
  csa_plan *plan = l->replica->graph->plan;
  size_t next = 0;
  l->takes = true;
  for (int b = 0; b < r->bucket_count; b++) {
    cl_event computed;
    CSA_TRY(csa_plan_run(plan, next, l->ready[b]));
    next = l->ready[b];
    CSA_TRY(check(l, clEnqueueMarkerWithWaitList(l->replica->device->queue, 0, NULL, &computed),
                  "clEnqueueMarkerWithWaitList"));
    csa_status status = check(l, clFlush(l->replica->device->queue), "clFlush");
    if (status == CSA_OK) status = fetch(r, l, b, slot, computed);
    clReleaseEvent(computed);
    CSA_TRY(status);
  }
  return csa_plan_run(plan, next, plan->list_end[CSA_MICRO_STEP]);
}

/* Elements of a bucket on the host. */
static int64_t host_count(const csa_reducer *r, int b) { return r->buckets[b].count + (b == 0 ? EXTRAS : 0); }

static bool is_there(cl_event event) {
  cl_int state;
  return clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL) != CL_SUCCESS ||
         state <= CL_COMPLETE; /* below it: an error, which who waits is told */
}

/* Until bucket b is on the host. Sums of ranks that are under way go on meanwhile, as they do only when asked for. */
static csa_status await(csa_reducer *r, const lane *l, int b) {
  for (int turn = 0; csa_ranks_count() > 1 && b > 0 && !is_there(l->arrived[b]); turn++) {
    bool done;
    CSA_TRY(csa_ranks_sum_test(&r->sums[b - 1], &done));
    csa_ranks_nap(turn);
  }
  return check(l, clWaitForEvents(1, &l->arrived[b]), "clWaitForEvents");
}

/* The sum over this process's replicas, in the first one's staging. Who has no part sends nothing, so that what it was
 * given before may still be under way. */
static csa_status add_up(csa_reducer *r, int b) {
  const int64_t start = r->buckets[b].start, count = r->buckets[b].count + (b == 0 ? VOTES : 0);
  float *sum = r->lanes[0].staging + start;
  bool any = false;
  for (int i = 0; i < r->count; i++) {
    lane *l = &r->lanes[i];
    if (!l->takes) CSA_TRY(check(l, clFinish(l->transfers), "clFinish"));
    if (!l->takes) continue;
    CSA_TRY(await(r, l, b));
    const float *own = l->staging + start;
    for (int64_t e = 0; e < count && any; e++) sum[e] += own[e];
    if (!any && i > 0) memcpy(sum, own, (size_t)count * sizeof *sum);
    any = true;
  }
  if (!any) memset(sum, 0, (size_t)count * sizeof *sum);
  return CSA_OK;
}

static csa_status hand_back(const csa_reducer *r, int b, int slot) {
  const int64_t start = r->buckets[b].start, count = host_count(r, b);
  for (int i = 0; i < r->count; i++) {
    const lane *l = &r->lanes[i];
    const csa_tensor *gradients = l->replica->graph->parameters.gradients, *history = l->replica->graph->history;
    if (i > 0) memcpy(l->staging + start, r->lanes[0].staging + start, (size_t)count * sizeof(float));
    CSA_TRY(check(l,
                  clEnqueueWriteBuffer(l->transfers, gradients->memory, CL_FALSE, byte_of(gradients, start),
                                       (size_t)r->buckets[b].count * sizeof(float), l->staging + start, 0, NULL, NULL),
                  "clEnqueueWriteBuffer"));
    if (b == 0)
      CSA_TRY(check(l,
                    clEnqueueWriteBuffer(l->transfers, history->memory, CL_FALSE, byte_of(history, (int64_t)2 * slot),
                                         2 * sizeof(float), l->staging + r->elements + LOSS, 0, NULL, NULL),
                    "clEnqueueWriteBuffer"));
  }
  return CSA_OK;
}

/* What the device's queue does next comes after all transfers. */
static csa_status join(const lane *l) {
  cl_event end;
  CSA_TRY(check(l, clEnqueueMarkerWithWaitList(l->transfers, 0, NULL, &end), "clEnqueueMarkerWithWaitList"));
  csa_status status = check(l, clFlush(l->transfers), "clFlush");
  if (status == CSA_OK)
    status = check(l, clEnqueueBarrierWithWaitList(l->replica->device->queue, 1, &end, NULL),
                   "clEnqueueBarrierWithWaitList");
  clReleaseEvent(end);
  return status;
}

/* Returns of a bucket begin as soon as it is complete. */
static csa_status sum_all(csa_reducer *r, int slot, const float votes[CSA_VOTES]) {
  int back = 0;
  for (int b = 0; b < r->bucket_count; b++) {
    bool done = true;
    CSA_TRY(add_up(r, b));
    if (b == 0) memcpy(r->lanes[0].staging + r->elements + VOTES, votes, CSA_VOTES * sizeof *votes);
    CSA_TRY(csa_ranks_sum_begin(&r->sums[b], r->lanes[0].staging + r->buckets[b].start, host_count(r, b)));
    while (back <= b && done) {
      CSA_TRY(csa_ranks_sum_test(&r->sums[back], &done));
      if (done) CSA_TRY(hand_back(r, back++, slot));
    }
  }
  for (; back < r->bucket_count; back++) {
    CSA_TRY(csa_ranks_sum_end(&r->sums[back]));
    CSA_TRY(hand_back(r, back, slot));
  }
  for (int i = 0; i < r->count; i++) CSA_TRY(join(&r->lanes[i]));
  return CSA_OK;
}

csa_status csa_reducer_sum(csa_reducer *r, int slot, float votes[CSA_VOTES]) {
  const csa_status status = sum_all(r, slot, votes);
  for (int i = 0; i < r->count; i++) {
    forget_arrivals(r, &r->lanes[i]);
    r->lanes[i].takes = false;
  }
  memcpy(votes, r->lanes[0].staging + r->elements + VOTES, CSA_VOTES * sizeof *votes);
  return status;
}

/* Behind the update, and before the next micro-step. Its staging may still be on the way to the device. */
static csa_status take_over(const csa_reducer *r, int index) {
  const lane *l = &r->lanes[index];
  const csa_tensor *values = l->replica->graph->parameters.values;
  const size_t bytes = (size_t)r->elements * sizeof(float);
  CSA_TRY(check(l, clFinish(l->transfers), "clFinish"));
  if (index > 0) memcpy(l->staging, r->lanes[0].staging, bytes);
  return check(l,
               clEnqueueWriteBuffer(l->replica->device->queue, values->memory, CL_FALSE, byte_of(values, 0), bytes,
                                    l->staging, 0, NULL, NULL),
               "clEnqueueWriteBuffer");
}

csa_status csa_reducer_level(csa_reducer *r) {
  const csa_tensor *values = r->lanes[0].replica->graph->parameters.values;
  const bool all = r->mixed_ranks && csa_ranks_own() > 0;
  bool any = r->mixed_ranks;
  for (int i = 0; i < r->count; i++) any = any || r->lanes[i].follows;
  if (!any) return CSA_OK;
  CSA_TRY(csa_tensor_download(r->lanes[0].replica->device, values, r->lanes[0].staging));
  if (r->mixed_ranks) CSA_TRY(csa_ranks_share(r->lanes[0].staging, (size_t)r->elements * sizeof(float)));
  for (int i = 0; i < r->count; i++)
    if (all || r->lanes[i].follows) CSA_TRY(take_over(r, i));
  return CSA_OK;
}
