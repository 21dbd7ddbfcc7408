#include "cli/listener.h"

#include "cli/live.h"
#include "core/clock.h"
#include "report/curves.h"
#include "report/run_page.h"

/* The live line goes, and what comes instead begins with the run's name. */
static void begin_line(const csa_listener *l) {
  csa_live_clear();
  fprintf(l->log, "%s%s", l->name, l->name[0] != '\0' ? ": " : "");
}

static void print_interval(void *user, int epoch, int64_t batch, double loss, double images_per_s) {
  const csa_listener *l = user;
  (void)images_per_s;
  csa_live_loss(loss);
  begin_line(l);
  fprintf(l->log, "[%d, %5lld] loss: %.3f\n", epoch, (long long)batch, loss);
  fflush(l->log);
}

static void draw_curves(const csa_trainer *t) {
  char title[CSA_TITLE];
  csa_curves_title(&t->config, title);
  if (csa_curves_write(t->folder, title) != CSA_OK) fprintf(stderr, "curves.svg: not drawn: %s\n", csa_last_error());
}

static void print_epoch(void *user, int epoch, const csa_progress *p, double images_per_s) {
  csa_listener *l = user;
  begin_line(l);
  fprintf(l->log, "epoch %d: train loss %.3f, ", epoch, p->train_loss);
  if (p->best_epoch > 0)
    fprintf(l->log, "validation loss %.3f, accuracy %.2f %%, ", p->val_loss, 100.0 * p->val_accuracy);
  fprintf(l->log, "test loss %.3f, test accuracy %.2f %%, %.0f images/s\n", p->test_loss, 100.0 * p->test_accuracy,
          images_per_s);
  fflush(l->log);
  const double start = csa_seconds();
  if (start < l->next_curves) return;
  draw_curves(l->trainer);
  l->next_curves = start + 20.0 * (csa_seconds() - start); /* they are of the whole history, which grows */
}

void csa_listen(csa_listener *l, csa_trainer *trainer, FILE *log, const char *name) {
  *l = (csa_listener){.trainer = trainer, .log = log, .name = name};
  trainer->observer = (csa_observer){.user = l,
                                     .on_interval = print_interval,
                                     .on_epoch = print_epoch,
                                     .on_step = csa_live_step,
                                     .on_test = csa_live_test};
  csa_live_begin(name, trainer);
  csa_live_say("compiling and testing kernels");
}

csa_status csa_listener_report(const csa_listener *l) {
  char why[1024];
  csa_live_say("making report.html");
  draw_curves(l->trainer);
  const csa_status status = csa_run_page_write(l->trainer);
  csa_live_clear();
  if (status == CSA_OK) return CSA_OK;
  snprintf(why, sizeof why, "%s", csa_last_error());
  return csa_fail(status, "report: %s\n  the run itself has ended well; to have its page: clsattn train --resume %s",
                  why, l->trainer->folder);
}
