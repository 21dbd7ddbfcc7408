#include "selftest/selftest.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "device/cache.h"
#include "device/program.h"
#include "device/tune.h"
#include "model/architecture.h"
#include "selftest/cases.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { QUICK_IMAGES = 2, IMAGES = 3 }; /* of a layer's case; of three, weight gradients of convolutions take turns */

/* What is being tested, and the cases that ran. */
typedef struct {
  csa_ledger ledger;
  csa_device *device;
  csa_choices choices;
  int images;
  char (*done)[CSA_TRIAL_TEXT + 16]; /* layers, as text */
  size_t done_count, done_capacity;
} self_test;

static void self_test_fini(self_test *t) {
  csa_ledger_fini(&t->ledger);
  free(t->done);
}

static csa_trial_case case_of(const csa_layer *l, int images) {
  csa_trial_case c = {.ops = l->ops,
                      .config = l->config,
                      .in = l->in[0]->shape,
                      .joins = l->dother != NULL,
                      .input_gradient = l->din != NULL};
  c.in.dim[0] = images;
  if (l->in[1] != NULL) {
    c.residual = l->in[1]->shape;
    c.residual.dim[0] = images;
  }
  return c;
}

/* Runs the case, unless it has run before. */
static csa_status run_layer(self_test *t, const csa_trial_case *c) {
  char text[CSA_TRIAL_TEXT], name[CSA_TRIAL_TEXT + 16];
  snprintf(name, sizeof name, "%s %s", c->ops->name, csa_trial_text(c, text));
  for (size_t i = 0; i < t->done_count; i++)
    if (strcmp(t->done[i], name) == 0) return CSA_OK;
  CSA_TRY(csa_grow(&t->done, t->done_count, &t->done_capacity, sizeof *t->done));
  memcpy(t->done[t->done_count++], name, sizeof name);
  return csa_selftest_layer(&t->ledger, t->device, t->choices, c);
}

static csa_status run_products(self_test *t, const csa_plan *plan) {
  for (size_t i = 0; i < plan->node_count; i++) {
    const csa_gemm_call *call = plan->nodes[i].product;
    char text[CSA_GEMM_TEXT];
    if (call == NULL || csa_ledger_has_product(&t->ledger, csa_gemm_call_text(call, text))) continue;
    CSA_TRY(csa_selftest_product(&t->ledger, t->device, t->choices, call));
  }
  return CSA_OK;
}

static csa_status run_layers(self_test *t, const csa_graph *graph) {
  for (size_t i = 0; i < graph->layer_count; i++) {
    const csa_layer *l = &graph->layers[i];
    if (l->ops == &csa_layer_loss) continue;
    const bool slow = l->ops == &csa_layer_conv2d && t->images == QUICK_IMAGES; /* for the reference */
    const csa_trial_case c = case_of(l, slow ? 1 : t->images);
    CSA_TRY(run_layer(t, &c));
  }
  return CSA_OK;
}

/* The sum of gradients after a layer that does not add them itself, where the graph has such a sum. */
static csa_status run_join(self_test *t, const csa_plan *plan) {
  const csa_trial_case c = {.ops = &csa_layer_select, .in = csa_shape3(3, 4, 5), .joins = true, .input_gradient = true};
  for (size_t i = 0; i < plan->node_count; i++)
    if (strcmp(plan->nodes[i].kernel.name, "join_add") == 0) return run_layer(t, &c);
  return CSA_OK;
}

/* All of one recorded graph, products first: layers are made of them. */
static csa_status run_graph(self_test *t, const csa_graph *graph, const csa_augment *augment) {
  const csa_shape in = graph->input->shape;
  CSA_TRY(csa_ledger_use(&t->ledger, graph->plan));
  CSA_TRY(run_products(t, graph->plan));
  CSA_TRY(run_layers(t, graph));
  CSA_TRY(run_join(t, graph->plan));
  CSA_TRY(csa_selftest_gather(&t->ledger, t->device, t->choices, (int)in.dim[1], (int)in.dim[3], augment));
  return csa_selftest_loss(&t->ledger, t->device, t->choices, (int)csa_cols(graph->out->shape),
                           graph->config.smoothing);
}

/* What a training does, beside the model. */
typedef struct {
  csa_optimizer_config optimizer;
  csa_augment augment;
  float smoothing;
} practice;

static csa_status run_model(self_test *t, const char *name, bool grid, const practice *p, int batch) {
  const csa_graph_config config = {.choices = t->choices, .batch = batch, .training = true, .smoothing = p->smoothing};
  csa_architecture a;
  csa_optimizer recorded;
  csa_graph *graph = NULL;
  csa_status status;
  CSA_GO(csa_architecture_default(&a, name));
  a.grid = grid;
  CSA_GO(csa_graph_create(&graph, t->device, config));
  CSA_GO(csa_architecture_build(&a, graph));
  CSA_GO(csa_optimizer_record(&recorded, graph, p->optimizer));
  CSA_GO(csa_plan_compile(graph->plan));
  CSA_GO(run_graph(t, graph, &p->augment));
  status = csa_selftest_optimizer(&t->ledger, t->device, t->choices, &p->optimizer);
done:
  csa_graph_destroy(graph);
  return status;
}

/* Sizes that fit no tile, vector or work-group, and what the default models leave out. */
static csa_status run_odd_layers(self_test *t) {
  const csa_trial_case cases[] = {
      {.ops = &csa_layer_linear, .config = {.out = 7, .relu = true}, .in = csa_shape2(3, 5)},
      {.ops = &csa_layer_linear, .config = {.out = 33}, .in = csa_shape2(7, 65), .residual = csa_shape2(7, 33)},
      {.ops = &csa_layer_layernorm, .config = {.relu = true}, .in = csa_shape2(5, 33), .joins = true},
      {.ops = &csa_layer_batchnorm, .config = {.relu = true}, .in = csa_shape4(3, 5, 7, 33), .active = 2},
      {.ops = &csa_layer_batchnorm, .in = csa_shape4(3, 5, 7, 32), .residual = csa_shape4(3, 5, 7, 32)},
      {.ops = &csa_layer_batchnorm, .in = csa_shape4(2, 5, 7, 16), .evaluates = true},
      {.ops = &csa_layer_dropout, .config = {.rate = 0.3f}, .in = csa_shape3(3, 5, 7)},
      {.ops = &csa_layer_dropout, .config = {.rate = 0.3f}, .in = csa_shape2(3, 5), .residual = csa_shape2(3, 5)},
      {.ops = &csa_layer_pool, .in = csa_shape4(3, 5, 7, 3)},
      {.ops = &csa_layer_average, .in = csa_shape4(3, 5, 7, 3)},
      {.ops = &csa_layer_tokens, .in = csa_shape3(3, 4, 5)},
      {.ops = &csa_layer_select, .in = csa_shape3(3, 4, 5), .joins = true},
      {.ops = &csa_layer_patches, .config = {.patch = 3, .grid = true}, .in = csa_shape4(3, 6, 6, 2)},
      {.ops = &csa_layer_attention, .config = {.heads = 3}, .in = csa_shape3(3, 17, 12)},
      {.ops = &csa_layer_conv2d, .config = {.out = 10, .kernel = 3}, .in = csa_shape4(3, 5, 7, 2)},
      {.ops = &csa_layer_conv2d, .config = {.out = 20, .kernel = 3, .relu = true}, .in = csa_shape4(3, 5, 7, 17)},
      {.ops = &csa_layer_nonlocal, .config = {.reduction = 4}, .in = csa_shape4(2, 5, 7, 24)},
  };
  for (size_t i = 0; i < LENGTH(cases); i++) {
    csa_trial_case c = cases[i];
    c.input_gradient = true;
    c.accumulate = i % 2 == 1; /* as when a batch is put together from several */
    CSA_TRY(run_layer(t, &c));
  }
  return CSA_OK;
}

static csa_status run_odd_products(self_test *t) {
  csa_tensor x = {.dtype = t->choices.precision == CSA_PRECISION_F16 ? CSA_F16 : CSA_F32}, w = {.dtype = CSA_F32};
  csa_gemm_call calls[] = {
      /* alone: nothing is packed, split or added to it */
      {.m = 64, .n = 64, .k = 64, .a = &x, .b = &w, .c = &x},
      {.m = 65, .n = 17, .k = 64, .trans_b = true, .a = &x, .b = &w, .c = &x, .bias = &w, .relu = true, .residual = &x},
      {.m = 33, .n = 10, .k = 130, .a = &x, .b = &w, .c = &x, .beta = 1.0f},
      {.m = 5, .n = 3, .k = 1300, .trans_a = true, .a = &x, .b = &x, .c = &w, .sums = &w},
      {.m = 53001, .n = 80, .k = 3, .a = &x, .b = &w, .c = &x, .bias = &w}, /* no cache holds this C */
      {.m = 65, .n = 17, .k = 33, .trans_b = true, .a = &w, .b = &w, .c = &w, .batch = 3},
  };
  for (size_t i = 0; i < LENGTH(calls); i++) {
    csa_gemm_call *c = &calls[i];
    const bool several = c->batch > 1;
    c->batch = several ? c->batch : 1;
    c->lda = c->trans_a ? c->m : c->k;
    c->ldb = c->trans_b ? c->k : c->n;
    c->ldc = c->n;
    c->batch_a = several ? (int64_t)c->m * c->k : 0;
    c->batch_b = several ? (int64_t)c->k * c->n : 0;
    c->batch_c = several ? (int64_t)c->m * c->n : 0;
    CSA_TRY(csa_selftest_product(&t->ledger, t->device, t->choices, c));
  }
  return csa_selftest_sum(&t->ledger, t->device, t->choices);
}

csa_status csa_selftest(csa_verification *v, char *sentence, csa_device *device, csa_choices choices, int batch) {
  static const practice plain = {.optimizer = {.kind = CSA_ADAM, .stop = true}};
  static const practice sgd = {.optimizer = {.kind = CSA_SGD, .stop = true}};
  static const practice all = {
      .optimizer = {.kind = CSA_ADAMW, .decay = CSA_DECAY_WEIGHTS, .clip_norm = 1.0f, .ema = 0.5f},
      .augment = {.flip = true, .crop = 4, .cutout = 8},
      .smoothing = 0.125f};
  self_test t = {.device = device, .choices = choices, .images = IMAGES};
  csa_status status;
  CSA_GO(run_odd_products(&t));
  CSA_GO(run_model(&t, "vit", false, &plain, batch));
  CSA_GO(run_model(&t, "vit", true, &all, batch));
  CSA_GO(run_model(&t, "cnn", false, &sgd, batch));
  CSA_GO(run_odd_layers(&t));
  status = csa_ledger_close(&t.ledger, v, sentence);
done:
  self_test_fini(&t);
  return status;
}

/* All that decides about the quick form's outcome, as text on the heap: who computes, and which launches of which
 * programs there are. */
static csa_status describe(const csa_graph *graph, char **text) {
  const csa_device *device = graph->device;
  char key[33];
  size_t size = 0;
  json_t *tuned = NULL;
  csa_status status = CSA_OK;
  *text = NULL;
  FILE *out = open_memstream(text, &size);
  if (out == NULL) return csa_fail(CSA_MEMORY, "self-test: the host has no more memory");
  fprintf(out, "self-test %s %s\n", csa_version(), csa_commit());
  CSA_GO(csa_program_key(device, "gather", "", key));
  fprintf(out, "%s\n", key);
  for (size_t i = 0; i < graph->plan->node_count; i++) {
    const csa_plan_node *n = &graph->plan->nodes[i];
    char product[CSA_GEMM_TEXT] = "";
    key[0] = '\0';
    if (n->call == NULL) CSA_GO(csa_program_key(device, n->kernel.file, n->kernel.options, key));
    if (n->product != NULL) csa_gemm_call_text(n->product, product);
    fprintf(out, "%s %s %s\n", n->kernel.name, key, product);
  }
  tuned = csa_tuning_to_json(graph->plan->tuning, true); /* parameters of CLBlast's are in no kernel's options */
  if (tuned == NULL || json_dumpf(tuned, out, JSON_SORT_KEYS) != 0)
    status = csa_fail(CSA_MEMORY, "self-test: the host has no more memory");
done:
  json_decref(tuned);
  if (fclose(out) != 0 && status == CSA_OK) status = csa_fail(CSA_MEMORY, "self-test: the host has no more memory");
  return status;
}

static csa_status quick(const csa_graph *graph, const csa_optimizer_config *optimizer, const csa_augment *augment,
                        csa_verification *v, char *sentence) {
  self_test t = {.device = graph->device, .choices = graph->plan->choices, .images = QUICK_IMAGES};
  csa_status status;
  CSA_GO(csa_plan_compile(graph->plan));
  CSA_GO(run_graph(&t, graph, augment));
  CSA_GO(csa_selftest_optimizer(&t.ledger, t.device, t.choices, optimizer));
  status = csa_ledger_close(&t.ledger, v, sentence);
done:
  self_test_fini(&t);
  return status;
}

static csa_status failed(const csa_device_info *info, const char *sentence) {
  return csa_fail(CSA_FAILED,
                  "self-test on %s: %s\n  nothing was trained: this device's numbers would be wrong\n"
                  "  try --kernels portable, or --gemm native or clblast, or another version of the driver (%s, %s)\n"
                  "  clsattn verify tests all kernels; please report what it says",
                  info->name, sentence, info->platform, info->driver);
}

csa_status csa_selftest_once(const csa_graph *graph, const csa_optimizer_config *optimizer,
                             const csa_augment *augment) {
  static const char held[] = "the self-test held\n";
  const csa_device_info *info = &graph->device->info;
  const double start = csa_seconds();
  csa_verification v = {0};
  char key[33], sentence[CSA_SENTENCE], what[80], augmented[CSA_AUGMENT_TEXT], *text = NULL;
  uint8_t *kept = NULL;
  size_t size;
  csa_status status;
  CSA_GO(describe(graph, &text));
  snprintf(what, sizeof what, "%s, %s", csa_optimizer_names[optimizer->kind], csa_augment_text(augment, augmented));
  csa_cache_key(key, info, text, what);
  if (csa_cache_load(key, &kept, &size)) goto done;
  CSA_GO(quick(graph, optimizer, augment, &v, sentence));
  if (sentence[0] != '\0') {
    status = failed(info, sentence);
    goto done;
  }
  csa_log("self-test: %zu kernels and products on %s held, in %.1f s", v.count, info->name, csa_seconds() - start);
  csa_cache_store(key, (const uint8_t *)held, sizeof held - 1);
done:
  csa_verification_fini(&v);
  free(text);
  free(kept);
  return status;
}
