#include "layers/harness.h"

typedef struct {
  int images, tokens, channels, heads;
  bool class_only, residual, accumulate;
} attention_case;

static const attention_case cases[] = {
    {1, 1, 1, 1, false, false, false},    {1, 5, 6, 1, true, true, false},     {3, 17, 12, 3, false, true, true},
    {2, 33, 40, 2, false, false, false},  {5, 65, 64, 4, false, true, false},  {5, 65, 64, 4, true, true, true},
    {1, 70, 96, 1, true, false, false},   {1, 1030, 8, 2, false, true, false}, /* more tokens than the CPU kernel takes
                                                                                */
    {2, 130, 15, 5, false, false, false}, {2, 67, 10, 2, false, true, true},   {2, 66, 64, 1, false, false, false},
    {1, 5, 1024, 1, false, false, false}, /* the longest head, and more columns than the CPU kernel takes */
};

static void check(const test_variant *variant, const attention_case *c) {
  const int queries = c->class_only ? 1 : c->tokens;
  if (test_skips(variant, (int64_t)c->images * c->tokens * (c->tokens + c->channels) * c->channels)) return;
  test_layer_case(variant,
                  (csa_trial_case){.ops = &csa_layer_attention,
                                   .config = {.heads = c->heads, .class_only = c->class_only},
                                   .in = csa_shape3(c->images, c->tokens, c->channels),
                                   .residual = c->residual ? csa_shape3(c->images, queries, c->channels) : csa_shape0(),
                                   .accumulate = c->accumulate});
}

/* Kernels of the CPU family for devices whose vectors are shorter than this one's. */
static void test_widths(void **state) {
  (void)state;
  int *width = &test_device()->info.float_width;
  const int native = *width;
  for (int w = 4; w <= 16; w *= 2)
    for (size_t i = 2; i < 6 && w != native; i++) {
      print_message("vectors of %d: %d tokens, %d channels\n", w, cases[i].tokens, cases[i].channels);
      *width = w;
      check(&test_variants[0], &cases[i]);
      *width = native;
    }
}

static void check_small(const test_variant *variant) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i += 3)
    if (cases[i].tokens < 1000) check(variant, &cases[i]);
}

static void test_limits(void **state) {
  (void)state;
  test_small_limits(check_small);
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < test_variant_count; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
      if (test_takes(&test_variants[v], i)) check(&test_variants[v], &cases[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_widths),
                                     cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
