/* Attention's weights, computed again: they give the layer's own result, lie where they should on the image, and roll
 * back through the layers to a sum of 1. */
#include "model/maps.h"

#include <math.h>

#include "core/rng.h"
#include "layers/harness.h"
#include "model/architecture.h"

enum { BATCH = 2, MOST = 100 };

typedef struct {
  csa_graph *graph;
  csa_maps maps;
} looked;

/* A model with large parameters, so that attention is far from even, which went forward on a drawn batch. */
static void look(looked *l, const csa_architecture *a) {
  const csa_rng rng = {7, CSA_RNG_TEST, 0};
  float *values;
  assert_ok(csa_graph_create(&l->graph, test_device(), (csa_graph_config){.batch = BATCH, .keep_all = true}));
  assert_ok(csa_architecture_build(a, l->graph));
  assert_ok(csa_schedule_prepare(l->graph));
  const csa_tensor *const filled[] = {l->graph->parameters.values, l->graph->input};
  for (int t = 0; t < 2; t++) {
    const int64_t count = csa_elements(filled[t]->shape);
    assert_ok(csa_new(&values, (size_t)count, sizeof *values));
    for (int64_t i = 0; i < count; i++) values[i] = 0.7f * csa_rng_normal(&rng, (uint64_t)i);
    assert_ok(csa_tensor_write_floats(test_device(), filled[t], values));
    free(values);
  }
  const int32_t labels[BATCH] = {0};
  assert_ok(csa_tensor_upload(test_device(), l->graph->labels, labels));
  assert_ok(csa_schedule_state(l->graph, &(csa_step_state){.active = BATCH}));
  assert_ok(csa_schedule_forward(l->graph));
  assert_ok(csa_maps_read(&l->maps, l->graph));
}

static void forget(looked *l) {
  csa_maps_fini(&l->maps);
  csa_graph_destroy(l->graph);
}

static csa_architecture vit(int image, int layers, bool grid) {
  return (csa_architecture){.model = "vit",
                            .grid = grid,
                            .image = image,
                            .channels = 3,
                            .classes = 3,
                            .patch = 4,
                            .embed = 8,
                            .heads = 2,
                            .layers = layers,
                            .hidden = 16,
                            .norm_relu = true};
}

static csa_architecture cnn(void) {
  return (csa_architecture){.model = "cnn",
                            .image = 9,
                            .channels = 3,
                            .classes = 3,
                            .widths = {12, 7},
                            .stages = 2,
                            .reduction = 1,
                            .attention = 3};
}

/* Weights times values are the context that the layer computed, and no weights are all alike. */
static void check_layer(const csa_map *map) {
  const csa_attention_core *c = &map->layer->core;
  const int columns = c->heads * c->head;
  double weights[MOST], sharpest = 0.0, *context;
  assert_true(c->images == BATCH && c->tokens <= MOST);
  assert_ok(csa_tensor_read_doubles(test_device(), map->layer->saved[CSA_CONTEXT], &context));
  double *want = test_zeros((int64_t)BATCH * c->queries * columns);
  for (int n = 0; n < BATCH; n++)
    for (int h = 0; h < c->heads; h++)
      for (int q = 0; q < c->queries; q++) {
        double sum = 0.0;
        csa_map_weights(map, n, h, q, weights);
        for (int t = 0; t < c->tokens; t++) {
          const float *values = map->keys + (int64_t)(n * c->tokens + t) * c->key_stride + columns + h * c->head;
          assert_true(weights[t] >= 0.0);
          sum += weights[t];
          sharpest = fmax(sharpest, weights[t]);
          for (int i = 0; i < c->head; i++)
            want[(n * c->queries + q) * columns + h * c->head + i] += weights[t] * (double)values[i];
        }
        assert_true(fabs(sum - 1.0) < 1e-12);
      }
  assert_true(sharpest > 1.5 / c->tokens);
  assert_close(map->layer->name, context, want, (int64_t)BATCH * c->queries * columns, 1e-5);
  free(context), free(want);
}

static void test_weights(void **state) {
  (void)state;
  const csa_architecture models[] = {vit(8, 2, false), cnn()};
  const char *const names[2][2] = {{"encoder.layers.0.2", "encoder.layers.1.2"}, {"sa1", "sa2"}};
  for (int i = 0; i < 2; i++) {
    looked l;
    look(&l, &models[i]);
    assert_int_equal(l.maps.count, 2);
    for (int m = 0; m < 2; m++) {
      assert_ptr_equal(csa_maps_find(&l.maps, names[i][m]), &l.maps.list[m]);
      check_layer(&l.maps.list[m]);
    }
    assert_null(csa_maps_find(&l.maps, "fc"));
    forget(&l);
  }
}

/* Two heads of two columns; three keys, whose values would follow them. */
static void test_by_hand(void **state) {
  (void)state;
  float queries[] = {1.0f, 0.0f, 0.0f, 2.0f}, keys[24] = {0};
  const double root = sqrt(2.0);
  for (int t = 0; t < 3; t++) keys[8 * t] = (float)(root * log(t + 1.0)), keys[8 * t + 3] = (float)(root * t);
  csa_layer layer = {.core = {1, 2, 2, 1, 3, 4, 8, true}};
  const csa_map map = {.layer = &layer, .queries = queries, .keys = keys};
  double weights[3];
  csa_map_weights(&map, 0, 0, 0, weights); /* exp of log 1, log 2, log 3 */
  for (int t = 0; t < 3; t++) assert_true(fabs(weights[t] - (t + 1) / 6.0) < 1e-7);
  csa_map_weights(&map, 0, 1, 0, weights); /* exp of 0, 2, 4 */
  for (int t = 0; t < 3; t++) assert_true(fabs(weights[t] - exp(2.0 * t) / (1.0 + exp(2.0) + exp(4.0))) < 1e-7);
  layer.core.scaled = false;
  csa_map_weights(&map, 0, 1, 0, weights);
  assert_true(fabs(weights[2] / weights[1] - exp(2.0 * root)) < 1e-5);
}

/* All the weight on key `key`, spread. */
static const double *spread_one(const looked *l, int key) {
  static double pixels[MOST];
  double weights[MOST] = {0};
  weights[key] = 1.0;
  csa_map_spread(&l->maps, &l->maps.list[0], weights, pixels);
  return pixels;
}

static void test_places(void **state) {
  (void)state;
  looked l;
  const csa_architecture rows = vit(8, 2, false), grid = vit(8, 2, true), pooled = cnn();
  look(&l, &rows); /* token 2: values 48 .. 95: the end of the first plane of 64, the beginning of the second */
  const double *pixels = spread_one(&l, 2);
  for (int p = 0; p < 64; p++) assert_true(fabs(pixels[p] - (p >= 48 || p < 32 ? 1.0 / 3.0 : 0.0)) < 1e-12);
  pixels = spread_one(&l, 0); /* the class token */
  for (int p = 0; p < 64; p++) assert_true(pixels[p] == 0.0);
  assert_int_equal(csa_map_query(&l.maps.list[0], 7, 7), 0);
  forget(&l);

  look(&l, &grid); /* token 2: the square at the right of the first row of squares */
  pixels = spread_one(&l, 2);
  for (int p = 0; p < 64; p++) assert_true(fabs(pixels[p] - (p < 32 && p % 8 >= 4 ? 1.0 : 0.0)) < 1e-12);
  forget(&l);

  look(&l, &pooled); /* 4 x 4 squares of 2 x 2; the last row and column of the 9 belong to none */
  pixels = spread_one(&l, 15);
  for (int y = 0; y < 9; y++)
    for (int x = 0; x < 9; x++) assert_true(fabs(pixels[y * 9 + x] - (y / 2 == 3 && x / 2 == 3 ? 1.0 : 0.0)) < 1e-12);
  assert_int_equal(csa_map_query(&l.maps.list[1], 8, 1), 17);
  forget(&l);
}

/* Through two layers: the last one's row of the class token, times (A + 1) / 2 of the first. */
static void test_rollout(void **state) {
  (void)state;
  enum { TOKENS = 5, HEADS = 2 };
  looked l;
  const csa_architecture two = vit(8, 2, false), none = cnn();
  double got[MOST], first[TOKENS][TOKENS] = {{0}}, last[TOKENS] = {0}, row[TOKENS], sum = 0.0;
  look(&l, &two);
  for (int h = 0; h < HEADS; h++) {
    for (int q = 0; q < TOKENS; q++) {
      csa_map_weights(&l.maps.list[0], 1, h, q, row);
      for (int t = 0; t < TOKENS; t++) first[q][t] += row[t] / HEADS / 2.0 + (q == t ? 0.5 / HEADS : 0.0);
    }
    csa_map_weights(&l.maps.list[1], 1, h, 0, row);
    for (int t = 0; t < TOKENS; t++) last[t] += row[t] / HEADS / 2.0 + (t == 0 ? 0.5 / HEADS : 0.0);
  }
  assert_ok(csa_maps_rollout(&l.maps, 1, got));
  for (int t = 0; t < TOKENS; t++) {
    double want = 0.0;
    for (int q = 0; q < TOKENS; q++) want += last[q] * first[q][t];
    assert_true(fabs(got[t] - want) < 1e-12);
    sum += got[t];
  }
  assert_true(fabs(sum - 1.0) < 1e-12);
  forget(&l);
  look(&l, &none);
  assert_fails(CSA_USAGE, "no class token", csa_maps_rollout(&l.maps, 0, got));
  forget(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights), cmocka_unit_test(test_by_hand),
                                     cmocka_unit_test(test_places), cmocka_unit_test(test_rollout)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
