#include "train/wrong.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/scaler.h"
#include "train/ranks.h"
#include "train/step.h"

/* What cl/guard.cl lets pass: of gradients of parameters, the square must be finite. */
#define FINITE ((double)FLT_MAX)
#define SQUARE_FINITE 1.8446743e19

/* A replica's part of the step again: the run's parameters, and the same images. */
typedef struct {
  csa_graph *graph;
  csa_feed *feed;
  char text[CSA_WRONG_TEXT];
  bool found;
} replay;

static csa_status copy_state(const csa_replica *from, csa_graph *to) {
  csa_scaler_state scaler;
  CSA_TRY(csa_tensor_copy(from->device, from->graph->parameters.values, from->device, to->parameters.values));
  CSA_TRY(csa_scaler_get(from->graph, &scaler));
  return csa_scaler_set(to, &scaler);
}

static csa_status prepare(replay *r, const csa_trainer *t, const csa_replica *from) {
  csa_graph_config config = from->graph->config;
  config.keep_all = true;
  CSA_TRY(csa_graph_create(&r->graph, from->device, config));
  CSA_TRY(csa_architecture_build(&t->config.architecture, r->graph));
  CSA_TRY(csa_schedule_prepare(r->graph));
  CSA_TRY(copy_state(from, r->graph));
  CSA_TRY(csa_feed_create(&r->feed, r->graph, t->dataset, &t->dataset->train, &t->config.augment,
                          1)); /* not all data again */
  CSA_TRY(csa_feed_order(r->feed, t->order, t->train_images));
  return csa_schedule_begin(r->graph);
}

/* "[3, 0, 7, 12]" of element `at`. */
static void place_of(csa_shape shape, int64_t at, char text[96]) {
  int64_t rest = csa_elements(shape);
  int length = 0;
  for (int i = 0; i < shape.rank; i++) {
    rest /= shape.dim[i];
    length += snprintf(text + length, 96 - (size_t)length, "%s%lld", i > 0 ? ", " : "[", (long long)(at / rest));
    at %= rest;
  }
  snprintf(text + length, 96 - (size_t)length, "]");
}

/* Says so where `tensor` has a number that is larger than `most` or none, and nothing was found before; `whose` and
 * `what` name it. */
static csa_status look(replay *r, const csa_tensor *tensor, double most, const char *whose, const char *what) {
  double *values = NULL;
  char place[96];
  int64_t at = 0;
  if (r->found || tensor == NULL) return CSA_OK;
  const int64_t count = csa_elements(tensor->shape);
  CSA_TRY(csa_tensor_read_doubles(r->graph->device, tensor, &values));
  while (at < count && fabs(values[at]) <= most) at++;
  r->found = at < count;
  if (r->found) {
    place_of(tensor->shape, at, place);
    snprintf(r->text, CSA_WRONG_TEXT, "%s: element %s of %s is %g", whose, place, what, values[at]);
  }
  free(values);
  return CSA_OK;
}

static void name_of(const csa_layer *l, char text[CSA_TENSOR_NAME + 32]) {
  snprintf(text, CSA_TENSOR_NAME + 32, l->name[0] != '\0' ? "%s (%s)" : "%s%s", l->name, l->ops->name);
}

static csa_status look_forward(replay *r, const csa_layer *l) {
  char name[CSA_TENSOR_NAME + 32];
  name_of(l, name);
  if (l->ops == &csa_layer_loss) return look(r, l->saved[CSA_LOSS_VALUES], FINITE, name, "the losses of its images");
  return look(r, l->out, FINITE, name, "its output");
}

static csa_status look_backward(replay *r, const csa_layer *l) {
  char name[CSA_TENSOR_NAME + 32];
  name_of(l, name);
  CSA_TRY(look(r, l->dout, FINITE, name, "its output's gradient"));
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++)
    CSA_TRY(look(r, l->dparam[slot], SQUARE_FINITE, name, "a parameter's gradient"));
  return CSA_OK;
}

static csa_status search(replay *r) {
  const csa_graph *g = r->graph;
  for (size_t i = 0; i < g->parameters.count; i++)
    CSA_TRY(look(r, g->parameters.list[i].value, FINITE, g->parameters.list[i].name, "this parameter"));
  for (size_t i = 0; i < g->layer_count; i++) CSA_TRY(look_forward(r, &g->layers[i]));
  for (size_t i = g->layer_count; i-- > 0;) CSA_TRY(look_backward(r, &g->layers[i]));
  return CSA_OK;
}

/* By turns, as the step went. */
static csa_status repeat(replay *r, const csa_trainer *t, int index) {
  CSA_TRY(prepare(r, t, &t->replicas[index]));
  for (int number = 0; !r->found; number++) {
    const csa_turn turn = csa_step_turn(t, index, number);
    if (turn.images == 0) return CSA_OK;
    CSA_TRY(csa_step_feed(t, &turn, r->feed));
    CSA_TRY(csa_schedule_micro_step(r->graph));
    CSA_TRY(search(r));
  }
  return CSA_OK;
}

/* In this rank's part; an empty text: nowhere. */
static csa_status find_here(const csa_trainer *t, char text[CSA_WRONG_TEXT]) {
  csa_status status = CSA_OK;
  text[0] = '\0';
  for (int i = 0; i < t->replica_count && status == CSA_OK && text[0] == '\0'; i++) {
    replay r = {0};
    status = repeat(&r, t, i);
    if (r.found) memcpy(text, r.text, CSA_WRONG_TEXT);
    csa_feed_destroy(r.feed);
    csa_graph_destroy(r.graph);
  }
  return status;
}

csa_status csa_wrong_find(const csa_trainer *t, char text[CSA_WRONG_TEXT]) {
  char(*all)[CSA_WRONG_TEXT];
  CSA_TRY(csa_new(&all, (size_t)csa_ranks_count(), sizeof *all));
  char *own = all[csa_ranks_own()];
  if (find_here(t, own) != CSA_OK)
    snprintf(own, CSA_WRONG_TEXT, "where is not known: %.400s", csa_last_error()); /* no reason to lose the state */
  const csa_status status = csa_ranks_gather(all, sizeof *all);
  snprintf(text, CSA_WRONG_TEXT, "but they are when the step is repeated: the device is not to be trusted");
  for (int i = csa_ranks_count() - 1; i >= 0; i--)
    if (all[i][0] != '\0') memcpy(text, all[i], CSA_WRONG_TEXT);
  free(all);
  return status;
}
