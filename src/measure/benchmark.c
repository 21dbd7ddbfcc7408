#include "measure/benchmark.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/rng.h"
#include "device/gemm.h"
#include "device/peak.h"
#include "device/tune.h"
#include "model/feed.h"
#include "model/fit.h"
#include "model/optimizer.h"

#define BATCHES 4        /* of images that the steps take in turn */
#define RUN_SECONDS 0.25 /* of a run, at least */
#define PRODUCT_RUN 0.05 /* seconds */
#define PROFILES 3

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

double csa_median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, by_value);
  return values[count / 2];
}

static void summarise(csa_rate *rate, double values[CSA_BENCHMARK_RUNS]) {
  rate->images_per_s = csa_median(values, CSA_BENCHMARK_RUNS);
  rate->slowest = values[0];
  rate->fastest = values[CSA_BENCHMARK_RUNS - 1];
}

/* A model in training, and what feeds it. */
typedef struct {
  csa_graph *graph;
  csa_optimizer optimizer;
  csa_dataset data;
  csa_feed *feed;
  int64_t step;
} trainee;

static csa_status random_images(trainee *t, const csa_benchmark_config *c) {
  const csa_architecture *a = &c->architecture;
  const csa_rng rng = {c->seed, CSA_RNG_INIT, 0};
  const int64_t image = (int64_t)a->channels * a->image * a->image;
  csa_split *split = &t->data.train;
  t->data = (csa_dataset){.channels = a->channels, .height = a->image, .width = a->image, .classes = a->classes};
  split->count = (int64_t)BATCHES * c->batch;
  CSA_TRY(csa_new(&split->images, (size_t)(split->count * image), 1));
  CSA_TRY(csa_new(&split->labels, (size_t)split->count, sizeof *split->labels));
  for (int64_t i = 0; i < split->count * image; i++)
    split->images[i] = (uint8_t)(256.0f * csa_rng_uniform(&rng, (uint64_t)i));
  for (int64_t i = 0; i < split->count; i++) split->labels[i] = (int32_t)(i * 7 % a->classes);
  return CSA_OK;
}

static csa_status step(trainee *t, bool training) {
  csa_step_state state = {0};
  const int batch = t->graph->config.batch;
  if (training) csa_optimizer_step(&t->optimizer, t->step + 1, &state);
  CSA_TRY(csa_feed_batch(t->feed, t->step++ % BATCHES * batch, batch, &state));
  if (!training) return csa_schedule_forward(t->graph);
  CSA_TRY(csa_schedule_micro_step(t->graph));
  return csa_schedule_update(t->graph);
}

/* Everything up to the end of a first step, and what of that a second one does not take. */
static csa_status prepare(double *compile_s, trainee *t, csa_device *device, const csa_benchmark_config *c) {
  double seconds[2];
  CSA_TRY(csa_fit(&t->graph, &t->optimizer, device, &c->architecture,
                  (csa_graph_config){.choices = c->choices, .batch = c->batch, .training = true},
                  (csa_optimizer_config){.kind = CSA_ADAM, .lr = 1e-3f}));
  double start = csa_seconds();
  CSA_TRY(csa_fit_refused(csa_schedule_bind(t->graph), &t->graph, &t->optimizer, &c->architecture));
  *compile_s = csa_seconds() - start;
  CSA_TRY(csa_graph_initialize(t->graph, c->seed));
  CSA_TRY(random_images(t, c));
  start = csa_seconds();
  CSA_TRY(csa_feed_create(&t->feed, t->graph, &t->data, &t->data.train, NULL, 0));
  *compile_s += csa_seconds() - start;
  for (int i = 0; i < 2; i++) {
    start = csa_seconds();
    CSA_TRY(step(t, true));
    CSA_TRY(csa_device_finish(device));
    seconds[i] = csa_seconds() - start;
  }
  if (seconds[0] > seconds[1]) *compile_s += seconds[0] - seconds[1];
  return CSA_OK;
}

static void release(trainee *t) {
  csa_feed_destroy(t->feed);
  csa_graph_destroy(t->graph);
  free(t->data.train.images);
  free(t->data.train.labels);
}

static csa_status run(trainee *t, bool training, double *images_per_s, int *all_steps) {
  const double start = csa_seconds();
  double seconds;
  int steps = 0;
  do {
    CSA_TRY(step(t, training));
    CSA_TRY(csa_schedule_pace(t->graph));
    steps++;
    seconds = csa_seconds() - start;
  } while (seconds < RUN_SECONDS);
  CSA_TRY(csa_device_finish(t->graph->device));
  *images_per_s = (double)steps * t->graph->config.batch / (csa_seconds() - start);
  *all_steps += steps;
  return CSA_OK;
}

static csa_status measure_rates(csa_benchmark *b, trainee *t) {
  double rates[2][CSA_BENCHMARK_RUNS], ignored;
  csa_rate *of[2] = {&b->eval, &b->train};
  int warming = 0;
  for (int training = 0; training < 2; training++) CSA_TRY(run(t, training, &ignored, &warming));
  for (int i = 0; i < CSA_BENCHMARK_RUNS; i++)
    for (int training = 0; training < 2; training++)
      CSA_TRY(run(t, training, &rates[training][i], &of[training]->steps));
  for (int training = 0; training < 2; training++) summarise(of[training], rates[training]);
  return CSA_OK;
}

static csa_kernel_figures *figures_of(csa_benchmark *b, const char *name) {
  size_t i = 0;
  while (i < b->kernel_count && strcmp(b->kernels[i].name, name) != 0) i++;
  if (i == b->kernel_count) snprintf(b->kernels[b->kernel_count++].name, CSA_KERNEL_NAME, "%s", name);
  return &b->kernels[i];
}

static int by_seconds(const void *a, const void *b) {
  const csa_kernel_figures *x = a, *y = b;
  return x->seconds < y->seconds ? 1 : x->seconds > y->seconds ? -1 : 0;
}

static void add_launches(csa_benchmark *b, const csa_plan *plan, const csa_span *spans) {
  for (size_t i = 0; i < b->launch_count; i++) {
    const csa_plan_node *node = &plan->nodes[i];
    csa_kernel_figures *k = figures_of(b, node->kernel.name);
    k->calls++;
    k->seconds += spans[i].seconds;
    k->flops += node->flops;
    k->bytes += csa_plan_node_bytes(node);
    csa_launch_figures *l = &b->launches[i];
    snprintf(l->label, sizeof l->label, "%s", node->label);
    snprintf(l->name, sizeof l->name, "%s", node->kernel.name);
    l->span = spans[i];
    b->kernels_s += spans[i].seconds;
  }
  const csa_span last = spans[b->launch_count - 1];
  b->step_s = last.begin + last.seconds;
  qsort(b->kernels, b->kernel_count, sizeof *b->kernels, by_seconds);
}

/* The fastest, as others are disturbed. */
csa_status csa_benchmark_profile(csa_benchmark *b, csa_plan *plan) {
  csa_span *spans[2] = {NULL, NULL};
  double best = 0.0;
  csa_status status;
  b->launch_count = plan->node_count;
  CSA_GO(csa_new(&b->kernels, b->launch_count, sizeof *b->kernels));
  CSA_GO(csa_new(&b->launches, b->launch_count, sizeof *b->launches));
  for (int i = 0; i < 2; i++) CSA_GO(csa_new(&spans[i], b->launch_count, sizeof *spans[i]));
  for (int i = 0; i < PROFILES; i++) {
    CSA_GO(csa_plan_profile(plan, 0, b->launch_count, spans[1]));
    const csa_span last = spans[1][b->launch_count - 1];
    if (i > 0 && last.begin + last.seconds >= best) continue;
    best = last.begin + last.seconds;
    memcpy(spans[0], spans[1], b->launch_count * sizeof *spans[0]);
  }
  add_launches(b, plan, spans[0]);
done:
  free(spans[0]);
  free(spans[1]);
  return status;
}

csa_status csa_benchmark_model(csa_benchmark *b, csa_device *device, const csa_benchmark_config *c) {
  trainee t = {0};
  csa_status status;
  *b = (csa_benchmark){.batch = c->batch};
  CSA_GO(prepare(&b->compile_s, &t, device, c));
  b->choices = t.graph->plan->choices;
  b->choices.tuning = NULL;
  b->tuning = csa_tuning_to_json(t.graph->plan->tuning, true);
  if (b->tuning == NULL) CSA_GO(csa_fail(CSA_MEMORY, "bench: the host has no more memory"));
  b->bytes = csa_plan_bytes(t.graph->plan) + csa_feed_bytes(t.feed);
  CSA_GO(measure_rates(b, &t));
  status = csa_benchmark_profile(b, t.graph->plan);
done:
  release(&t);
  if (status != CSA_OK) csa_benchmark_fini(b);
  return status;
}

csa_status csa_benchmark_training(double *images_per_s, csa_device *device, const csa_benchmark_config *config) {
  trainee t = {0};
  double compile_s, rates[CSA_BENCHMARK_RUNS];
  int steps = 0;
  csa_status status;
  CSA_GO(prepare(&compile_s, &t, device, config));
  CSA_GO(run(&t, true, &rates[0], &steps)); /* to warm up */
  for (int i = 0; i < CSA_BENCHMARK_RUNS; i++) CSA_GO(run(&t, true, &rates[i], &steps));
  *images_per_s = csa_median(rates, CSA_BENCHMARK_RUNS);
done:
  release(&t);
  return status;
}

csa_status csa_benchmark_compile(double *seconds, csa_device *device, const csa_benchmark_config *config) {
  trainee t = {0};
  const csa_status status = prepare(seconds, &t, device, config);
  release(&t);
  return status;
}

void csa_benchmark_fini(csa_benchmark *b) {
  free(b->kernels);
  free(b->launches);
  json_decref(b->tuning);
  *b = (csa_benchmark){0};
}

/* A plan that does nothing but this product. */
static csa_status plan_product(csa_plan *plan, const csa_product *p) {
  csa_tensor *a, *b, *c;
  CSA_TRY(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape2(p->m, p->k), &a, "a"));
  CSA_TRY(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape2(p->k, p->n), &b, "b"));
  CSA_TRY(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape2(p->m, p->n), &c, "c"));
  CSA_TRY(csa_gemm(
      plan,
      &(csa_gemm_call){
          .m = p->m, .n = p->n, .k = p->k, .trans_a = p->trans_a, .trans_b = p->trans_b, .a = a, .b = b, .c = c}));
  CSA_TRY(csa_plan_place(plan));
  return csa_plan_bind(plan);
}

csa_status csa_benchmark_product(csa_device *device, const csa_product *p, double *gflops) {
  csa_plan *plan = NULL;
  double seconds[CSA_BENCHMARK_RUNS], ignored;
  csa_status status;
  CSA_GO(csa_plan_create(&plan, device, (csa_choices){.kernels = CSA_KERNELS_AUTO, .gemm = p->provider}));
  CSA_GO(plan_product(plan, p));
  CSA_GO(csa_plan_time(plan, PRODUCT_RUN, &ignored)); /* warms up */
  for (int i = 0; i < CSA_BENCHMARK_RUNS; i++) CSA_GO(csa_plan_time(plan, PRODUCT_RUN, &seconds[i]));
  *gflops = 2e-9 * p->m * p->n * p->k / csa_median(seconds, CSA_BENCHMARK_RUNS);
done:
  csa_plan_destroy(plan);
  return status;
}
