#include "report/curves.h"

#include <math.h>
#include <string.h>

#include "core/file.h"

#define WITHIN_MOST 1000 /* points between epochs' ends */

/* The lines of the history that have `figure`: epochs' ends, or those in between, at most WITHIN_MOST of these. */
static csa_status take(csa_line *line, const csa_history *h, csa_history_figure figure, bool epoch_end) {
  const double steps = (double)csa_history_last(h)->step / csa_history_last(h)->epoch;
  size_t there = 0, seen = 0;
  for (size_t i = 0; i < h->count; i++) there += h->rows[i].epoch_end == epoch_end;
  const size_t every = epoch_end ? 1 : 1 + there / WITHIN_MOST;
  CSA_TRY(csa_new(&line->points, there + 1, sizeof *line->points));
  for (size_t i = 0; i < h->count; i++) {
    const csa_history_row *r = &h->rows[i];
    if (r->epoch_end != epoch_end || seen++ % every != 0 || !isfinite(r->figure[figure])) continue;
    line->points[line->count++] =
        (csa_point){.x = epoch_end ? r->epoch : (double)r->step / steps, .y = r->figure[figure]};
  }
  return CSA_OK;
}

static csa_status add(csa_plot *plot, const char *name, int colour, const csa_history *h, csa_history_figure figure,
                      bool epoch_end) {
  csa_line *line = &plot->lines[plot->count++];
  *line = (csa_line){.name = name, .colour = colour, .faint = !epoch_end};
  return take(line, h, figure, epoch_end);
}

static bool changes(const csa_history *h, csa_history_figure figure) {
  for (size_t i = 1; i < h->count; i++)
    if (h->rows[i].figure[figure] != h->rows[0].figure[figure]) return true;
  return false;
}

csa_status csa_curves_make(csa_curves *c, const csa_history *h) {
  *c = (csa_curves){.count = 2};
  csa_plot *loss = &c->plots[0], *accuracy = &c->plots[1], *lr = &c->plots[2];
  *loss = (csa_plot){.title = "Loss", .x_name = "epoch", .unit = "", .scale = 1.0};
  CSA_TRY(add(loss, "training", 1, h, CSA_OF_TRAIN_LOSS, true));
  CSA_TRY(add(loss, "test", 2, h, CSA_OF_TEST_LOSS, true));
  CSA_TRY(add(loss, "validation", 3, h, CSA_OF_VAL_LOSS, true));
  CSA_TRY(add(loss, "training, in between", 1, h, CSA_OF_TRAIN_LOSS, false));
  *accuracy = (csa_plot){.title = "Accuracy", .x_name = "epoch", .unit = " %", .scale = 100.0, .most = 1.0};
  CSA_TRY(add(accuracy, "test", 2, h, CSA_OF_TEST_ACCURACY, true));
  CSA_TRY(add(accuracy, "validation", 3, h, CSA_OF_VAL_ACCURACY, true));
  if (!changes(h, CSA_OF_LR)) return CSA_OK;
  c->count = 3;
  *lr = (csa_plot){.title = "Learning rate", .x_name = "epoch", .unit = "", .scale = 1.0};
  CSA_TRY(add(lr, "at the epoch's end", 1, h, CSA_OF_LR, true));
  return add(lr, "in between", 1, h, CSA_OF_LR, false);
}

void csa_curves_fini(csa_curves *c) {
  for (int p = 0; p < c->count; p++) csa_plot_fini(&c->plots[p]);
  *c = (csa_curves){0};
}

const char *csa_curves_data(const csa_config *c) {
  const char *slash = strrchr(c->data, '/');
  return slash != NULL && slash[1] != '\0' ? slash + 1 : c->data;
}

void csa_curves_title(const csa_config *c, char title[CSA_TITLE]) {
  char model[CSA_ARCHITECTURE_TITLE];
  csa_architecture_title(&c->architecture, model);
  snprintf(title, CSA_TITLE, "%s on %.200s", model, csa_curves_data(c));
}

static csa_status write_picture(const csa_curves *c, const char *folder, const char *title) {
  char path[1088];
  csa_file_writer *writer = NULL;
  snprintf(path, sizeof path, "%s/curves.svg", folder);
  CSA_TRY(csa_file_begin(&writer, path));
  csa_plot_picture(csa_file_stream(writer), title, c->plots, c->count);
  return csa_file_end(writer);
}

csa_status csa_curves_write(const char *folder, const char *title) {
  csa_history history = {0};
  csa_curves curves = {0};
  csa_status status;
  CSA_GO(csa_history_read(&history, folder));
  if (csa_history_last(&history) == NULL) goto done;
  CSA_GO(csa_curves_make(&curves, &history));
  status = write_picture(&curves, folder, title);
done:
  csa_curves_fini(&curves);
  csa_history_fini(&history);
  return status;
}
