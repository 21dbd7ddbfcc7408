#include "layers/harness.h"
#include "reference/reference.h"

enum { PARAMETERS = 4 };

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
  test_layer t;
  const int n = c->images * c->height * c->width * c->channels;
  if (test_skips(variant, (int64_t)n * (c->channels + c->height * c->width))) return;
  test_layer_run(&t, variant, &csa_layer_nonlocal, (csa_layer_config){.reduction = c->reduction},
                 csa_shape4(c->images, c->height, c->width, c->channels), csa_shape0(), c->accumulate);
  const csa_ref_nonlocal s = {c->images, c->height, c->width, c->channels, c->reduction};
  const int d = c->channels / c->reduction; /* of the first two parameters, theta's rows come before phi's and g's */
  const csa_ref_nonlocal_params p = {t.param[0],     t.param[1], t.param[0] + d * c->channels,
                                     t.param[1] + d, t.param[2], t.param[3]};
  double *y = test_zeros(n), *dx = test_zeros(n), *g[PARAMETERS];
  for (int i = 0; i < PARAMETERS; i++) g[i] = test_zeros(csa_elements(t.layer->param[i]->shape));
  const csa_ref_nonlocal_grads grads = {g[0], g[1], g[0] + d * c->channels, g[1] + d, g[2], g[3]};
  assert_ok(csa_ref_nonlocal_forward(&s, &p, t.in, y));
  /* halves round what scores are made of more coarsely */
  const double tolerance = variant->choices.precision == CSA_PRECISION_F16 ? 1e-2 : 1e-4;
  assert_close("y", t.out, y, n, tolerance);
  assert_ok(csa_ref_nonlocal_backward(&s, &p, t.in, t.dout, dx, &grads));
  assert_close("dx", t.din, dx, n, tolerance);
  static const char *const names[] = {"dtheta, dphi, dg", "dtheta, dphi, dg bias", "do", "do bias"};
  for (int i = 0; i < PARAMETERS; i++)
    assert_close(names[i], t.dparam[i], g[i], csa_elements(t.layer->param[i]->shape), tolerance);
  for (int i = 0; i < PARAMETERS; i++) free(g[i]);
  free(y), free(dx);
  test_layer_fini(&t);
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
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      const nonlocal_case *c = &cases[i];
      if (!test_takes(&test_variants[v], i)) continue;
      print_message("%s: %d x %d x %d x %d / %d\n", test_variants[v].name, c->images, c->height, c->width, c->channels,
                    c->reduction);
      check(&test_variants[v], c);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_widths)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
