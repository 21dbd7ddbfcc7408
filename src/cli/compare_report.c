#include "cli/compare_report.h"

#include <math.h>
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

static void print_summary(const csa_comparison *c, int model, const figure *f, FILE *out) {
  const summary s = summarise(c, model, f);
  fprintf(out, " %.*f", f->digits, f->scale * s.mean);
  if (c->seeds > 1) fprintf(out, " ± %.*f", f->digits, f->scale * s.deviation);
  fprintf(out, "%s |", f->unit);
}

static const char *name_of(const csa_comparison *c, int model) { return c->models[model].config.architecture.model; }

/* "a is 1.93 points more accurate", or that the spread over seeds does not let one tell. */
static void print_verdict(const csa_comparison *c, FILE *out) {
  const figure *accuracy = &figures[2];
  const summary s[CSA_COMPARED] = {summarise(c, 0, accuracy), summarise(c, 1, accuracy)};
  const int best = s[1].mean > s[0].mean ? 1 : 0, other = 1 - best;
  const double points = 100.0 * (s[best].mean - s[other].mean);
  const double spread = 100.0 * sqrt(s[0].deviation * s[0].deviation + s[1].deviation * s[1].deviation);
  const csa_compared_model *b = &c->models[best], *o = &c->models[other];
  fprintf(out, "\nThe %s is %.2f points more accurate", name_of(c, best), points);
  if (c->seeds == 1)
    fprintf(out, " (one seed: --seeds shows how much of that is chance)");
  else if (points <= 2.0 * spread)
    fprintf(out, ", which is not beyond the spread over seeds (two standard deviations of the difference: %.2f)",
            2.0 * spread);
  fprintf(out, ", with %.3g times the parameters and %.3g times the work of an image in training.\n",
          (double)b->parameters / (double)o->parameters, b->flops_training / o->flops_training);
}

void csa_comparison_print(const csa_comparison *c, FILE *out) {
  const csa_config *settings = &c->models[0].config;
  fprintf(
      out,
      "%s, %lld training and %lld test images; %d epochs, batch %d, %s, learning rate %g; %d seed%s from %llu; %s\n\n",
      c->format, (long long)c->train_images, (long long)c->test_images, settings->epochs, settings->batch,
      csa_optimizer_text(settings->optimizer), settings->lr, c->seeds, c->seeds > 1 ? "s" : "",
      (unsigned long long)settings->seed, c->device);
  fprintf(out, "| |");
  for (int m = 0; m < CSA_COMPARED; m++) {
    const char *patches = csa_architecture_patches_text(&c->models[m].config.architecture);
    fprintf(out, " %s%s%s%s |", name_of(c, m), patches != NULL ? " (" : "", patches != NULL ? patches : "",
            patches != NULL ? ")" : "");
  }
  fprintf(out, "\n|---|---|---|\n| parameters |");
  for (int m = 0; m < CSA_COMPARED; m++) fprintf(out, " %lld |", (long long)c->models[m].parameters);
  fprintf(out, "\n| MFLOP an image: forward, training |");
  for (int m = 0; m < CSA_COMPARED; m++)
    fprintf(out, " %.1f, %.1f |", 1e-6 * c->models[m].flops_forward, 1e-6 * c->models[m].flops_training);
  for (size_t f = 0; f < FIGURES; f++) {
    fprintf(out, "\n| %s |", figures[f].title);
    for (int m = 0; m < CSA_COMPARED; m++) print_summary(c, m, &figures[f], out);
  }
  fprintf(out, "\n| device memory |");
  for (int m = 0; m < CSA_COMPARED; m++) fprintf(out, " %.1f MiB |", (double)c->models[m].runs[0].bytes / 1048576.0);
  fprintf(out, "\n");
  print_verdict(c, out);
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

json_t *csa_comparison_json(const csa_comparison *c) {
  const csa_config *settings = &c->models[0].config;
  json_t *models = json_array();
  for (int m = 0; m < CSA_COMPARED; m++) json_array_append_new(models, model_json(c, m));
  return json_pack("{s:o, s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:f, s:i}", "models", models, "device", c->device, "data",
                   settings->data, "train_images", (json_int_t)c->train_images, "test_images",
                   (json_int_t)c->test_images, "epochs", settings->epochs, "batch", settings->batch, "optimizer",
                   csa_optimizer_text(settings->optimizer), "lr", settings->lr, "seeds", c->seeds);
}
