/* With CLBlast, CLBlast computes every matrix product that a layer of either model asks for, forward and backward: the
 * recorded launches are walked, and the numbers compared with those of the project's own kernels. What no layer writes
 * as a product is not one here: the core of attention, one kernel with its softmax, convolutions of images of at most 4
 * channels, and those by Winograd's filtering. */
#include <math.h>

#include "core/rng.h"
#include "layers/harness.h"
#include "model/architecture.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define BATCH 20 /* so many rows that weight gradients are sums long enough to be split */

static const csa_architecture vit = {.model = "vit",
                                     .image = 16,
                                     .channels = 3,
                                     .classes = 7,
                                     .patch = 2,
                                     .embed = 24,
                                     .heads = 3,
                                     .layers = 2,
                                     .hidden = 40,
                                     .norm_relu = true};
static const csa_architecture cnn = {.model = "cnn",
                                     .image = 8,
                                     .channels = 3,
                                     .classes = 7,
                                     .widths = {16, 24, 8},
                                     .stages = 3,
                                     .reduction = 8,
                                     .attention = 7};

/* Every kernel that a model may launch beside CLBlast's: none of them is a product. A new kernel is named here once
 * it is known not to be one either. */
static const char *const others[] = {"attention_forward",
                                     "attention_backward",
                                     "attention_query_backward",
                                     "attention_key_backward",
                                     "average_forward",
                                     "average_backward",
                                     "conv2d_columns",
                                     "conv2d_image",
                                     "few_forward",
                                     "few_weights",
                                     "gemm_epilogue",
                                     "join_add",
                                     "layernorm_forward",
                                     "layernorm_backward",
                                     "linear_relu_backward",
                                     "loss_collect",
                                     "loss_forward",
                                     "patches_forward",
                                     "pool_forward",
                                     "pool_backward",
                                     "reduce_rows",
                                     "select_forward",
                                     "select_backward",
                                     "tokens_forward",
                                     "tokens_backward",
                                     "winograd_image",
                                     "winograd_gradient",
                                     "winograd_pixels",
                                     "winograd_filter",
                                     "winograd_weights"};

static bool is_other(const char *name) {
  for (size_t i = 0; i < LENGTH(others); i++)
    if (strcmp(name, others[i]) == 0) return true;
  return false;
}

/* The products of a layer. y = x W^T is one forward and two backward: dW, and dx where somebody wants it. */
typedef struct {
  int forward, backward;
} products;

static products products_of(const csa_layer *l) {
  const int dx = l->din != NULL;
  if (l->ops == &csa_layer_linear) return (products){1, 1 + dx};
  if (l->ops == &csa_layer_conv2d && csa_cols(l->in[0]->shape) <= 4) return (products){0, dx};
  if (l->ops == &csa_layer_conv2d) return (products){1, 1 + dx};
  /* the first projections, one product (two where only the class token queries), and the output's, whose dx the core
   * always wants */
  const int first = l->ops == &csa_layer_attention && l->config.class_only ? 2 : 1;
  if (l->ops == &csa_layer_attention || l->ops == &csa_layer_nonlocal)
    return (products){first + 1, first + 2 + first * dx};
  return (products){0, 0};
}

/* Whether two nodes are parts of one product: a long sum, split over k. */
static bool same_product(const csa_plan_node *a, const csa_plan_node *b) {
  if (a->call == NULL || b->call == NULL || strcmp(a->label, b->label) != 0) return false;
  for (int i = 0; i < 3; i++)
    if (a->args[i].value.in != b->args[i].value.in) return false;
  return true;
}

/* The products that CLBlast computes for a layer in one direction. */
static int calls_labelled(const csa_plan *plan, const csa_layer *layer, const char *direction) {
  char label[CSA_TENSOR_NAME];
  int count = 0;
  snprintf(label, sizeof label, "%.80s %s", layer->name[0] != '\0' ? layer->name : layer->ops->name, direction);
  for (size_t i = 0; i < plan->node_count; i++) {
    const csa_plan_node *n = &plan->nodes[i];
    if (n->call == NULL || strcmp(n->label, label) != 0) continue;
    if (i == 0 || !same_product(n, n - 1)) count++;
  }
  return count;
}

static void check_nodes(const csa_graph *g) {
  const csa_plan *plan = g->plan;
  int calls = 0, splits = 0, expected = 0;
  for (size_t i = 0; i < plan->node_count; i++) {
    const csa_plan_node *n = &plan->nodes[i];
    if (n->call == NULL && !is_other(n->kernel.name))
      fail_msg("%s: kernel %s is not CLBlast's, and not known to be no product", n->label, n->kernel.name);
    if (n->call == NULL) continue;
    assert_string_equal(n->kernel.name, "CLBlastSgemm");
    if (i > 0 && same_product(n, n - 1))
      splits++;
    else
      calls++;
  }
  for (size_t i = 0; i < g->layer_count; i++) {
    const csa_layer *l = &g->layers[i];
    const products want = products_of(l);
    const int forward = calls_labelled(plan, l, "forward"), backward = calls_labelled(plan, l, "backward");
    if (forward != want.forward || backward != want.backward)
      fail_msg("%s %s: CLBlast computes %d products forward and %d backward, expected %d and %d", l->ops->name, l->name,
               forward, backward, want.forward, want.backward);
    expected += want.forward + want.backward;
  }
  assert_int_equal(calls, expected); /* none is outside of the layers */
  assert_true(expected > 0);
  assert_true(splits > 0);
}

static double work(const csa_graph *g) {
  double flops = 0.0;
  for (size_t i = 0; i < g->plan->node_count; i++) flops += g->plan->nodes[i].flops;
  return flops;
}

/* One graph, its input, labels and parameters drawn from the same streams whatever its choices are, run once. */
static csa_graph *run_once(const csa_architecture *a, csa_kernels kernels, csa_gemm_provider gemm) {
  const csa_rng rng = {5, CSA_RNG_TEST, 0};
  const csa_graph_config config = {.choices = {kernels, gemm, CSA_CONV_DIRECT}, .batch = BATCH, .training = true};
  csa_graph *g;
  assert_ok(csa_graph_create(&g, test_device(), config));
  assert_ok(csa_architecture_build(a, g));
  assert_ok(csa_schedule_prepare(g));
  assert_ok(csa_graph_initialize(g, 11));
  const int64_t count = csa_elements(g->input->shape);
  float *input = malloc((size_t)count * sizeof *input);
  int32_t labels[BATCH];
  assert_non_null(input);
  for (int64_t i = 0; i < count; i++) input[i] = csa_rng_normal(&rng, (uint64_t)i);
  for (int i = 0; i < BATCH; i++) labels[i] = i % a->classes;
  assert_ok(csa_tensor_upload(g->device, g->input, input));
  assert_ok(csa_tensor_upload(g->device, g->labels, labels));
  assert_ok(csa_schedule_state(g, &(csa_step_state){.active = BATCH}));
  assert_ok(csa_schedule_micro_step(g));
  assert_ok(csa_device_finish(g->device));
  free(input);
  return g;
}

static float *download(const csa_graph *g, const csa_tensor *tensor) {
  float *values = malloc((size_t)csa_elements(tensor->shape) * sizeof *values);
  assert_non_null(values);
  assert_ok(csa_tensor_download(g->device, tensor, values));
  return values;
}

static float largest(const float *values, int64_t count) {
  float most = 0.0f;
  for (int64_t i = 0; i < count; i++) most = fmaxf(most, fabsf(values[i]));
  return most;
}

/* No element differs by more than `relative` of the largest, or by `least`, which rounding alone may make. */
static void compare(const char *what, const csa_graph *got, const csa_tensor *x, const csa_graph *want,
                    const csa_tensor *y, float relative, float least) {
  const int64_t count = csa_elements(x->shape);
  float *a = download(got, x), *b = download(want, y);
  const float limit = fmaxf(relative * largest(b, count), least);
  for (int64_t i = 0; i < count; i++)
    if (!(fabsf(a[i] - b[i]) <= limit))
      fail_msg("%s: element %lld is %.9g with CLBlast, %.9g with native; %.1e may be off", what, (long long)i,
               (double)a[i], (double)b[i], (double)limit);
  free(a), free(b);
}

/* `relative`: of gradients. A convolution's may jump where a ReLU or a maximum is a tie but for rounding. */
static void check_model(const csa_architecture *a, csa_kernels kernels, float relative) {
  csa_graph *clblast = run_once(a, kernels, CSA_GEMM_CLBLAST), *native = run_once(a, kernels, CSA_GEMM_NATIVE);
  check_nodes(clblast);
  for (size_t i = 0; i < native->plan->node_count; i++) assert_null(native->plan->nodes[i].call);
  assert_true(work(clblast) == work(native));
  compare("logits", clblast, clblast->out, native, native->out, 1e-5f, 0.0f);
  const csa_tensor *all = native->parameters.gradients;
  float *gradients = download(native, all);
  const float least = 1e-6f * largest(gradients, csa_elements(all->shape)); /* biases of keys: 0 but for rounding */
  assert_true(least > 0.0f);
  free(gradients);
  assert_int_equal(clblast->parameters.count, native->parameters.count);
  for (size_t i = 0; i < native->parameters.count; i++)
    compare(native->parameters.list[i].name, clblast, clblast->parameters.list[i].gradient, native,
            native->parameters.list[i].gradient, relative, least);
  csa_graph_destroy(clblast);
  csa_graph_destroy(native);
}

static void check_families(const csa_architecture *a, float relative) {
  check_model(a, CSA_KERNELS_PORTABLE, relative);
  if (test_device()->info.type == CSA_CPU) check_model(a, CSA_KERNELS_CPU, relative);
}

static void test_vit(void **state) {
  (void)state;
  csa_architecture grid = vit;
  check_families(&vit, 2e-5f);
  grid.grid = true;
  check_families(&grid, 2e-5f);
}

static void test_cnn(void **state) {
  (void)state;
  csa_architecture five = cnn;
  check_families(&cnn, 2e-3f);
  five.channels = 5; /* then the first convolution is a product, too */
  check_families(&five, 2e-3f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_vit), cmocka_unit_test(test_cnn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
