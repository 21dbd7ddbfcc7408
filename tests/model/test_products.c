/* With gemm = clblast, CLBlast computes every matrix product of both models, and gets what our own kernels get. The
 * products inside fused kernels (attention's core, convolutions of few channels) are not matrix products of their own.
 */
#include "core/rng.h"
#include "layers/harness.h"
#include "model/architecture.h"

enum { BATCH = 4, SIDE = 8, IMAGE = 3 * SIDE * SIDE, CLASSES = 5 };

static const csa_architecture models[] = {
    {"vit", .image = SIDE, .channels = 3, .classes = CLASSES, .patch = 2, .embed = 12, .heads = 2, .layers = 2,
     .hidden = 20},
    {"cnn", .image = SIDE, .channels = 3, .classes = CLASSES, .widths = {8, 12}, .stages = 2, .reduction = 4}};

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static csa_graph *build(const csa_architecture *a, csa_choices choices) {
  csa_graph *g;
  assert_ok(
      csa_graph_create(&g, test_device(), (csa_graph_config){.choices = choices, .batch = BATCH, .training = true}));
  assert_ok(csa_architecture_build(a, g));
  assert_ok(csa_schedule_prepare(g));
  assert_ok(csa_graph_initialize(g, 5));
  return g;
}

/* Work in matrix products; each must be done by `provider`. */
static double product_flops(const csa_graph *g, csa_gemm_provider provider) {
  double flops = 0.0;
  int products = 0;
  for (size_t i = 0; i < g->plan->node_count; i++) {
    const csa_plan_node *n = &g->plan->nodes[i];
    const char *name = n->kernel.name;
    if (n->flops == 0.0 || begins(name, "attention_") || begins(name, "conv2d_few_")) continue;
    const bool right = provider == CSA_GEMM_CLBLAST ? n->call != NULL && begins(name, "CLBlastSgemm")
                                                    : n->call == NULL && begins(name, "gemm_");
    if (!right) fail_msg("%s: computed by %s", n->label, name);
    flops += n->flops;
    products++;
  }
  print_message("  %d products, %.0f FLOP\n", products, flops);
  assert_true(products > 20);
  return flops;
}

static void run(csa_graph *g, double *logits, double *gradients) {
  static float x[BATCH * IMAGE];
  const csa_rng rng = {1, CSA_RNG_TEST, 0};
  const int32_t labels[BATCH] = {0, 3, 1, 4};
  const csa_step_state state = {.active = BATCH};
  for (int i = 0; i < BATCH * IMAGE; i++) x[i] = csa_rng_normal(&rng, (uint64_t)i);
  assert_ok(csa_tensor_upload(test_device(), g->input, x));
  assert_ok(csa_tensor_upload(test_device(), g->labels, labels));
  assert_ok(csa_schedule_state(g, &state));
  assert_ok(csa_schedule_micro_step(g));
  const csa_tensor *from[2] = {g->out, g->parameters.gradients};
  double *const to[2] = {logits, gradients};
  for (int t = 0; t < 2; t++) {
    const int64_t count = csa_elements(from[t]->shape);
    float *values = malloc((size_t)count * sizeof *values);
    assert_ok(csa_tensor_download(test_device(), from[t], values));
    for (int64_t i = 0; i < count; i++) to[t][i] = (double)values[i];
    free(values);
  }
}

static void check(const csa_architecture *a, csa_kernels kernels) {
  csa_graph *own = build(a, (csa_choices){kernels, CSA_GEMM_NATIVE});
  csa_graph *clblast = build(a, (csa_choices){kernels, CSA_GEMM_CLBLAST});
  const int64_t count = csa_elements(own->parameters.values->shape);
  double logits[2][BATCH * CLASSES], *gradients[2] = {test_zeros(count), test_zeros(count)};
  assert_true(product_flops(clblast, CSA_GEMM_CLBLAST) == product_flops(own, CSA_GEMM_NATIVE));
  run(own, logits[0], gradients[0]);
  run(clblast, logits[1], gradients[1]);
  assert_close("logits", logits[1], logits[0], BATCH * CLASSES, 1e-5);
  for (size_t i = 0; i < own->parameters.count; i++) {
    const csa_parameter *p = &own->parameters.list[i];
    assert_close(p->name, gradients[1] + p->value->start, gradients[0] + p->value->start, csa_elements(p->value->shape),
                 1e-5);
  }
  free(gradients[0]), free(gradients[1]);
  csa_graph_destroy(own);
  csa_graph_destroy(clblast);
}

static void test_products(void **unused) {
  (void)unused;
  for (int m = 0; m < 2; m++)
    for (int kernels = CSA_KERNELS_AUTO; kernels <= CSA_KERNELS_PORTABLE; kernels++) {
      if (kernels == CSA_KERNELS_CPU) continue; /* what auto is on CPUs, and not to be had elsewhere */
      print_message("%s\n", models[m].model);
      check(&models[m], (csa_kernels)kernels);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_products)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
