/* The gradients of all replicas become their sum in each: every element, in the replicas' order, bit for bit. */
#include "train/reducer.h"

#include "layers/harness.h"
#include "verify/sample.h"

enum { REPLICAS = 3, BATCH = 2 };

/* What a replica has of a step. */
typedef struct {
  float *gradients, row[2]; /* row: of the history */
} results;

typedef struct {
  csa_config config;
  csa_replica replicas[REPLICAS]; /* the first and the last share a device */
  csa_reducer *reducer;
  int64_t elements;
  results own[REPLICAS];
} fixture;

static void setup(fixture *f) {
  csa_device *const devices[] = {test_device(), test_other_device(), test_device()};
  memset(f, 0, sizeof *f);
  csa_config_default(&f->config);
  assert_ok(csa_architecture_default(&f->config.architecture, "vit"));
  for (int i = 0; i < REPLICAS; i++) {
    assert_ok(csa_replica_create(&f->replicas[i], devices[i], &f->config, (csa_choices){0}, BATCH));
    assert_ok(csa_schedule_bind(f->replicas[i].graph));
    assert_ok(csa_graph_initialize(f->replicas[i].graph, 5));
  }
  f->elements = csa_elements(f->replicas[0].graph->parameters.gradients->shape);
  assert_true(f->elements * (int64_t)sizeof(float) > 1 << 19); /* more than a bucket */
  for (int i = 0; i < REPLICAS; i++) f->own[i].gradients = calloc((size_t)f->elements, sizeof(float));
  assert_ok(csa_reducer_create(&f->reducer, f->replicas, REPLICAS));
}

static void teardown(fixture *f) {
  csa_reducer_destroy(f->reducer);
  for (int i = 0; i < REPLICAS; i++) {
    csa_replica_fini(&f->replicas[i]);
    free(f->own[i].gradients);
  }
}

static void fetch(const fixture *f, int index, int slot, results *r) {
  const csa_graph *g = f->replicas[index].graph;
  assert_ok(csa_tensor_download(g->device, g->parameters.gradients, r->gradients));
  assert_ok(csa_tensor_download_part(g->device, g->history, (int64_t)2 * slot, 2, r->row));
}

/* A micro-step of those in `who`, a bit each, on images of their own; what it gave them is kept. */
static void micro_steps(fixture *f, unsigned who, int slot) {
  for (int i = 0; i < REPLICAS; i++) {
    csa_graph *g = f->replicas[i].graph;
    const csa_step_state state = {.active = BATCH, .images = REPLICAS * BATCH, .slot = slot, .training = 1};
    if ((who >> i & 1) == 0) continue;
    assert_ok(csa_sample_batch(g, f->config.architecture.classes, 9, 10 * slot + i));
    assert_ok(csa_schedule_state(g, &state));
    assert_ok(csa_reducer_micro_step(f->reducer, i, slot));
    fetch(f, i, slot, &f->own[i]);
  }
}

static void add(results *sum, const results *r, int64_t elements, bool first) {
  for (int64_t e = 0; e < elements; e++)
    sum->gradients[e] = first ? r->gradients[e] : sum->gradients[e] + r->gradients[e];
  for (int k = 0; k < 2; k++) sum->row[k] = first ? r->row[k] : sum->row[k] + r->row[k];
}

static void assert_same(const fixture *f, int index, const results *got, const results *want) {
  for (int64_t e = 0; e < f->elements; e++)
    if (memcmp(&got->gradients[e], &want->gradients[e], sizeof(float)) != 0)
      fail_msg("replica %d, element %lld of %lld: %.9g, not %.9g", index, (long long)e, (long long)f->elements,
               (double)got->gradients[e], (double)want->gradients[e]);
  assert_memory_equal(got->row, want->row, sizeof got->row);
}

static void check_step(fixture *f, unsigned who, int slot) {
  results want = {.gradients = calloc((size_t)f->elements, sizeof(float))},
          got = {.gradients = calloc((size_t)f->elements, sizeof(float))};
  float votes[CSA_VOTES] = {[CSA_VOTE_FETCH] = 1.0f};
  bool first = true;
  print_message("replicas %x\n", who);
  micro_steps(f, who, slot);
  for (int i = 0; i < REPLICAS; i++)
    if (who >> i & 1) {
      add(&want, &f->own[i], f->elements, first);
      first = false;
    }
  assert_ok(csa_reducer_sum(f->reducer, slot, votes));
  for (int i = 0; i < REPLICAS; i++) {
    fetch(f, i, slot, &got);
    assert_same(f, i, &got, &want);
  }
  assert_true(votes[CSA_VOTE_STOP] == 0.0f && votes[CSA_VOTE_FETCH] == 1.0f);
  free(want.gradients);
  free(got.gradients);
}

/* Also after a step without some of them. */
static void test_sums(void **state) {
  (void)state;
  static const unsigned takes_part[] = {7, 7, 6, 4, 1, 5, 0, 7};
  fixture f;
  setup(&f);
  for (int i = 0; i < (int)(sizeof takes_part / sizeof takes_part[0]); i++) check_step(&f, takes_part[i], i);
  teardown(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
