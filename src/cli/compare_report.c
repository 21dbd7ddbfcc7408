#include "cli/compare_report.h"

#include <math.h>
#include <stdlib.h>

/* A figure that every run has: how it is called in JSON, and how the table shows it. */
typedef struct {
  const char *key, *title;
  csa_history_figure of;
  double scale;
  int digits;
  const char *unit;
} figure;

static const figure figures[] = {
    {"train_loss", "loss, training (last epoch)", CSA_OF_TRAIN_LOSS, 1.0, 3, ""},
    {"test_loss", "loss, test", CSA_OF_TEST_LOSS, 1.0, 3, ""},
    {"test_accuracy", "accuracy, test", CSA_OF_TEST_ACCURACY, 100.0, 2, " %"},
    {"images_per_s", "training, images/s", CSA_OF_IMAGES_PER_S, 1.0, 0, ""},
    {"seconds", "time, evaluation included", CSA_OF_SECONDS, 1.0, 1, " s"},
};
#define FIGURES (sizeof figures / sizeof figures[0])

typedef struct {
  double mean, deviation;
} summary;

static summary summarise(const csa_comparison *c, int model, csa_history_figure of) {
  summary s = {0.0, 0.0};
  const csa_compared_run *runs = c->models[model].runs;
  for (int i = 0; i < c->seeds; i++) s.mean += runs[i].figure[of] / c->seeds;
  for (int i = 0; i < c->seeds && c->seeds > 1; i++)
    s.deviation += (runs[i].figure[of] - s.mean) * (runs[i].figure[of] - s.mean) / (c->seeds - 1);
  s.deviation = sqrt(s.deviation);
  return s;
}

void csa_comparison_fini(csa_comparison *c) {
  for (int m = 0; m < CSA_COMPARED; m++) {
    for (int i = 0; i < c->seeds && c->models[m].runs != NULL; i++) csa_history_fini(&c->models[m].runs[i].history);
    free(c->models[m].runs);
  }
}

static const char *name_of(const csa_comparison *c, int model) { return c->models[model].config.architecture.model; }

void csa_comparison_settings(const csa_comparison *c, char text[CSA_COMPARED_TEXT]) {
  const csa_config *settings = &c->models[0].config;
  snprintf(
      text, CSA_COMPARED_TEXT,
      "%s, %lld training and %lld test images; %d epoch%s, batch %d, %s, learning rate %g; %d seed%s from %llu; %s",
      c->format, (long long)c->train_images, (long long)c->test_images, settings->epochs,
      settings->epochs > 1 ? "s" : "", settings->batch, csa_optimizer_names[settings->optimizer], settings->lr,
      c->seeds, c->seeds > 1 ? "s" : "", (unsigned long long)settings->seed, c->device);
}

/* ---- table */

static void put_summary(csa_table *t, const csa_comparison *c, int model, const figure *f) {
  const summary s = summarise(c, model, f->of);
  if (c->seeds > 1)
    csa_cell(t, "%.*f ± %.*f%s", f->digits, f->scale * s.mean, f->digits, f->scale * s.deviation, f->unit);
  else
    csa_cell(t, "%.*f%s", f->digits, f->scale * s.mean, f->unit);
}

void csa_comparison_table(const csa_comparison *c, csa_form form, FILE *out) {
  char names[CSA_COMPARED][CSA_ARCHITECTURE_TITLE];
  for (int m = 0; m < CSA_COMPARED; m++) csa_architecture_title(&c->models[m].config.architecture, names[m]);
  const csa_column columns[] = {{"", -1}, {names[0], 1}, {names[1], 1}};
  csa_table t = csa_table_begin(out, form, columns, 1 + CSA_COMPARED);
  csa_cell(&t, "parameters");
  for (int m = 0; m < CSA_COMPARED; m++) csa_cell(&t, "%lld", (long long)c->models[m].parameters);
  csa_cell(&t, "MFLOP an image: forward, training");
  for (int m = 0; m < CSA_COMPARED; m++)
    csa_cell(&t, "%.1f, %.1f", 1e-6 * c->models[m].flops_forward, 1e-6 * c->models[m].flops_training);
  for (size_t f = 0; f < FIGURES; f++) {
    csa_cell(&t, "%s", figures[f].title);
    for (int m = 0; m < CSA_COMPARED; m++) put_summary(&t, c, m, &figures[f]);
  }
  csa_cell(&t, "device memory");
  for (int m = 0; m < CSA_COMPARED; m++) csa_cell(&t, "%.1f MiB", (double)c->models[m].runs[0].bytes / 1048576.0);
  csa_table_end(&t);
}

/* ---- verdict */

/* Who is more accurate, and whether the seeds let one tell. */
static void say_accuracy(const csa_comparison *c, char text[CSA_COMPARED_TEXT]) {
  const summary s[CSA_COMPARED] = {summarise(c, 0, CSA_OF_TEST_ACCURACY), summarise(c, 1, CSA_OF_TEST_ACCURACY)};
  const int best = s[1].mean > s[0].mean ? 1 : 0, other = 1 - best;
  const double points = 100.0 * (s[best].mean - s[other].mean);
  const double spread = 200.0 * sqrt(s[0].deviation * s[0].deviation + s[1].deviation * s[1].deviation);
  char who[160];
  if (points < 0.005)
    snprintf(who, sizeof who, "Both are equally accurate (%.2f %%)", 100.0 * s[best].mean);
  else
    snprintf(who, sizeof who, "The %s is %.2f points more accurate (%.2f %% against %.2f %%)", name_of(c, best), points,
             100.0 * s[best].mean, 100.0 * s[other].mean);
  if (c->seeds == 1)
    snprintf(text, CSA_COMPARED_TEXT,
             "%s; that is one seed, which proves nothing: --seeds 3 shows how much of it is chance.", who);
  else
    snprintf(text, CSA_COMPARED_TEXT,
             "%s, which is %sbeyond the spread over %d seeds (two standard deviations of the difference: %.2f).", who,
             points > spread ? "" : "not ", c->seeds, spread);
}

/* Who trains faster, and what memory it takes; false where there is no rate. */
static bool say_speed(const csa_comparison *c, char text[CSA_COMPARED_TEXT]) {
  const double rates[] = {summarise(c, 0, CSA_OF_IMAGES_PER_S).mean, summarise(c, 1, CSA_OF_IMAGES_PER_S).mean};
  const int fast = rates[1] > rates[0] ? 1 : 0, slow = 1 - fast;
  const double bytes[CSA_COMPARED] = {(double)c->models[0].runs[0].bytes, (double)c->models[1].runs[0].bytes};
  if (!(rates[slow] > 0.0)) return false;
  snprintf(text, CSA_COMPARED_TEXT,
           "The %s trains %.3g times as fast (%.0f against %.0f images/s), with %.3g times the device memory, %.3g "
           "times the parameters and %.3g times the work of an image.",
           name_of(c, fast), rates[fast] / rates[slow], rates[fast], rates[slow], bytes[fast] / bytes[slow],
           (double)c->models[fast].parameters / (double)c->models[slow].parameters,
           c->models[fast].flops_training / c->models[slow].flops_training);
  return true;
}

/* What accuracy costs. */
static void say_cost(const csa_comparison *c, char text[CSA_COMPARED_TEXT]) {
  double parameters[CSA_COMPARED], work[CSA_COMPARED];
  for (int m = 0; m < CSA_COMPARED; m++) {
    const double points = 100.0 * summarise(c, m, CSA_OF_TEST_ACCURACY).mean;
    parameters[m] = points / (1e-6 * (double)c->models[m].parameters);
    work[m] = points / (1e-9 * c->models[m].flops_training);
  }
  const int best = parameters[1] > parameters[0] ? 1 : 0, other = 1 - best;
  snprintf(text, CSA_COMPARED_TEXT,
           "A million parameters bring the %s %.3g points of accuracy and the %s %.3g; a GFLOP an image in training "
           "brings %.3g and %.3g.",
           name_of(c, best), parameters[best], name_of(c, other), parameters[other], work[best], work[other]);
}

int csa_comparison_verdict(const csa_comparison *c, char sentences[CSA_COMPARED_VERDICT][CSA_COMPARED_TEXT]) {
  int count = 0;
  say_accuracy(c, sentences[count++]);
  count += say_speed(c, sentences[count]);
  say_cost(c, sentences[count++]);
  return count;
}

/* ---- Markdown and JSON */

void csa_comparison_print(const csa_comparison *c, FILE *out) {
  char settings[CSA_COMPARED_TEXT], verdict[CSA_COMPARED_VERDICT][CSA_COMPARED_TEXT];
  const int sentences = csa_comparison_verdict(c, verdict);
  csa_comparison_settings(c, settings);
  fprintf(out, "%s\n\n", settings);
  csa_comparison_table(c, CSA_AS_MARKDOWN, out);
  fprintf(out, "\n");
  for (int i = 0; i < sentences; i++) fprintf(out, "%s\n", verdict[i]);
}

static json_t *run_json(const csa_compared_run *r) {
  json_t *run =
      json_pack("{s:I, s:I, s:s}", "seed", (json_int_t)r->seed, "peak_bytes", (json_int_t)r->bytes, "out", r->folder);
  for (size_t f = 0; f < FIGURES; f++) json_object_set_new(run, figures[f].key, json_real(r->figure[figures[f].of]));
  return run;
}

static json_t *model_json(const csa_comparison *c, int index) {
  const csa_compared_model *m = &c->models[index];
  json_t *sizes = NULL, *runs = json_array(), *mean = json_object(), *deviation = json_object();
  if (csa_architecture_sizes(&m->config.architecture, &sizes) != CSA_OK) sizes = json_null();
  for (int i = 0; i < c->seeds; i++) json_array_append_new(runs, run_json(&m->runs[i]));
  for (size_t f = 0; f < FIGURES; f++) {
    const summary s = summarise(c, index, figures[f].of);
    json_object_set_new(mean, figures[f].key, json_real(s.mean));
    json_object_set_new(deviation, figures[f].key, json_real(s.deviation));
  }
  return json_pack("{s:s, s:o, s:I, s:f, s:f, s:o, s:o, s:o}", "model", name_of(c, index), "sizes", sizes, "parameters",
                   (json_int_t)m->parameters, "flops_forward", m->flops_forward, "flops_training", m->flops_training,
                   "runs", runs, "mean", mean, "std", deviation);
}

json_t *csa_comparison_json(const csa_comparison *c) {
  const csa_config *settings = &c->models[0].config;
  char sentences[CSA_COMPARED_VERDICT][CSA_COMPARED_TEXT];
  const int count = csa_comparison_verdict(c, sentences);
  json_t *models = json_array(), *verdict = json_array();
  for (int i = 0; i < count; i++) json_array_append_new(verdict, json_string(sentences[i]));
  for (int m = 0; m < CSA_COMPARED; m++) json_array_append_new(models, model_json(c, m));
  return json_pack("{s:o, s:o, s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:f, s:i}", "verdict", verdict, "models", models,
                   "device", c->device, "data", settings->data, "train_images", (json_int_t)c->train_images,
                   "test_images", (json_int_t)c->test_images, "epochs", settings->epochs, "batch", settings->batch,
                   "optimizer", csa_optimizer_names[settings->optimizer], "lr", settings->lr, "seeds", c->seeds);
}
