#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

static void count(csa_evaluation *e, const int32_t *labels, const int32_t *predictions, int images) {
  for (int i = 0; i < images; i++) e->confusion[(int64_t)labels[i] * e->classes + predictions[i]]++;
}

static csa_status one_batch(csa_evaluation *e, csa_graph *graph, csa_feed *feed, const csa_split *split, int64_t first,
                            int32_t *predictions) {
  const int64_t left = split->count - first;
  const int images = (int)(left < graph->config.batch ? left : graph->config.batch);
  csa_step_state state = {0};
  float row[2];
  CSA_TRY(csa_feed_batch(feed, first, images, &state));
  CSA_TRY(csa_schedule_forward(graph));
  CSA_TRY(csa_tensor_download_part(graph->device, graph->history, 0, 2, row));
  CSA_TRY(csa_tensor_download_part(graph->device, graph->predictions, 0, images, predictions));
  e->loss += (double)row[0];
  count(e, split->labels + first, predictions, images);
  return CSA_OK;
}

csa_status csa_evaluate(csa_evaluation *e, csa_graph *graph, csa_feed *feed, const csa_split *split) {
  int32_t *predictions = NULL;
  csa_status status;
  const double start = csa_seconds();
  memset(e, 0, sizeof *e);
  e->images = split->count;
  e->classes = (int)csa_cols(graph->out->shape);
  CSA_GO(csa_new(&e->confusion, (size_t)e->classes * (size_t)e->classes, sizeof *e->confusion));
  CSA_GO(csa_new(&predictions, (size_t)graph->config.batch, sizeof *predictions));
  for (int64_t first = 0; first < split->count; first += graph->config.batch)
    CSA_GO(one_batch(e, graph, feed, split, first, predictions));
  e->loss /= (double)e->images;
  for (int c = 0; c < e->classes; c++) e->accuracy += (double)e->confusion[c * (e->classes + 1)];
  e->accuracy /= (double)e->images;
  e->seconds = csa_seconds() - start;
done:
  free(predictions);
  if (status != CSA_OK) csa_evaluation_fini(e);
  return status;
}

void csa_evaluation_fini(csa_evaluation *evaluation) {
  free(evaluation->confusion);
  evaluation->confusion = NULL;
}
