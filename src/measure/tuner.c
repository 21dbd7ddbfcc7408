#include "measure/tuner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "measure/benchmark.h"
#include "measure/candidates.h"
#include "measure/tuner_race.h"
#include "model/fit.h"

#define CLBLAST_PRODUCTS 6
#define LAYER_ELEMENTS (2 << 20) /* of the input of a layer that is tried alone, at most */
#define WORTH 1.03               /* so many times as fast as the defaults, else those stay: less is noise */

/* What kernels of the models ask for, each kernel and shape once. */
typedef struct {
  csa_tuning_entry asked;
  csa_contest_spec layer; /* that asks; of products nobody in particular */
} question;

typedef struct {
  question *list;
  size_t count, capacity;
} questions;

/* Operations of the products of a step, for which it is asked. */
static double weight(const csa_tuning_entry *asked) {
  csa_gemm_call g;
  csa_dtype types[3];
  if (!csa_gemm_parse_shape(asked->shape, &g, types)) return 0.0;
  return csa_contest_flops(&g) * asked->uses;
}

/* What is worth most comes first: products, the largest before, then the rest. */
static int by_weight(const void *a, const void *b) {
  const csa_tuning_entry *p = &((const question *)a)->asked, *q = &((const question *)b)->asked;
  const double x = weight(p), y = weight(q);
  if (x != y) return x < y ? 1 : -1;
  const int order = strcmp(p->kernel, q->kernel);
  return order != 0 ? order : strcmp(p->shape, q->shape);
}

static csa_status add_question(questions *all, const csa_tuning_entry *asked, const csa_contest_spec *layer) {
  for (size_t i = 0; i < all->count; i++)
    if (strcmp(all->list[i].asked.kernel, asked->kernel) == 0 && strcmp(all->list[i].asked.shape, asked->shape) == 0) {
      if (layer == NULL) all->list[i].asked.uses += asked->uses;
      return CSA_OK;
    }
  CSA_TRY(csa_grow(&all->list, all->count, &all->capacity, sizeof *all->list));
  all->list[all->count++] = (question){*asked, layer != NULL ? *layer : (csa_contest_spec){0}};
  return CSA_OK;
}

/* Questions of a plan about products, or with `layer` about all else. */
static csa_status add_questions(questions *all, const csa_tuning *asked, const csa_contest_spec *layer) {
  for (size_t i = 0; i < asked->count; i++) {
    const csa_tuning_entry *e = &asked->entries[i];
    const bool product = strcmp(e->kernel, "gemm_tile") == 0 || strcmp(e->kernel, "gemm_panels") == 0;
    if (e->uses == 0 || csa_candidates_of(e->kernel) == NULL || product != (layer == NULL)) continue;
    if (!product || weight(e) > 0.0) CSA_TRY(add_question(all, e, layer));
  }
  return CSA_OK;
}

/* A layer asks by itself, with fewer images where they are large. The loss, which reads labels, asks nothing. */
static csa_status ask_layer(questions *all, csa_device *device, csa_choices choices, const csa_layer *l) {
  csa_graph *graph;
  csa_contest_spec spec = {.ops = l->ops, .config = l->config, .in = l->in[0]->shape};
  if (l->ops == &csa_layer_loss) return CSA_OK;
  if (l->in[1] != NULL) spec.residual = l->in[1]->shape;
  const int64_t images = spec.in.dim[0], most = LAYER_ELEMENTS / (csa_elements(spec.in) / images);
  if (images > most && most > 0) {
    spec.in.dim[0] = most;
    if (spec.residual.rank > 0) spec.residual.dim[0] = most;
  }
  CSA_TRY(csa_contest_layer(&graph, device, choices, &spec));
  const csa_status status = add_questions(all, graph->plan->tuning, &spec);
  csa_graph_destroy(graph);
  return status;
}

/* What a model asks for while it is recorded; nothing is allocated on the device. */
static csa_status ask(questions *all, csa_device *device, const csa_tuner *t, const csa_architecture *model) {
  const csa_tuning none = {.trial = true};
  csa_choices choices = t->choices;
  csa_graph *graph;
  csa_optimizer optimizer;
  choices.gemm = CSA_GEMM_NATIVE;
  choices.tuning = &none;
  CSA_TRY(csa_fit(&graph, &optimizer, device, model,
                  (csa_graph_config){.choices = choices, .batch = t->batch, .training = true},
                  (csa_optimizer_config){.kind = CSA_ADAM, .lr = 1e-3f}));
  csa_status status = add_questions(all, graph->plan->tuning, NULL);
  for (size_t i = 0; i < graph->layer_count && status == CSA_OK; i++)
    status = ask_layer(all, device, choices, &graph->layers[i]);
  csa_graph_destroy(graph);
  return status;
}

/* A search: the best so far, and contenders who would like to be. */
typedef struct {
  const csa_subject *subject;
  csa_contender contenders[CSA_CONTENDERS_MAX];
  int count;
  csa_tuning_entry best;
  double default_s, best_s, gain;
  int tried, wrong;
} search;

static void clear(search *s) {
  memset(s->contenders, 0, sizeof s->contenders);
  s->count = 1; /* the defaults */
}

static void add(search *s, const csa_tuning_entry *entry) {
  if (s->count < CSA_CONTENDERS_MAX) s->contenders[s->count++].entry = *entry;
}

/* Lets them run; the best is then who was faster than the defaults by more than noise, and the most so. */
static csa_status round_of(search *s, bool whole) {
  int best = 0;
  double most = WORTH;
  CSA_TRY(csa_contest_run(s->subject, s->contenders, s->count, whole));
  for (int i = 1; i < s->count; i++) {
    const csa_contender *c = &s->contenders[i];
    s->wrong += c->fault[0] != '\0';
    if (c->fault[0] != '\0' || c->seconds == 0.0 || !c->sure || c->gain < most) continue;
    best = i;
    most = c->gain;
  }
  s->tried += s->count - 1;
  s->best = s->contenders[best].entry;
  s->default_s = s->contenders[0].seconds;
  s->best_s = best > 0 ? s->contenders[best].seconds : s->default_s;
  s->gain = best > 0 ? most : 1.0;
  return CSA_OK;
}

/* Steps that made the last round's base faster, in one. */
static csa_tuning_entry together(const search *s, const csa_candidates *c, const csa_tuning_entry *base) {
  const double base_gain = base->count > 0 ? s->contenders[1].gain : 1.0;
  csa_tuning_entry entry = *base;
  for (int i = 0; c->steps[i] != NULL; i++)
    for (int j = 1; j < s->count; j++) {
      const csa_tuning_entry stepped = csa_candidate(base, c->steps[i]);
      const csa_contender *of = &s->contenders[j];
      if (of->seconds > 0.0 && of->gain > base_gain && csa_tuning_same(&of->entry, &stepped))
        entry = csa_candidate(&entry, c->steps[i]);
    }
  return entry;
}

static csa_status search_for(search *s) {
  const csa_candidates *c = csa_candidates_of(s->subject->kernel);
  clear(s);
  for (int i = 0; c->sets[i] != NULL; i++) {
    const csa_tuning_entry entry = csa_candidate(&s->best, c->sets[i]);
    add(s, &entry);
  }
  CSA_TRY(round_of(s, false));
  const csa_tuning_entry base = s->best;
  clear(s);
  if (base.count > 0) add(s, &base);
  for (int i = 0; c->steps[i] != NULL; i++) {
    const csa_tuning_entry entry = csa_candidate(&base, c->steps[i]);
    add(s, &entry);
  }
  CSA_TRY(round_of(s, false));
  const csa_tuning_entry stepped = s->best;
  const csa_tuning_entry all = together(s, c, &base);
  if (stepped.count == 0 && all.count == 0) return CSA_OK;
  clear(s);
  if (stepped.count > 0) add(s, &stepped);
  if (!csa_tuning_same(&all, &stepped)) add(s, &all);
  return round_of(s, true); /* at full size, where it was cut before */
}

/* Keeps what was found, in memory and on disk. */
static csa_status store(csa_device *device, const search *s, csa_tuned_result *result) {
  csa_tuning_entry entry = s->best;
  memcpy(entry.kernel, s->subject->kernel, sizeof entry.kernel);
  memcpy(entry.shape, s->subject->shape, sizeof entry.shape);
  entry.gain = s->gain;
  result->entry = entry;
  result->default_s = s->default_s;
  result->best_s = s->best_s;
  result->tried = s->tried;
  result->wrong = s->wrong;
  CSA_TRY(csa_tuning_put(device->tuning, &entry));
  return csa_tuning_keep(device->tuning, &device->info);
}

static csa_status tune_one(csa_device *device, const csa_tuner *t, const question *q, double deadline,
                           csa_tuned_result *result) {
  search *s = NULL;
  csa_status status;
  csa_subject subject = {.device = device,
                         .layer = q->layer,
                         .choices = t->choices,
                         .stop = t->stop,
                         .deadline = deadline,
                         .user = t->observer.user,
                         .on_note = t->observer.on_note};
  subject.choices.gemm = CSA_GEMM_NATIVE;
  memcpy(subject.kernel, q->asked.kernel, sizeof subject.kernel);
  memcpy(subject.shape, q->asked.shape, sizeof subject.shape);
  if (csa_gemm_parse_shape(q->asked.shape, &subject.product, subject.types))
    result->flops = csa_contest_flops(&subject.product);
  CSA_GO(csa_new(&s, 1, sizeof *s));
  s->subject = &subject;
  CSA_GO(search_for(s));
  status = store(device, s, result);
done:
  free(s);
  return status;
}

/* The products, or all else. */
static csa_status tune_all(csa_device *device, const csa_tuner *t, const questions *all, bool products, double deadline,
                           int *left) {
  const csa_tuner_observer *o = &t->observer;
  for (size_t i = 0; i < all->count; i++) {
    const csa_tuning_entry *q = &all->list[i].asked, *known = csa_tuning_find(device->tuning, q->kernel, q->shape);
    csa_tuned_result result = {0};
    if (products != (weight(q) > 0.0)) continue;
    if (known != NULL && known->gain > 0.0 && !t->again) {
      result.entry = *known;
      result.known = true;
    } else {
      if (o->on_begin != NULL) o->on_begin(o->user, q->kernel, q->shape, (int)i + 1, (int)all->count);
      CSA_TRY(tune_one(device, t, &all->list[i], deadline, &result));
    }
    if (o->on_result != NULL) o->on_result(o->user, &result);
    *left -= 1;
  }
  return CSA_OK;
}

/* CLBlast serves GPUs, and who asks for it. */
static bool wants_clblast(const csa_device *device, const csa_tuner *t) {
  return t->choices.gemm == CSA_GEMM_AUTO ? device->info.type != CSA_CPU : t->choices.gemm == CSA_GEMM_CLBLAST;
}

/* With the products that take longest. */
static csa_status tune_clblast(csa_device *device, const csa_tuner *t, const questions *all, double deadline) {
  csa_product_use products[CLBLAST_PRODUCTS];
  int count = 0;
  for (size_t i = 0; i < all->count && count < CLBLAST_PRODUCTS; i++) {
    if (weight(&all->list[i].asked) == 0.0) continue;
    memcpy(products[count].shape, all->list[i].asked.shape, sizeof products[count].shape);
    products[count++].uses = all->list[i].asked.uses;
  }
  return csa_tune_clblast(device, t, products, count, deadline);
}

/* How fast the device trains a model with what was found: by that several devices share a batch. */
static csa_status measure_training(csa_device *device, const csa_tuner *t, const csa_architecture *a) {
  const csa_tuner_observer *o = &t->observer;
  csa_tuned_result r = {.entry = {.kernel = "train", .gain = 1.0}};
  double images_per_s;
  snprintf(r.entry.shape, sizeof r.entry.shape, "%s", a->model);
  const csa_tuning_entry *known = csa_tuning_find(device->tuning, r.entry.kernel, r.entry.shape);
  if (known != NULL && !t->again) return CSA_OK;
  if (o->on_begin != NULL) o->on_begin(o->user, r.entry.kernel, r.entry.shape, 1, 1);
  CSA_TRY(csa_benchmark_training(
      &images_per_s, device, &(csa_benchmark_config){.architecture = *a, .batch = t->batch, .choices = t->choices}));
  csa_tuning_set(&r.entry, "IMAGES_PER_S", images_per_s >= 1.0 ? (int)(images_per_s + 0.5) : 1);
  r.default_s = r.best_s = t->batch / images_per_s;
  r.tried = 1;
  CSA_TRY(csa_tuning_put(device->tuning, &r.entry));
  CSA_TRY(csa_tuning_keep(device->tuning, &device->info));
  if (o->on_result != NULL) o->on_result(o->user, &r);
  return CSA_OK;
}

csa_status csa_tune(csa_device *device, const csa_tuner *t, int *left) {
  const double deadline = csa_seconds() + t->seconds;
  const bool clblast = wants_clblast(device, t), native = t->choices.gemm != CSA_GEMM_CLBLAST;
  questions all = {0};
  csa_status status = CSA_OK;
  *left = 0;
  for (int i = 0; i < t->model_count; i++) CSA_GO(ask(&all, device, t, &t->models[i]));
  if (all.count > 0) qsort(all.list, all.count, sizeof *all.list, by_weight);
  *left = (int)all.count + clblast;
  if (native)
    CSA_GO(tune_all(device, t, &all, true, deadline, left));
  else
    for (size_t i = 0; i < all.count; i++) *left -= weight(&all.list[i].asked) > 0.0;
  if (clblast) {
    CSA_GO(tune_clblast(device, t, &all, deadline));
    *left -= 1;
  }
  CSA_GO(tune_all(device, t, &all, false, deadline, left));
  for (int i = 0; i < t->model_count; i++) CSA_GO(measure_training(device, t, &t->models[i]));
done:
  free(all.list);
  return status;
}
