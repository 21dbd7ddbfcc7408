#include "cli/compare_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A figure that every run has: how it is called in JSON, where it is, and how the table shows it. */
typedef struct {
  const char *key, *title;
  size_t offset; /* of a double in csa_compared_run */
  double scale;
  int digits;
  const char *unit;
} figure;

static const figure figures[] = {
    {"train_loss", "loss, training (last epoch)", offsetof(csa_compared_run, train_loss), 1.0, 3, ""},
    {"test_loss", "loss, test", offsetof(csa_compared_run, test_loss), 1.0, 3, ""},
    {"test_accuracy", "accuracy, test", offsetof(csa_compared_run, test_accuracy), 100.0, 2, " %"},
    {"images_per_s", "training, images/s", offsetof(csa_compared_run, images_per_s), 1.0, 0, ""},
    {"seconds", "time, evaluation included", offsetof(csa_compared_run, seconds), 1.0, 1, " s"},
};
#define FIGURES (sizeof figures / sizeof figures[0])

typedef struct {
  double mean, deviation;
} summary;

static double value(const csa_compared_run *run, const figure *f) {
  double v;
  memcpy(&v, (const char *)run + f->offset, sizeof v);
  return v;
}

static summary summarise(const csa_comparison *c, int model, const figure *f) {
  summary s = {0.0, 0.0};
  const csa_compared_run *runs = c->models[model].runs;
  for (int i = 0; i < c->seeds; i++) s.mean += value(&runs[i], f) / c->seeds;
  for (int i = 0; i < c->seeds && c->seeds > 1; i++)
    s.deviation += (value(&runs[i], f) - s.mean) * (value(&runs[i], f) - s.mean) / (c->seeds - 1);
  s.deviation = sqrt(s.deviation);
  return s;
}

static void summary_text(const csa_comparison *c, int model, const figure *f, char text[CSA_COMPARED_TEXT]) {
  const summary s = summarise(c, model, f);
  int used = snprintf(text, CSA_COMPARED_TEXT, "%.*f", f->digits, f->scale * s.mean);
  if (c->seeds > 1)
    used += snprintf(text + used, CSA_COMPARED_TEXT - (size_t)used, " ± %.*f", f->digits, f->scale * s.deviation);
  snprintf(text + used, CSA_COMPARED_TEXT - (size_t)used, "%s", f->unit);
}

bool csa_comparison_row(const csa_comparison *c, int row, const char **title,
                        char cells[CSA_COMPARED][CSA_COMPARED_TEXT]) {
  const int figure_row = row - 2;
  static const char *const others[] = {"parameters", "MFLOP an image: forward, training"};
  *title = row < 2 ? others[row] : figure_row < (int)FIGURES ? figures[figure_row].title : "device memory";
  for (int m = 0; m < CSA_COMPARED; m++) {
    const csa_compared_model *of = &c->models[m];
    if (row == 0)
      snprintf(cells[m], CSA_COMPARED_TEXT, "%lld", (long long)of->parameters);
    else if (row == 1)
      snprintf(cells[m], CSA_COMPARED_TEXT, "%.1f, %.1f", 1e-6 * of->flops_forward, 1e-6 * of->flops_training);
    else if (figure_row < (int)FIGURES)
      summary_text(c, m, &figures[figure_row], cells[m]);
    else
      snprintf(cells[m], CSA_COMPARED_TEXT, "%.1f MiB", (double)of->runs[0].bytes / 1048576.0);
  }
  return figure_row <= (int)FIGURES;
}

static const char *name_of(const csa_comparison *c, int model) { return c->models[model].config.architecture.model; }

void csa_comparison_name(const csa_comparison *c, int model, char name[CSA_COMPARED_TEXT]) {
  const char *patches = csa_architecture_patches_text(&c->models[model].config.architecture);
  snprintf(name, CSA_COMPARED_TEXT, "%s%s%s%s", name_of(c, model), patches != NULL ? " (" : "",
           patches != NULL ? patches : "", patches != NULL ? ")" : "");
}

void csa_comparison_settings(const csa_comparison *c, FILE *out) {
  const csa_config *settings = &c->models[0].config;
  fprintf(out,
          "%s, %lld training and %lld test images; %d epochs, batch %d, %s, learning rate %g; %d seed%s from %llu; %s",
          c->format, (long long)c->train_images, (long long)c->test_images, settings->epochs, settings->batch,
          csa_optimizer_names[settings->optimizer], settings->lr, c->seeds, c->seeds > 1 ? "s" : "",
          (unsigned long long)settings->seed, c->device);
}

/* Who is more accurate, and whether the seeds let one tell. */
static void say_accuracy(const csa_comparison *c, FILE *out) {
  const figure *accuracy = &figures[2];
  const summary s[CSA_COMPARED] = {summarise(c, 0, accuracy), summarise(c, 1, accuracy)};
  const int best = s[1].mean > s[0].mean ? 1 : 0, other = 1 - best;
  const double points = 100.0 * (s[best].mean - s[other].mean);
  const double spread = 200.0 * sqrt(s[0].deviation * s[0].deviation + s[1].deviation * s[1].deviation);
  if (points < 0.005)
    fprintf(out, "Both are equally accurate (%.2f %%)", 100.0 * s[best].mean);
  else
    fprintf(out, "The %s is %.2f points more accurate (%.2f %% against %.2f %%)", name_of(c, best), points,
            100.0 * s[best].mean, 100.0 * s[other].mean);
  if (c->seeds == 1)
    fprintf(out, "; that is one seed, which proves nothing: --seeds 3 shows how much of it is chance.\n");
  else
    fprintf(out, ", which is %sbeyond the spread over %d seeds (two standard deviations of the difference: %.2f).\n",
            points > spread ? "" : "not ", c->seeds, spread);
}

/* Who trains faster, and what memory it takes. */
static void say_speed(const csa_comparison *c, FILE *out) {
  const double rates[CSA_COMPARED] = {summarise(c, 0, &figures[3]).mean, summarise(c, 1, &figures[3]).mean};
  const int fast = rates[1] > rates[0] ? 1 : 0, slow = 1 - fast;
  const double bytes[CSA_COMPARED] = {(double)c->models[0].runs[0].bytes, (double)c->models[1].runs[0].bytes};
  if (!(rates[slow] > 0.0)) return;
  fprintf(
      out,
      "The %s trains %.3g times as fast (%.0f against %.0f images/s), with %.3g times the device memory, %.3g times "
      "the parameters and %.3g times the work of an image.\n",
      name_of(c, fast), rates[fast] / rates[slow], rates[fast], rates[slow], bytes[fast] / bytes[slow],
      (double)c->models[fast].parameters / (double)c->models[slow].parameters,
      c->models[fast].flops_training / c->models[slow].flops_training);
}

/* What accuracy costs. */
static void say_cost(const csa_comparison *c, FILE *out) {
  double points[CSA_COMPARED], parameters[CSA_COMPARED], work[CSA_COMPARED];
  for (int m = 0; m < CSA_COMPARED; m++) {
    points[m] = 100.0 * summarise(c, m, &figures[2]).mean;
    parameters[m] = points[m] / (1e-6 * (double)c->models[m].parameters);
    work[m] = points[m] / (1e-9 * c->models[m].flops_training);
  }
  const int best = parameters[1] > parameters[0] ? 1 : 0, other = 1 - best;
  fprintf(out,
          "A million parameters bring the %s %.3g points of accuracy and the %s %.3g; a GFLOP an image in training "
          "brings %.3g and %.3g.\n",
          name_of(c, best), parameters[best], name_of(c, other), parameters[other], work[best], work[other]);
}

void csa_comparison_verdict(const csa_comparison *c, FILE *out) {
  say_accuracy(c, out);
  say_speed(c, out);
  say_cost(c, out);
}

void csa_comparison_print(const csa_comparison *c, FILE *out) {
  char cells[CSA_COMPARED][CSA_COMPARED_TEXT];
  const char *title;
  csa_comparison_settings(c, out);
  fprintf(out, "\n\n| |");
  for (int m = 0; m < CSA_COMPARED; m++) {
    csa_comparison_name(c, m, cells[m]);
    fprintf(out, " %s |", cells[m]);
  }
  fprintf(out, "\n|---|---|---|\n");
  for (int row = 0; csa_comparison_row(c, row, &title, cells); row++)
    fprintf(out, "| %s | %s | %s |\n", title, cells[0], cells[1]);
  fprintf(out, "\n");
  csa_comparison_verdict(c, out);
}

static json_t *run_json(const csa_compared_run *r) {
  json_t *run =
      json_pack("{s:I, s:I, s:s}", "seed", (json_int_t)r->seed, "peak_bytes", (json_int_t)r->bytes, "out", r->folder);
  for (size_t f = 0; f < FIGURES; f++) json_object_set_new(run, figures[f].key, json_real(value(r, &figures[f])));
  return run;
}

static json_t *model_json(const csa_comparison *c, int index) {
  const csa_compared_model *m = &c->models[index];
  json_t *sizes = NULL, *runs = json_array(), *mean = json_object(), *deviation = json_object();
  if (csa_architecture_sizes(&m->config.architecture, &sizes) != CSA_OK) sizes = json_null();
  for (int i = 0; i < c->seeds; i++) json_array_append_new(runs, run_json(&m->runs[i]));
  for (size_t f = 0; f < FIGURES; f++) {
    const summary s = summarise(c, index, &figures[f]);
    json_object_set_new(mean, figures[f].key, json_real(s.mean));
    json_object_set_new(deviation, figures[f].key, json_real(s.deviation));
  }
  return json_pack("{s:s, s:o, s:I, s:f, s:f, s:o, s:o, s:o}", "model", name_of(c, index), "sizes", sizes, "parameters",
                   (json_int_t)m->parameters, "flops_forward", m->flops_forward, "flops_training", m->flops_training,
                   "runs", runs, "mean", mean, "std", deviation);
}

/* The lines of the verdict. */
static json_t *verdict_json(const csa_comparison *c) {
  json_t *lines = json_array();
  char *text = NULL, *rest = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return lines;
  csa_comparison_verdict(c, out);
  fclose(out);
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
    json_array_append_new(lines, json_string(line));
  free(text);
  return lines;
}

json_t *csa_comparison_json(const csa_comparison *c) {
  const csa_config *settings = &c->models[0].config;
  json_t *models = json_array();
  for (int m = 0; m < CSA_COMPARED; m++) json_array_append_new(models, model_json(c, m));
  return json_pack("{s:o, s:o, s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:f, s:i}", "verdict", verdict_json(c), "models",
                   models, "device", c->device, "data", settings->data, "train_images", (json_int_t)c->train_images,
                   "test_images", (json_int_t)c->test_images, "epochs", settings->epochs, "batch", settings->batch,
                   "optimizer", csa_optimizer_names[settings->optimizer], "lr", settings->lr, "seeds", c->seeds);
}
