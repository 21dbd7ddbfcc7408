#include "layers/harness.h"
#include "reference/reference.h"

enum { PARAMETERS = 4 };

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

static int param_size(const test_layer *t, int slot) { return (int)csa_elements(t->layer->param[slot]->shape); }

static void check(const test_variant *variant, const attention_case *c) {
  test_layer t;
  if (test_skips(variant, (int64_t)c->images * c->tokens * (c->tokens + c->channels) * c->channels)) return;
  const int queries = c->class_only ? 1 : c->tokens, outputs = c->images * queries * c->channels;
  const int inputs = c->images * c->tokens * c->channels;
  const csa_shape residual = c->residual ? csa_shape3(c->images, queries, c->channels) : csa_shape0();
  test_layer_run(&t, variant, &csa_layer_attention, (csa_layer_config){.heads = c->heads, .class_only = c->class_only},
                 csa_shape3(c->images, c->tokens, c->channels), residual, c->accumulate);
  const csa_ref_attention s = {c->images, queries, c->tokens, c->channels, c->heads};
  const int d = c->channels; /* of the first two parameters, the query's rows come before the others */
  const csa_ref_mha_params p = {t.param[0], t.param[1], t.param[0] + d * d, t.param[1] + d, t.param[2], t.param[3]};
  double *y = test_zeros(outputs), *dx = test_zeros(inputs), *grads[PARAMETERS];
  for (int i = 0; i < PARAMETERS; i++) grads[i] = test_zeros(param_size(&t, i));
  assert_ok(csa_ref_mha_forward(&s, &p, t.in, t.residual, y));
  assert_close("y", t.out, y, outputs, 1e-5);
  const csa_ref_mha_grads g = {grads[0], grads[1], grads[0] + d * d, grads[1] + d, grads[2], grads[3]};
  assert_ok(csa_ref_mha_backward(&s, &p, t.in, t.dout, dx, &g));
  assert_close("dx", t.din, dx, inputs, 3e-5);
  static const char *const names[] = {"dwqkv", "dbqkv", "dwo", "dbo"};
  for (int i = 0; i < PARAMETERS; i++) assert_close(names[i], t.dparam[i], grads[i], param_size(&t, i), 3e-5);
  for (int i = 0; i < PARAMETERS; i++) free(grads[i]);
  free(y), free(dx);
  test_layer_fini(&t);
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
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i += 2)
    if (cases[i].tokens < 1000) check(variant, &cases[i]);
}

static void test_limits(void **state) {
  (void)state;
  test_small_limits(check_small);
}

static void test_all(void **state) {
  (void)state;
  for (int v = 0; v < test_variant_count; v++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      const attention_case *c = &cases[i];
      if (!test_takes(&test_variants[v], i)) continue;
      print_message("%s: %d images, %d tokens, %d channels, %d heads\n", test_variants[v].name, c->images, c->tokens,
                    c->channels, c->heads);
      check(&test_variants[v], c);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_widths),
                                     cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
