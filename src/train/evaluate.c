#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "train/ranks.h"

/* Room for what a batch brings back. */
typedef struct {
  int32_t *predictions; /* [batch] */
  float *logits;        /* [batch, classes] */
} results;

/* softmax of logits [classes] at one of them. */
static float probability(const float *logits, int classes, int class) {
  double sum = 0.0;
  for (int c = 0; c < classes; c++) sum += exp((double)logits[c] - (double)logits[class]);
  return (float)(1.0 / sum);
}

static void count(csa_evaluation *e, const csa_feed *feed, const results *r, int64_t first, int images) {
  for (int i = 0; i < images; i++) {
    const int32_t class = r->predictions[i];
    e->confusion[(int64_t)csa_feed_label(feed, first + i) * e->classes + class]++;
    e->guesses[first + i] = (csa_guess){class, probability(r->logits + (int64_t)i * e->classes, e->classes, class)};
  }
}

static int batch_of(const csa_evaluator *by, int64_t first, int64_t end) {
  const int64_t left = end - first;
  return (int)(left < by->graph->config.batch ? left : by->graph->config.batch);
}

static csa_status begin(const csa_evaluator *by, int64_t first, int images) {
  csa_step_state state = {0};
  CSA_TRY(csa_feed_batch(by->feed, first, images, &state));
  return csa_schedule_forward(by->graph);
}

static csa_status end(csa_evaluation *e, const csa_evaluator *by, int64_t first, int images, const results *r) {
  const csa_graph *g = by->graph;
  float row[2];
  CSA_TRY(csa_tensor_download_part(g->device, g->history, 0, 2, row));
  CSA_TRY(csa_tensor_download_part(g->device, g->predictions, 0, images, r->predictions));
  CSA_TRY(csa_tensor_read_floats(g->device, g->out, 0, (int64_t)images * e->classes, r->logits));
  e->loss += (double)row[0];
  count(e, by->feed, r, first, images);
  return CSA_OK;
}

/* All of them at once, one batch each, from image *next on. */
static csa_status one_round(csa_evaluation *e, const csa_evaluator *by, int count, int64_t *next, int64_t last,
                            const results *r) {
  int64_t first = *next;
  for (int i = 0; i < count && first < last; first += batch_of(&by[i], first, last), i++)
    CSA_TRY(begin(&by[i], first, batch_of(&by[i], first, last)));
  first = *next;
  for (int i = 0; i < count && first < last; first += batch_of(&by[i], first, last), i++)
    CSA_TRY(end(e, &by[i], first, batch_of(&by[i], first, last), r));
  *next = first;
  return CSA_OK;
}

/* Losses are added in the order of the ranks, so that all get the same sum. */
static csa_status add_up(csa_evaluation *e) {
  double *losses;
  CSA_TRY(csa_new(&losses, (size_t)csa_ranks_count(), sizeof *losses));
  losses[csa_ranks_own()] = e->loss;
  csa_status status = csa_ranks_gather(losses, sizeof *losses);
  if (status == CSA_OK) status = csa_ranks_add(e->confusion, (int64_t)e->classes * e->classes);
  e->loss = 0.0;
  for (int i = 0; i < csa_ranks_count(); i++) e->loss += losses[i];
  free(losses);
  return status;
}

static csa_status run(csa_evaluation *e, const csa_evaluator *by, int count, int64_t images, int64_t first,
                      int64_t last) {
  results r = {0};
  size_t batch = 0;
  csa_status status;
  memset(e, 0, sizeof *e);
  e->images = images;
  e->classes = (int)csa_cols(by[0].graph->out->shape);
  for (int i = 0; i < count; i++)
    if (batch < (size_t)by[i].graph->config.batch) batch = (size_t)by[i].graph->config.batch;
  CSA_GO(csa_new(&e->confusion, (size_t)e->classes * (size_t)e->classes, sizeof *e->confusion));
  CSA_GO(csa_new(&e->guesses, (size_t)e->images, sizeof *e->guesses));
  CSA_GO(csa_new(&r.predictions, batch, sizeof *r.predictions));
  CSA_GO(csa_new(&r.logits, batch * (size_t)e->classes, sizeof *r.logits));
  for (int64_t next = first; next < last;) CSA_GO(one_round(e, by, count, &next, last, &r));
done:
  free(r.predictions);
  free(r.logits);
  return status;
}

static csa_status finish(csa_evaluation *e, csa_status status, double start) {
  if (status != CSA_OK) {
    csa_evaluation_fini(e);
    return status;
  }
  e->loss /= (double)e->images;
  for (int c = 0; c < e->classes; c++) e->accuracy += (double)e->confusion[c * (e->classes + 1)];
  e->accuracy /= (double)e->images;
  e->seconds = csa_seconds() - start;
  return CSA_OK;
}

csa_status csa_evaluate(csa_evaluation *e, const csa_evaluator *by, int64_t images) {
  const double start = csa_seconds();
  return finish(e, run(e, by, 1, images, 0, images), start);
}

csa_status csa_evaluate_part(csa_evaluation *e, const csa_evaluator *by, int count, int64_t images, int64_t first,
                             int64_t last) {
  const double start = csa_seconds();
  csa_status status = run(e, by, count, images, first, last);
  if (status == CSA_OK && csa_ranks_count() > 1) status = add_up(e);
  return finish(e, status, start);
}

void csa_evaluation_fini(csa_evaluation *evaluation) {
  free(evaluation->confusion);
  free(evaluation->guesses);
  evaluation->confusion = NULL;
  evaluation->guesses = NULL;
}
