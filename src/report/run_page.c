#include "report/run_page.h"

#include <math.h>
#include <time.h>

#include "core/file.h"
#include "model/weights.h"
#include "report/curves.h"
#include "report/html.h"
#include "report/kernels.h"
#include "report/run_parts.h"
#include "train/history.h"

/* What is found out when the run is over. */
typedef struct {
  csa_trainer *trainer;
  csa_history history;
  csa_curves curves;
  csa_evaluation evaluation;
  csa_benchmark profile;
} run_page;

static csa_status load_weights(csa_trainer *t) {
  char path[CSA_PATH + 32];
  csa_safetensors *file = NULL;
  snprintf(path, sizeof path, "%s/model.safetensors", t->folder);
  CSA_TRY(csa_safetensors_open(&file, path));
  const csa_status status =
      csa_weights_read(t->replicas[0].graph, file, "", t->replicas[0].graph->parameters.values, NULL);
  csa_safetensors_close(file);
  return status;
}

static void print_head(const run_page *p, FILE *out) {
  const csa_trainer *t = p->trainer;
  const time_t now = time(NULL);
  struct tm parts;
  char title[CSA_TITLE], date[32], held[64] = "";
  if (t->validation_images > 0)
    snprintf(held, sizeof held, ", %lld held back for validation", (long long)t->validation_images);
  csa_curves_title(&t->config, title);
  localtime_r(&now, &parts);
  strftime(date, sizeof date, "%Y-%m-%d %H:%M", &parts);
  csa_html_begin(out, title);
  fprintf(out, "<header>\n");
  csa_html_element(out, "h1", "%s", title);
  csa_html_element(out, "p class=\"soft\"", "%s, %lld training and %lld test images%s · clsattn %s, commit %s · %s",
                   t->dataset->format, (long long)t->train_images, (long long)t->dataset->test.count, held,
                   csa_version(), csa_commit(), date);
  for (int i = 0; i < t->replica_count; i++) {
    const csa_device_info *info = &t->replicas[i].device->info;
    char share[64] = "";
    if (t->replica_count > 1)
      snprintf(share, sizeof share, " · %d images of a batch", t->shares.images[t->first_share + i]);
    csa_html_element(out, "p class=\"soft\"", "%s · driver %s%s", info->device, info->driver, share);
  }
  fprintf(out, "</header>\n");
}

/* `figure` names it for scripts, with the value in full. */
static void print_tile(FILE *out, const char *title, const char *figure, double value, double scale, int digits,
                       const char *unit) {
  if (!isfinite(value)) return;
  fprintf(out, "<div class=\"card tile\">");
  csa_html_element(out, "span", "%s", title);
  fprintf(out, "<b data-figure=\"%s\" data-value=\"%.17g\">%.*f%s</b></div>\n", figure, value, digits, scale * value,
          unit);
}

static void print_time(FILE *out, double seconds) {
  const long s = lround(seconds);
  fprintf(out,
          "<div class=\"card tile\"><span>training and tests</span><b data-figure=\"seconds\" "
          "data-value=\"%.17g\">",
          seconds);
  if (s >= 3600)
    fprintf(out, "%ld h %02ld min", s / 3600, s / 60 % 60);
  else if (s >= 60)
    fprintf(out, "%ld min %02ld s", s / 60, s % 60);
  else
    fprintf(out, "%.1f s", seconds);
  fprintf(out, "</b></div>\n");
}

static void print_tiles(const run_page *p, FILE *out) {
  const csa_history_row *last = csa_history_last(&p->history);
  const csa_trainer *t = p->trainer;
  const double *f = last->figure;
  fprintf(out, "<section class=\"tiles\">\n");
  print_tile(out, "test accuracy", "test_accuracy", f[CSA_OF_TEST_ACCURACY], 100.0, 2, " %");
  print_tile(out, "validation accuracy", "val_accuracy", f[CSA_OF_VAL_ACCURACY], 100.0, 2, " %");
  print_tile(out, "test loss", "test_loss", f[CSA_OF_TEST_LOSS], 1.0, 4, "");
  print_tile(out, "validation loss", "val_loss", f[CSA_OF_VAL_LOSS], 1.0, 4, "");
  print_tile(out, "training loss", "train_loss", f[CSA_OF_TRAIN_LOSS], 1.0, 4, "");
  print_tile(out, "epochs", "epoch", last->epoch, 1.0, 0, "");
  print_tile(out, "images/s", "images_per_s", f[CSA_OF_IMAGES_PER_S], 1.0, 0, "");
  print_time(out, f[CSA_OF_SECONDS]);
  print_tile(out, "parameters", "parameters", (double)csa_graph_parameter_count(t->replicas[0].graph), 1.0, 0, "");
  print_tile(out, "device memory", "bytes", (double)csa_trainer_bytes(t), 1.0 / 1048576.0, 1, " MiB");
  fprintf(out, "</section>\n");
}

static csa_status print_curves(const run_page *p, FILE *out) {
  fprintf(out, "<section>\n<h2>Curves</h2>\n<div class=\"grid\">\n");
  for (int i = 0; i < p->curves.count; i++) CSA_TRY(csa_plot_print(out, &p->curves.plots[i]));
  fprintf(out, "</div>\n</section>\n");
  return CSA_OK;
}

/* Last, as measuring moves the parameters. */
static csa_status print_kernels(run_page *p, FILE *out) {
  CSA_TRY(csa_benchmark_profile(&p->profile, p->trainer->replicas[0].graph->plan));
  fprintf(out, "<section>\n<h2>Where a step's time goes</h2>\n");
  csa_html_element(out, "p class=\"soft\"",
                   "One step of training took %.2f ms, its kernels %.2f ms: the fastest of a few, measured after the "
                   "last epoch.",
                   1e3 * p->profile.step_s, 1e3 * p->profile.kernels_s);
  fprintf(out, "<div class=\"card\" id=\"kernels\">\n");
  CSA_TRY(csa_kernels_print(out, &p->profile, NULL));
  fprintf(out, "</div>\n</section>\n");
  return CSA_OK;
}

static csa_status print_page(run_page *p, FILE *out) {
  csa_trainer *t = p->trainer;
  print_head(p, out);
  print_tiles(p, out);
  CSA_TRY(print_curves(p, out));
  csa_run_print_confusion(out, &p->evaluation, t->dataset);
  CSA_TRY(csa_run_print_mistakes(out, &p->evaluation, t->dataset));
  CSA_TRY(csa_run_print_looks(out, t, &p->evaluation));
  CSA_TRY(print_kernels(p, out));
  CSA_TRY(csa_run_print_settings(out, t->folder));
  csa_html_element(out, "footer",
                   "Figures are those of metrics.jsonl in the run folder; the model is model.safetensors "
                   "beside it, tested once more for this page.");
  csa_html_script(out);
  csa_html_end(out);
  return CSA_OK;
}

static csa_status write_page(run_page *p) {
  char path[CSA_PATH + 32];
  csa_file_writer *writer = NULL;
  snprintf(path, sizeof path, "%s/report.html", p->trainer->folder);
  CSA_TRY(csa_file_begin(&writer, path));
  return csa_file_close(writer, print_page(p, csa_file_stream(writer)));
}

csa_status csa_run_page_write(csa_trainer *t) {
  run_page p = {.trainer = t};
  csa_status status;
  CSA_GO(csa_history_read(&p.history, t->folder));
  if (csa_history_last(&p.history) == NULL) goto done;
  CSA_GO(csa_curves_make(&p.curves, &p.history));
  CSA_GO(load_weights(t));
  CSA_GO(csa_evaluate(&p.evaluation, &(csa_evaluator){t->replicas[0].graph, t->replicas[0].test_feed},
                      t->dataset->test.count));
  status = write_page(&p);
done:
  csa_benchmark_fini(&p.profile);
  csa_evaluation_fini(&p.evaluation);
  csa_curves_fini(&p.curves);
  csa_history_fini(&p.history);
  return status;
}
