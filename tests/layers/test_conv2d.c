#include "layers/harness.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

typedef struct {
  int images, height, width, in, out, kernel;
  bool relu, residual, accumulate, no_bias;
} conv_case;

static const conv_case cases[] = {
    {1, 1, 1, 1, 1, 3, false, false, false, false},
    {1, 1, 3, 5, 2, 3, true, false, false, false},
    {3, 5, 7, 3, 10, 3, true, false, true, false}, /* few channels: direct */
    {3, 5, 7, 2, 10, 3, false, true, false, false},
    {2, 6, 9, 3, 32, 3, true, false, true, false}, /* ... in whole vectors */
    {3, 5, 7, 4, 20, 3, false, true, false, false},
    {1, 1, 250000, 3, 4, 3, false, false, false, false}, /* lines that no stack holds */
    {2, 1, 1, 1, 48, 3, true, false, false, false},
    {2, 4, 4, 16, 33, 3, false, false, true, false},
    {3, 6, 5, 17, 16, 3, true, false, false, false},
    {3, 6, 5, 17, 16, 3, false, true, true, false},
    {2, 32, 32, 32, 64, 3, true, false, false, false},
    {20, 32, 32, 96, 3, 3, true, false, true, false}, /* more than one chunk */
    {20, 32, 32, 96, 3, 3, false, true, false, false},
    /* what Winograd's filtering takes: whole tiles, cut ones, less than one, several blocks and chunks */
    {2, 8, 12, 32, 32, 3, true, false, true, false},
    {3, 7, 5, 16, 48, 3, false, true, false, false},
    {1, 1, 2, 32, 16, 3, false, false, true, false},
    {6, 32, 32, 176, 16, 3, true, false, false, false},
    {4, 9, 6, 19, 21, 3, true, false, true, false},
    /* without a bias: directly, by whole vectors and not, by Winograd's filtering, by products */
    {2, 6, 9, 3, 32, 3, true, false, true, true},
    {3, 5, 7, 3, 10, 3, false, true, false, true},
    {2, 8, 12, 32, 32, 3, false, false, true, true},
    {3, 5, 7, 17, 9, 1, true, false, false, true},
    /* 1 x 1 */
    {1, 1, 1, 1, 1, 1, false, false, false, false},
    {3, 5, 7, 3, 10, 1, true, false, true, false},
    {2, 6, 5, 17, 9, 1, false, true, false, false},
};

static const test_variant winograd = {"cpu kernels, Winograd",
                                      {.kernels = CSA_KERNELS_CPU, .gemm = CSA_GEMM_NATIVE, .conv = CSA_CONV_WINOGRAD}};

static void check(const test_variant *variant, const conv_case *c) {
  if (test_skips(variant, (int64_t)c->images * c->height * c->width * c->kernel * c->kernel * c->in * c->out)) return;
  test_layer_case(
      variant,
      (csa_trial_case){.ops = &csa_layer_conv2d,
                       .config = {.out = c->out, .kernel = c->kernel, .no_bias = c->no_bias, .relu = c->relu},
                       .in = csa_shape4(c->images, c->height, c->width, c->in),
                       .residual = c->residual ? csa_shape4(c->images, c->height, c->width, c->out) : csa_shape0(),
                       .accumulate = c->accumulate});
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < 2 * test_variant_count; v++) {
    test_variant variant = test_variants[v / 2];
    variant.choices.conv = v % 2 == 0 ? CSA_CONV_DIRECT : CSA_CONV_WINOGRAD;
    for (size_t i = 0; i < LENGTH(cases); i++) {
      const conv_case *c = &cases[i];
      if (!test_takes(&variant, i)) continue;
      const bool blocks = c->images * c->in > 1000; /* of the CPU family, which nobody else makes */
      if (blocks && v % 2 == 1 && variant.choices.kernels != CSA_KERNELS_CPU) continue;
      if (v % 2 == 1) print_message("Winograd, ");
      check(&variant, c);
    }
  }
}

static void check_small(const test_variant *variant) {
  for (size_t i = 0; i < LENGTH(cases); i += 3)
    if (cases[i].images * cases[i].height * cases[i].width < 200) check(variant, &cases[i]);
}

static void test_limits(void **state) {
  (void)state;
  test_small_limits(check_small);
}

/* dx of the pixel in the middle of a 3 x 3 image, of which all weights are 1 and the output has the gradient dz. */
static float middle_gradient(csa_choices choices, int channels, const float dz[9]) {
  csa_graph *g;
  csa_device *device = test_device();
  const csa_layer_config conv = {.out = 1, .kernel = 3, .no_bias = true};
  const csa_graph_config config = {
      .choices = choices, .batch = 1, .training = true, .input_gradient = true, .keep_all = true};
  assert_ok(csa_graph_create(&g, device, config));
  csa_tensor *x = csa_graph_input(g, csa_shape4(1, 3, 3, channels));
  csa_graph_add(g, &csa_layer_conv2d, conv, x, NULL, "conv");
  assert_ok(csa_graph_record(g));
  assert_ok(csa_schedule_prepare(g));
  csa_layer *l = &g->layers[0];
  const int64_t weights = csa_elements(l->param[0]->shape);
  float *ones = malloc((size_t)weights * sizeof *ones), *dx = malloc((size_t)(9 * channels) * sizeof *dx);
  assert_non_null(ones);
  assert_non_null(dx);
  for (int64_t i = 0; i < weights; i++) ones[i] = 1.0f;
  assert_ok(csa_tensor_write_floats(device, l->param[0], ones));
  assert_ok(csa_tensor_write_floats(device, g->out_gradient, dz));
  assert_ok(csa_schedule_state(g, &(csa_step_state){.active = 1, .training = 1}));
  assert_ok(csa_schedule_micro_step(g));
  assert_ok(csa_tensor_read_floats(device, l->din, 0, 9 * channels, dx));
  const float middle = dx[4 * channels + channels - 1];
  free(ones), free(dx);
  csa_graph_destroy(g);
  return middle;
}

/* Gradients of nine taps are added up in floats, whatever they are stored in: halves hold 2054, and 40000, but 2048 +
 * 0.75 is 2048 of them, and 80000 infinite. */
static void test_sums_of_taps(void **state) {
  (void)state;
  static const float fine[9] = {0.75f, 0.75f, 0.75f, 0.75f, 2048.0f, 0.75f, 0.75f, 0.75f, 0.75f};
  static const float large[9] = {40000.0f, 40000.0f, -40000.0f};
  for (int v = 2; v < 4; v++)
    for (int channels = 5; channels <= 21; channels += 16) {
      if (test_skips(&test_variants[v], 9 * 9 * channels)) continue;
      csa_choices choices = test_variants[v].choices;
      choices.conv = CSA_CONV_DIRECT;
      assert_float_equal(middle_gradient(choices, channels, fine), 2054.0f, 0.0f);
      assert_float_equal(middle_gradient(choices, channels, large), 40000.0f, 0.0f);
    }
}

/* Winograd's filtering of the portable family where a device allocates so little that the points of 21 images fit. */
static void test_chunks(void **state) {
  (void)state;
  uint64_t *most = &test_device()->info.max_alloc_bytes;
  const uint64_t own = *most;
  test_variant variant = test_variants[1];
  variant.choices.conv = CSA_CONV_WINOGRAD;
  *most = 48 << 10;
  check(&variant, &(conv_case){40, 4, 4, 16, 16, 3, true, false, true, false});
  *most = own;
}

/* Kernels of the CPU family for devices whose vectors are shorter than this one's. */
static void test_widths(void **state) {
  (void)state;
  int *width = &test_device()->info.float_width;
  const int native = *width;
  for (int w = 4; w <= 16; w *= 2)
    for (size_t i = 0; i < LENGTH(cases) && w != native; i++) {
      const conv_case *c = &cases[i];
      if (c->kernel != 3 || c->images * c->height * c->width > 200) continue;
      print_message("vectors of %d: %d x %d x %d, %d -> %d\n", w, c->images, c->height, c->width, c->in, c->out);
      *width = w;
      check(&winograd, c);
      *width = native;
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_widths),
                                     cmocka_unit_test(test_limits), cmocka_unit_test(test_chunks),
                                     cmocka_unit_test(test_sums_of_taps)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
