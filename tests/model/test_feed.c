/* Batches: the same bits whether the images lie on the device or are sent, and normalised as PyTorch does it. */
#include "model/feed.h"

#include "layers/harness.h"
#include "model/architecture.h"

enum { BATCH = 7, COUNT = 20, SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE };

typedef struct {
  float x[BATCH * PIXELS]; /* [N, H, W, C] */
  int32_t labels[BATCH];
} contents;

static uint8_t images[COUNT * PIXELS]; /* [N, C, H, W] */
static int32_t labels[COUNT];
static const csa_split split = {images, labels, COUNT};
static const csa_dataset dataset = {.channels = 3, .height = SIDE, .width = SIDE, .classes = 10};

static void fill_data(void) {
  for (int i = 0; i < COUNT * PIXELS; i++) images[i] = (uint8_t)(i / PIXELS * 41 + i % PIXELS * 7 + i % PIXELS / 256);
  for (int n = 0; n < COUNT; n++) labels[n] = 1 + n * 3 % 9; /* never 0, which inactive images have */
}

static csa_graph *build(void) {
  csa_architecture a;
  csa_graph *g;
  assert_ok(csa_architecture_default(&a, "vit"));
  a.layers = 1;
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.batch = BATCH, .keep_all = true}));
  assert_ok(csa_architecture_build(&a, g));
  assert_ok(csa_schedule_prepare(g));
  return g;
}

static void fetch(const csa_graph *g, contents *c) {
  assert_ok(csa_tensor_download(test_device(), g->input, c->x));
  assert_ok(csa_tensor_download(test_device(), g->labels, c->labels));
}

/* What the batch must be, by the definition alone. */
static void expect(contents *c, const int32_t *order, int count) {
  memset(c, 0, sizeof *c);
  for (int n = 0; n < count; n++) {
    c->labels[n] = labels[order[n]];
    for (int p = 0; p < PLANE; p++)
      for (int channel = 0; channel < 3; channel++) {
        const float byte = (float)images[order[n] * PIXELS + channel * PLANE + p];
        c->x[(n * PLANE + p) * 3 + channel] = (byte / 255.0f - 0.5f) / 0.5f;
      }
  }
}

static void assert_batch(csa_graph *g, csa_feed *feed, const int32_t *order, int offset, int count) {
  static contents got, want;
  csa_step_state state = {.slot = 1};
  assert_ok(csa_feed_batch(feed, offset, count, &state));
  assert_int_equal(state.active, count);
  fetch(g, &got);
  expect(&want, order + offset, count);
  for (int i = 0; i < BATCH * PIXELS; i++)
    if (memcmp(&got.x[i], &want.x[i], sizeof(float)) != 0)
      fail_msg("batch at %d, element %d: %.9g, not %.9g", offset, i, (double)got.x[i], (double)want.x[i]);
  for (int n = 0; n < BATCH; n++) assert_int_equal(got.labels[n], want.labels[n]);
}

/* All batches of an epoch, the last of them smaller; then the first again, over what the last one left. */
static void assert_epoch(csa_graph *g, csa_feed *feed, const int32_t *order) {
  for (int offset = 0; offset < COUNT; offset += BATCH)
    assert_batch(g, feed, order, offset, COUNT - offset < BATCH ? COUNT - offset : BATCH);
  assert_batch(g, feed, order, 0, BATCH);
  assert_batch(g, feed, order, COUNT - 1, 1);
}

static void check(uint64_t resident_limit) {
  int32_t order[COUNT];
  csa_graph *g = build();
  csa_feed *feed;
  assert_ok(csa_feed_create(&feed, g, &dataset, &split, NULL, resident_limit));
  for (int i = 0; i < COUNT; i++) order[i] = i;
  assert_epoch(g, feed, order);
  for (int factor = 3; factor < 20; factor += 4) { /* 3, 7, 11, 19 have no divisor in common with 20; 15 repeats some */
    for (int i = 0; i < COUNT; i++) order[i] = (i * factor + factor) % COUNT;
    assert_ok(csa_feed_order(feed, order, COUNT));
    assert_epoch(g, feed, order);
  }
  csa_feed_destroy(feed);
  csa_graph_destroy(g);
}

static void test_resident(void **state) {
  (void)state;
  check(0);
  check(COUNT * PIXELS);
}

static void test_not_resident(void **state) {
  (void)state;
  check(1);
  check(COUNT * PIXELS - 1);
}

/* Augmented batches are what csa_augment_of says, the same whether images are resident or sent, and anew each step. */
static void check_augmented(const csa_augment *augment, uint64_t resident_limit) {
  static contents got;
  int32_t order[COUNT];
  csa_graph *g = build();
  csa_feed *feed;
  assert_ok(csa_feed_create(&feed, g, &dataset, &split, augment, resident_limit));
  for (uint32_t step = 3; step < 6; step++) {
    csa_step_state state = {.seed = {5, 6}, .step = step, .training = 1};
    assert_ok(csa_feed_batch(feed, 7, BATCH - 1, &state));
    fetch(g, &got);
    for (int n = 0; n < BATCH; n++) {
      const csa_augment_draw d = csa_augment_of(augment, UINT64_C(6) << 32 | 5, step, n, SIDE, SIDE);
      for (int i = 0; i < PIXELS; i++) {
        const int y = i / 3 / SIDE, x = i / 3 % SIDE, top = d.hole_y - augment->cutout / 2,
                  left = d.hole_x - augment->cutout / 2;
        const int from_y = y + d.down, from_x = (d.flip ? SIDE - 1 - x : x) + d.right;
        const bool hidden = y >= top && y < top + augment->cutout && x >= left && x < left + augment->cutout;
        const bool inside = from_y >= 0 && from_y < SIDE && from_x >= 0 && from_x < SIDE;
        const float byte = inside ? (float)images[(7 + n) * PIXELS + i % 3 * PLANE + from_y * SIDE + from_x] : 0.0f;
        const float want = n == BATCH - 1 || hidden ? 0.0f : (byte / 255.0f - 0.5f) / 0.5f;
        if (got.x[n * PIXELS + i] != want)
          fail_msg("step %u, image %d, pixel (%d, %d): %g, not %g", step, n, y, x, (double)got.x[n * PIXELS + i],
                   (double)want);
      }
    }
  }
  for (int i = 0; i < COUNT; i++) order[i] = i;
  assert_batch(g, feed, order, 7, BATCH - 1); /* outside of training, images are as they are */
  csa_feed_destroy(feed);
  csa_graph_destroy(g);
}

static void test_augmented(void **state) {
  (void)state;
  static const csa_augment cases[] = {{true, 0, 0}, {false, 4, 0}, {false, 0, 9}, {true, 3, 8}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    check_augmented(&cases[i], 0);
    check_augmented(&cases[i], 1);
  }
}

/* A part of the images, as long as the order says so; it is copied: the caller's may go. */
static void test_order_is_copied(void **state) {
  (void)state;
  for (uint64_t limit = 0; limit < 2; limit++) {
    int32_t order[COUNT], kept[COUNT];
    csa_graph *g = build();
    csa_feed *feed;
    assert_ok(csa_feed_create(&feed, g, &dataset, &split, NULL, limit));
    for (int i = 0; i < COUNT; i++) kept[i] = order[i] = COUNT - 1 - i;
    assert_ok(csa_feed_order(feed, order + 5, COUNT - 5));
    assert_batch(g, feed, kept + 5, COUNT - 5 - BATCH, BATCH);
    assert_int_equal(csa_feed_label(feed, 2), labels[kept[7]]);
    assert_ok(csa_feed_order(feed, order, COUNT));
    memset(order, 0, sizeof order);
    assert_batch(g, feed, kept, 3, BATCH);
    csa_feed_destroy(feed);
    csa_graph_destroy(g);
  }
}

/* Every value of a byte, with its float written out by other means: n/255 is the float nearest to it. */
static void test_every_byte(void **state) {
  (void)state;
  static contents got;
  csa_graph *g = build();
  csa_feed *feed;
  csa_step_state step = {0};
  for (int i = 0; i < PIXELS; i++) images[i] = (uint8_t)(i % PLANE);
  assert_ok(csa_feed_create(&feed, g, &dataset, &split, NULL, 0));
  assert_ok(csa_feed_batch(feed, 0, 1, &step));
  fetch(g, &got);
  for (int byte = 0; byte < 256; byte++) {
    const float nearest = (float)(byte / 255.0), centred = (float)((double)nearest - 0.5);
    for (int channel = 0; channel < 3; channel++) assert_true(got.x[byte * 3 + channel] == centred * 2.0f);
  }
  csa_feed_destroy(feed);
  csa_graph_destroy(g);
  fill_data();
}

static void test_bytes(void **state) {
  (void)state;
  csa_graph *g = build();
  csa_feed *resident, *sent;
  assert_ok(csa_feed_create(&resident, g, &dataset, &split, NULL, 0));
  assert_ok(csa_feed_create(&sent, g, &dataset, &split, NULL, 1));
  assert_true(csa_feed_bytes(resident) >= COUNT * PIXELS);
  assert_true(csa_feed_bytes(sent) >= BATCH * PIXELS);
  assert_true(csa_feed_bytes(sent) < COUNT * PIXELS);
  csa_feed_destroy(resident);
  csa_feed_destroy(sent);
  csa_feed_destroy(NULL);
  csa_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_resident),   cmocka_unit_test(test_not_resident),
                                     cmocka_unit_test(test_augmented),  cmocka_unit_test(test_order_is_copied),
                                     cmocka_unit_test(test_every_byte), cmocka_unit_test(test_bytes)};
  fill_data();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
