/* Placement of blocks: whatever the blocks, none may lie where another lies that lives at the same time. */
#include "device/arena.h"

#include "core/rng.h"
#include "testing.h"

#define BLOCKS_MAX 120

typedef struct {
  size_t count;
  uint64_t bytes_most, alignment, limit;
  uint32_t launches; /* lives begin and end within so many */
} arena_case;

static void draw(csa_block *blocks, const arena_case *c, uint32_t stream) {
  const csa_rng rng = {7, CSA_RNG_TEST, stream};
  for (size_t i = 0; i < c->count; i++) {
    uint32_t r[4];
    csa_rng_block(&rng, i, r);
    const int first = (int)(r[1] % c->launches), length = (int)(r[2] % (c->launches - (uint32_t)first));
    blocks[i] = (csa_block){
        .bytes = 1 + r[0] % c->bytes_most, .first = first, .last = first + length, .buffer = -1, .offset = UINT64_MAX};
    if (r[3] % 8 == 0) blocks[i].bytes = c->bytes_most; /* equal sizes are common in a model */
  }
}

static bool collide(const csa_block *a, const csa_block *b) {
  if (a->buffer != b->buffer || a->last < b->first || b->last < a->first) return false;
  return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static void check(const csa_block *blocks, const arena_case *c, const csa_buffers *buffers) {
  uint64_t ends[BLOCKS_MAX] = {0};
  for (size_t i = 0; i < c->count; i++) {
    const csa_block *b = &blocks[i];
    assert_in_range(b->buffer, 0, buffers->count - 1);
    assert_int_equal(b->offset % c->alignment, 0);
    if (b->offset + b->bytes > ends[b->buffer]) ends[b->buffer] = b->offset + b->bytes;
    for (size_t j = 0; j < i; j++)
      if (collide(b, &blocks[j])) fail_msg("blocks %zu and %zu overlap", i, j);
  }
  for (int i = 0; i < buffers->count; i++) {
    assert_int_equal(buffers->bytes[i], ends[i]); /* no byte more than is used */
    assert_in_range(buffers->bytes[i], 1, c->limit);
  }
}

static void test_any_blocks(void **state) {
  (void)state;
  static const arena_case cases[] = {
      {1, 1, 1, 1, 1},           {3, 10, 1, 10, 2},           {40, 1000, 128, 1000, 1},
      {100, 5000, 128, 8000, 9}, {120, 99, 256, 100000, 200}, {BLOCKS_MAX, 70000, 4096, 1 << 30, 40},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (uint32_t stream = 0; stream < 20; stream++) {
      csa_block blocks[BLOCKS_MAX] = {{0}}, again[BLOCKS_MAX];
      csa_buffers buffers, buffers_again;
      draw(blocks, &cases[i], stream);
      memcpy(again, blocks, sizeof again);
      assert_ok(csa_arena_place(blocks, cases[i].count, cases[i].alignment, cases[i].limit, &buffers));
      check(blocks, &cases[i], &buffers);
      assert_ok(csa_arena_place(again, cases[i].count, cases[i].alignment, cases[i].limit, &buffers_again));
      assert_memory_equal(blocks, again, cases[i].count * sizeof *blocks);
      assert_int_equal(buffers.count, buffers_again.count);
      free(buffers.bytes), free(buffers_again.bytes);
    }
}

/* A chain: each block is made while the one before it is read, so two places serve all. */
static void test_a_chain_needs_two_places(void **state) {
  (void)state;
  csa_block blocks[50] = {{0}};
  csa_buffers buffers;
  for (int i = 0; i < 50; i++) blocks[i] = (csa_block){.bytes = 1000, .first = i, .last = i + 1};
  assert_ok(csa_arena_place(blocks, 50, 128, 1 << 20, &buffers));
  assert_int_equal(buffers.count, 1);
  assert_int_equal(buffers.bytes[0], 1024 + 1000);
  free(buffers.bytes);
}

/* Two that live one after the other fit below one that outlives both. */
static void test_disjoint_lives_share(void **state) {
  (void)state;
  csa_block blocks[] = {{.bytes = 100, .first = 0, .last = 4},
                        {.bytes = 256, .first = 0, .last = 9},
                        {.bytes = 90, .first = 5, .last = 9}};
  csa_buffers buffers;
  assert_ok(csa_arena_place(blocks, 3, 64, 1 << 20, &buffers));
  assert_int_equal(blocks[0].offset, blocks[2].offset);
  assert_int_equal(buffers.bytes[0], 256 + 100);
  free(buffers.bytes);
  blocks[2].first = 4; /* now they meet, if only in one launch */
  assert_ok(csa_arena_place(blocks, 3, 64, 1 << 20, &buffers));
  assert_int_equal(buffers.bytes[0], 256 + 128 + 90);
  free(buffers.bytes);
}

static void test_the_limit_makes_more_buffers(void **state) {
  (void)state;
  csa_block blocks[5] = {{0}};
  csa_buffers buffers;
  for (int i = 0; i < 5; i++) blocks[i] = (csa_block){.bytes = 100, .first = 0, .last = 0};
  assert_ok(csa_arena_place(blocks, 5, 128, 228, &buffers));
  assert_int_equal(buffers.count, 3);
  assert_int_equal(buffers.bytes[0], 228);
  assert_int_equal(buffers.bytes[2], 100);
  free(buffers.bytes);
}

static void test_too_large(void **state) {
  (void)state;
  csa_block blocks[] = {{.bytes = 5}, {.bytes = 1001}};
  csa_buffers buffers;
  assert_fails(CSA_MEMORY, "a tensor of 1001 bytes: the device allocates at most 1000 at once",
               csa_arena_place(blocks, 2, 128, 1000, &buffers));
  assert_null(buffers.bytes);
  assert_int_equal(buffers.count, 0);
}

static void test_nothing(void **state) {
  (void)state;
  csa_buffers buffers = {.count = 3};
  assert_ok(csa_arena_place(NULL, 0, 128, 1000, &buffers));
  assert_int_equal(buffers.count, 0);
  free(buffers.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_blocks),
                                     cmocka_unit_test(test_a_chain_needs_two_places),
                                     cmocka_unit_test(test_disjoint_lives_share),
                                     cmocka_unit_test(test_the_limit_makes_more_buffers),
                                     cmocka_unit_test(test_too_large),
                                     cmocka_unit_test(test_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
