/* `compare`'s page: verdict, table, curves of both models, and every run. */
#include <math.h>
#include <string.h>

#include "cli/compare_report.h"
#include "core/file.h"
#include "report/curves.h"
#include "report/html.h"

/* The figure at the end of `epoch`; NaN if the run did not come that far. */
static double at_epoch(const csa_history *h, int epoch, csa_history_figure figure) {
  for (size_t i = 0; i < h->count; i++)
    if (h->rows[i].epoch_end && h->rows[i].epoch == epoch) return h->rows[i].figure[figure];
  return (double)NAN;
}

/* Mean over seeds and what they span, for the epochs that every seed has. */
static csa_status take(csa_line *line, const csa_comparison *c, int model, csa_history_figure figure) {
  const int epochs = c->models[model].config.epochs;
  CSA_TRY(csa_new(&line->points, (size_t)epochs, sizeof *line->points));
  for (int epoch = 1; epoch <= epochs; epoch++) {
    csa_point p = {.x = epoch, .low = HUGE_VAL, .high = -HUGE_VAL};
    for (int s = 0; s < c->seeds; s++) {
      const double value = at_epoch(&c->models[model].runs[s].history, epoch, figure);
      p.y += value / c->seeds;
      p.low = fmin(p.low, value);
      p.high = fmax(p.high, value);
    }
    if (isfinite(p.y)) line->points[line->count++] = p;
  }
  return CSA_OK;
}

/* Every model's line of `figure`, or a thin one of what it says in training. */
static csa_status add_lines(csa_plot *plot, const csa_comparison *c, csa_history_figure figure, bool training,
                            char names[CSA_COMPARED][2 * CSA_ARCHITECTURE_TITLE]) {
  for (int m = 0; m < CSA_COMPARED; m++) {
    csa_line *line = &plot->lines[plot->count++];
    char title[CSA_ARCHITECTURE_TITLE];
    csa_architecture_title(&c->models[m].config.architecture, title);
    snprintf(names[m], sizeof names[m], "%s%s", title, training ? ", training" : "");
    *line = (csa_line){.name = names[m], .colour = m + 1, .faint = training, .band = !training && c->seeds > 1};
    CSA_TRY(take(line, c, m, figure));
  }
  return CSA_OK;
}

static csa_status print_plots(csa_plot plots[2], const csa_comparison *c, FILE *out) {
  char names[3][CSA_COMPARED][2 * CSA_ARCHITECTURE_TITLE];
  CSA_TRY(add_lines(&plots[0], c, CSA_OF_TEST_ACCURACY, false, names[0]));
  CSA_TRY(add_lines(&plots[1], c, CSA_OF_TEST_LOSS, false, names[1]));
  CSA_TRY(add_lines(&plots[1], c, CSA_OF_TRAIN_LOSS, true, names[2]));
  for (int i = 0; i < 2; i++) CSA_TRY(csa_plot_print(out, &plots[i]));
  return CSA_OK;
}

static csa_status print_curves(const csa_comparison *c, FILE *out) {
  csa_plot plots[2] = {
      {.title = "Accuracy, test", .x_name = "epoch", .unit = " %", .scale = 100.0, .most = 1.0},
      {.title = "Loss, test", .x_name = "epoch", .unit = "", .scale = 1.0},
  };
  fprintf(out, "<section>\n<h2>Curves</h2>\n");
  if (c->seeds > 1)
    csa_html_element(out, "p class=\"soft\"",
                     "Lines are means over %d seeds; the bands reach from the least to the most.", c->seeds);
  fprintf(out, "<div class=\"grid\">\n");
  const csa_status status = print_plots(plots, c, out);
  for (int i = 0; i < 2; i++) csa_plot_fini(&plots[i]);
  fprintf(out, "</div>\n</section>\n");
  return status;
}

static void print_head(const csa_comparison *c, FILE *out) {
  char titles[CSA_COMPARED][CSA_ARCHITECTURE_TITLE], settings[CSA_COMPARED_TEXT];
  char verdict[CSA_COMPARED_VERDICT][CSA_COMPARED_TEXT];
  const int sentences = csa_comparison_verdict(c, verdict);
  for (int m = 0; m < CSA_COMPARED; m++) csa_architecture_title(&c->models[m].config.architecture, titles[m]);
  csa_comparison_settings(c, settings);
  csa_html_begin(out, "clsattn compare");
  fprintf(out, "<header>\n");
  csa_html_element(out, "h1", "%s and %s on %s", titles[0], titles[1], csa_curves_data(&c->models[0].config));
  csa_html_element(out, "p class=\"soft\"", "%s", settings);
  fprintf(out, "</header>\n<section class=\"card\" id=\"verdict\">\n");
  for (int i = 0; i < sentences; i++) csa_html_element(out, "p", "%s", verdict[i]);
  fprintf(out, "</section>\n");
}

static void print_figures(const csa_comparison *c, FILE *out) {
  fprintf(out, "<section>\n<h2>Figures</h2>\n");
  if (c->seeds > 1)
    csa_html_element(out, "p class=\"soft\"", "Means over %d seeds ± sample standard deviation.", c->seeds);
  fprintf(out, "<div class=\"card\" id=\"figures\">\n");
  csa_comparison_table(c, CSA_AS_HTML, out);
  fprintf(out, "</div>\n</section>\n");
}

/* Runs stand beside the page, so that links are without the folder. */
static void put_run(csa_table *t, const csa_compared_run *r) {
  const char *slash = strrchr(r->folder, '/'), *name = slash != NULL ? slash + 1 : r->folder;
  char page[CSA_PATH + 16];
  snprintf(page, sizeof page, "%s/report.html", name);
  csa_cell_link(t, page, name);
  csa_cell(t, "%.2f %%", 100.0 * r->figure[CSA_OF_TEST_ACCURACY]);
  csa_cell(t, "%.4f", r->figure[CSA_OF_TEST_LOSS]);
  csa_cell(t, "%.4f", r->figure[CSA_OF_TRAIN_LOSS]);
  csa_cell(t, "%.0f", r->figure[CSA_OF_IMAGES_PER_S]);
  csa_cell(t, "%.1f s", r->figure[CSA_OF_SECONDS]);
}

static void print_runs(const csa_comparison *c, FILE *out) {
  static const csa_column columns[] = {{"run", -1},           {"accuracy, test", 1}, {"loss, test", 1},
                                       {"loss, training", 1}, {"images/s", 1},       {"time", 1}};
  fprintf(out, "<section>\n<h2>Runs</h2>\n<div class=\"card\" id=\"runs\">\n");
  csa_table t = csa_table_begin(out, CSA_AS_HTML, columns, 6);
  for (int m = 0; m < CSA_COMPARED; m++)
    for (int s = 0; s < c->seeds; s++) put_run(&t, &c->models[m].runs[s]);
  csa_table_end(&t);
  fprintf(out, "</div>\n</section>\n");
}

static csa_status print_page(const csa_comparison *c, FILE *out) {
  print_head(c, out);
  CSA_TRY(print_curves(c, out));
  print_figures(c, out);
  print_runs(c, out);
  csa_html_element(out, "footer", "clsattn %s, commit %s. The verdict is computed from the figures.", csa_version(),
                   csa_commit());
  csa_html_script(out);
  csa_html_end(out);
  return CSA_OK;
}

csa_status csa_comparison_page(const csa_comparison *c, const char *path) {
  csa_file_writer *writer = NULL;
  CSA_TRY(csa_file_begin(&writer, path));
  return csa_file_close(writer, print_page(c, csa_file_stream(writer)));
}
