#include "layers/harness.h"

typedef struct {
  int images, height, width, channels, reduction;
  bool accumulate;
} nonlocal_case;

static const nonlocal_case cases[] = {{1, 2, 2, 1, 1, false},
                                      {3, 4, 6, 8, 8, true},
                                      {2, 5, 7, 24, 4, false},
                                      {2, 32, 32, 32, 8, false},
                                      {1, 16, 16, 128, 8, true}};

static void check(const test_variant *variant, const nonlocal_case *c) {
  const csa_shape in = csa_shape4(c->images, c->height, c->width, c->channels);
  if (test_skips(variant, csa_elements(in) * (c->channels + c->height * c->width))) return;
  test_layer_case(
      variant,
      (csa_trial_case){
          .ops = &csa_layer_nonlocal, .config = {.reduction = c->reduction}, .in = in, .accumulate = c->accumulate});
}

/* Kernels of the CPU family for devices whose vectors are shorter than this one's. */
static void test_widths(void **state) {
  (void)state;
  int *width = &test_device()->info.float_width;
  const int native = *width;
  for (int w = 4; w <= 16; w *= 2)
    for (size_t i = 1; i < 4 && w != native; i++) {
      print_message("vectors of %d: %d channels\n", w, cases[i].channels);
      *width = w;
      check(&test_variants[0], &cases[i]);
      *width = native;
    }
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < test_variant_count; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
      if (test_takes(&test_variants[v], i)) check(&test_variants[v], &cases[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_widths)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
