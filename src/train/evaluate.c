#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

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

static void count(csa_evaluation *e, const int32_t *labels, const results *r, int images, csa_guess *guesses) {
  for (int i = 0; i < images; i++) {
    const int32_t class = r->predictions[i];
    e->confusion[(int64_t)labels[i] * e->classes + class]++;
    guesses[i] = (csa_guess){class, probability(r->logits + (int64_t)i * e->classes, e->classes, class)};
  }
}

static csa_status one_batch(csa_evaluation *e, csa_graph *graph, csa_feed *feed, const csa_split *split, int64_t first,
                            const results *r) {
  const int64_t left = split->count - first;
  const int images = (int)(left < graph->config.batch ? left : graph->config.batch);
  csa_step_state state = {0};
  float row[2];
  CSA_TRY(csa_feed_batch(feed, first, images, &state));
  CSA_TRY(csa_schedule_forward(graph));
  CSA_TRY(csa_tensor_download_part(graph->device, graph->history, 0, 2, row));
  CSA_TRY(csa_tensor_download_part(graph->device, graph->predictions, 0, images, r->predictions));
  CSA_TRY(csa_tensor_read_floats(graph->device, graph->out, 0, (int64_t)images * e->classes, r->logits));
  e->loss += (double)row[0];
  count(e, split->labels + first, r, images, e->guesses + first);
  return CSA_OK;
}

csa_status csa_evaluate(csa_evaluation *e, csa_graph *graph, csa_feed *feed, const csa_split *split) {
  const size_t batch = (size_t)graph->config.batch;
  results r = {0};
  csa_status status;
  const double start = csa_seconds();
  memset(e, 0, sizeof *e);
  e->images = split->count;
  e->classes = (int)csa_cols(graph->out->shape);
  CSA_GO(csa_new(&e->confusion, (size_t)e->classes * (size_t)e->classes, sizeof *e->confusion));
  CSA_GO(csa_new(&e->guesses, (size_t)e->images, sizeof *e->guesses));
  CSA_GO(csa_new(&r.predictions, batch, sizeof *r.predictions));
  CSA_GO(csa_new(&r.logits, batch * (size_t)e->classes, sizeof *r.logits));
  for (int64_t first = 0; first < split->count; first += graph->config.batch)
    CSA_GO(one_batch(e, graph, feed, split, first, &r));
  e->loss /= (double)e->images;
  for (int c = 0; c < e->classes; c++) e->accuracy += (double)e->confusion[c * (e->classes + 1)];
  e->accuracy /= (double)e->images;
  e->seconds = csa_seconds() - start;
done:
  free(r.predictions);
  free(r.logits);
  if (status != CSA_OK) csa_evaluation_fini(e);
  return status;
}

void csa_evaluation_fini(csa_evaluation *evaluation) {
  free(evaluation->confusion);
  free(evaluation->guesses);
  evaluation->confusion = NULL;
  evaluation->guesses = NULL;
}
