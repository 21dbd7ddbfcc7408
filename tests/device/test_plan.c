/* Plans: lives and places of tensors, what they may not be, and kernels that do not fit their launches. */
#include "core/embedded.h"
#include "device/plan_print.h"

#include "layers/harness.h"

#define CHAIN 6 /* launches, each reading what the one before it wrote */
#define ELEMENTS 1000
#define ALIGNED 1024 /* with device alignments of 128 to 4096 bytes */

static csa_plan *new_plan(csa_device *device) {
  csa_plan *plan;
  assert_ok(csa_plan_create(&plan, device, (csa_choices){0}));
  return plan;
}

static csa_tensor *tensor(csa_plan *plan, csa_role role, csa_dtype dtype, csa_shape shape, const char *name) {
  csa_tensor *t;
  assert_ok(csa_plan_tensor(plan, role, dtype, shape, &t, "%s", name));
  return t;
}

/* Records to = from + in. */
static void add(csa_plan *plan, const csa_tensor *from, const csa_tensor *in, csa_tensor *to) {
  snprintf(plan->label, sizeof plan->label, "adding to %.40s", to->name);
  assert_ok(csa_launch(plan, csa_kernel_named(plan, "join_add", "%s", ""), csa_items(ELEMENTS),
                       CSA_ARGS(from, in, to, ELEMENTS)));
}

/* in, then sums[i] = (i + 2) in; the last one stays. */
typedef struct {
  csa_plan *plan;
  csa_tensor *in, *sums[CHAIN];
} chain;

static chain make_chain(csa_device *device, bool keep_all) {
  chain c = {.plan = new_plan(device)};
  c.plan->keep_all = keep_all;
  c.in = tensor(c.plan, CSA_DATA, CSA_F32, csa_shape1(ELEMENTS), "in");
  for (int i = 0; i < CHAIN; i++)
    c.sums[i] = tensor(c.plan, i < CHAIN - 1 ? CSA_TRANSIENT : CSA_DATA, CSA_F32, csa_shape1(ELEMENTS), "sum");
  csa_plan_record(c.plan, CSA_MICRO_STEP);
  for (int i = 0; i < CHAIN; i++) add(c.plan, i > 0 ? c.sums[i - 1] : c.in, c.in, c.sums[i]);
  assert_ok(csa_plan_place(c.plan));
  return c;
}

static void run(const chain *c) {
  float values[ELEMENTS];
  for (int i = 0; i < ELEMENTS; i++) values[i] = (float)i;
  assert_ok(csa_plan_bind(c->plan));
  assert_ok(csa_tensor_upload(c->plan->device, c->in, values));
  assert_ok(csa_plan_run(c->plan, 0, c->plan->node_count));
}

static void assert_holds(const chain *c, int number) {
  float values[ELEMENTS];
  assert_ok(csa_tensor_download(c->plan->device, c->sums[number], values));
  for (int i = 0; i < ELEMENTS; i++) assert_true(values[i] == (float)(i * (number + 2)));
}

static void test_lives_share_memory(void **state) {
  (void)state;
  chain c = make_chain(test_device(), false);
  for (int i = 0; i < CHAIN - 1; i++) {
    assert_int_equal(c.sums[i]->first, i);
    assert_int_equal(c.sums[i]->last, i + 1);
    assert_int_equal(c.sums[i]->offset, c.sums[i % 2]->offset);
  }
  assert_int_not_equal(c.sums[0]->offset, c.sums[1]->offset);
  assert_true(csa_arena_bytes(c.plan, CSA_TRANSIENT) <= (ALIGNED + ELEMENTS) * sizeof(float));
  run(&c);
  assert_holds(&c, CHAIN - 1);
  csa_plan_destroy(c.plan);
}

static void test_keep_all_separates(void **state) {
  (void)state;
  chain c = make_chain(test_device(), true);
  assert_true(csa_arena_bytes(c.plan, CSA_TRANSIENT) >= (CHAIN - 1) * ELEMENTS * sizeof(float));
  run(&c);
  for (int i = 0; i < CHAIN; i++) assert_holds(&c, i);
  csa_plan_destroy(c.plan);
}

/* A device that allocates little at once: the arenas come in several buffers. */
static void test_several_buffers(void **state) {
  (void)state;
  csa_device small = *test_device();
  small.info.max_alloc_bytes = ELEMENTS * sizeof(float);
  chain c = make_chain(&small, true);
  assert_int_equal(c.plan->arenas[CSA_TRANSIENT].count, CHAIN - 1);
  for (int i = 0; i < CHAIN - 1; i++) assert_int_equal(c.sums[i]->offset, 0);
  run(&c);
  for (int i = 0; i < CHAIN; i++) assert_holds(&c, i);
  csa_plan_destroy(c.plan);
}

/* What is launched on a view keeps all of its base alive. */
static void test_views(void **state) {
  (void)state;
  csa_plan *plan = new_plan(test_device());
  csa_tensor *in = tensor(plan, CSA_DATA, CSA_F32, csa_shape1(ELEMENTS), "in"), *view, *part;
  csa_tensor *base = tensor(plan, CSA_TRANSIENT, CSA_F32, csa_shape2(3, ELEMENTS), "base");
  csa_tensor *other = tensor(plan, CSA_TRANSIENT, CSA_F32, csa_shape1(ELEMENTS), "other");
  assert_ok(csa_plan_view(plan, base, ELEMENTS, csa_shape2(2, ELEMENTS), &view));
  assert_ok(csa_plan_view(plan, view, ELEMENTS, csa_shape1(ELEMENTS), &part));
  assert_ptr_equal(part->base, base);
  csa_plan_record(plan, CSA_MICRO_STEP);
  add(plan, in, in, part);
  add(plan, in, in, other);
  add(plan, other, part, in);
  assert_ok(csa_plan_place(plan));
  assert_int_equal(base->first, 0);
  assert_int_equal(base->last, 2);
  assert_int_equal(part->offset, base->offset + 2 * ELEMENTS);
  assert_true(other->offset >= base->offset + 3 * ELEMENTS || other->offset + ELEMENTS <= base->offset);
  csa_plan_destroy(plan);
}

static void test_bytes_are_known_before_any_is_allocated(void **state) {
  (void)state;
  csa_plan *plan = new_plan(test_device());
  for (int role = 0; role < CSA_ROLES; role++)
    tensor(plan, (csa_role)role, (csa_dtype)(role % 3), csa_shape3(role + 1, 7, 129), "one");
  tensor(plan, CSA_GRADIENT, CSA_F32, csa_shape1(0), "empty");
  assert_ok(csa_plan_workspace(plan, 5001));
  assert_ok(csa_plan_workspace(plan, 77)); /* the largest need counts */
  assert_ok(csa_plan_place(plan));
  uint64_t sum = 0;
  for (int role = 0; role < CSA_ROLES; role++) {
    uint64_t arena = 0;
    for (int i = 0; i < plan->arenas[role].count; i++) arena += plan->arenas[role].bytes[i];
    assert_int_equal(csa_arena_bytes(plan, (csa_role)role), arena);
    assert_true(arena >= (uint64_t)(role + 1) * 7 * 129 * csa_dtype_size((csa_dtype)(role % 3)));
    assert_null(plan->arenas[role].memory);
    sum += arena;
  }
  assert_int_equal(csa_plan_bytes(plan), sum);
  assert_int_equal(csa_tensor_bytes(plan->workspace), 5004);
  assert_int_equal(plan->workspace->offset, 0);
  csa_plan_destroy(plan);
}

/* A launch of join_add, which takes three tensors of floats and an int, with what is given. */
static csa_status bind_with(const char *name, const csa_arg *args, int count, csa_plan *plan) {
  snprintf(plan->label, sizeof plan->label, "layer 'x' forward");
  CSA_TRY(csa_launch(plan, csa_kernel_named(plan, name, "%s", ""), csa_items(8), args, count));
  CSA_TRY(csa_plan_place(plan));
  return csa_plan_bind(plan);
}

static void test_wrong_arguments(void **state) {
  (void)state;
  for (int i = 0; i < 6; i++) {
    csa_plan *plan = new_plan(test_device());
    csa_tensor *x = tensor(plan, CSA_DATA, CSA_F32, csa_shape1(8), "x");
    csa_tensor *ints = tensor(plan, CSA_DATA, CSA_I32, csa_shape1(8), "ints");
    csa_tensor *bytes = tensor(plan, CSA_DATA, CSA_U8, csa_shape1(8), "bytes");
    const struct {
      const char *kernel, *sentence;
      csa_arg args[5];
      int count;
    } cases[] = {
        {"join_add",
         "layer 'x' forward: kernel join_add takes 7 arguments, but the host passes 6",
         {CSA_MAP3(x, x, x)},
         3},
        {"join_add", "join_add takes 7 arguments, but the host passes 8", {CSA_MAP5(x, x, x, 8, 8)}, 5},
        {"join_add",
         "kernel join_add: its argument 7, n, is int in join.cl, but the host passes float",
         {CSA_MAP4(x, x, x, 8.0f)},
         4},
        {"join_add",
         "argument 3, b_buffer, is storage* in join.cl, but the host passes int*",
         {CSA_MAP4(x, ints, x, 8)},
         4},
        {"join_add",
         "argument 5, c_buffer, is storage* in join.cl, but the host passes uchar*",
         {CSA_MAP4(x, x, bytes, 8)},
         4},
        {"join_nothing", "join.cl has no kernel join_nothing", {CSA_MAP4(x, x, x, 8)}, 4},
    };
    assert_fails(CSA_DEVICE, cases[i].sentence, bind_with(cases[i].kernel, cases[i].args, cases[i].count, plan));
    csa_plan_destroy(plan);
  }
}

/* A folder of kernels with one that does not compile. */
static void test_build_error(void **state) {
  (void)state;
  static const char broken[] = "/* one */\n\nkernel void broken_one(OUT(float, x)) { nonsense(x_buffer) }\n";
  const char *folder = test_folder();
  for (const csa_embedded *t = csa_kernel_texts; t->name != NULL; t++)
    if (strcmp(t->name, "common.clh") == 0) test_write(test_path(folder, t->name), t->text, strlen(t->text));
  test_write(test_path(folder, "broken.cl"), broken, sizeof broken - 1);
  setenv("CLSATTN_KERNEL_DIR", folder, 1);
  csa_plan *plan = new_plan(test_device());
  csa_tensor *x = tensor(plan, CSA_DATA, CSA_F32, csa_shape1(8), "x");
  assert_fails(CSA_DEVICE, "broken.cl:3", bind_with("broken_one", CSA_ARGS(x), plan));
  assert_non_null(strstr(csa_last_error(), "program broken.cl on "));
  assert_non_null(strstr(csa_last_error(), "clBuildProgram: CL_BUILD_PROGRAM_FAILURE"));
  assert_non_null(strstr(csa_last_error(), "nonsense"));
  csa_plan_destroy(plan);
  unsetenv("CLSATTN_KERNEL_DIR");
}

static void test_too_many_elements(void **state) {
  (void)state;
  static const int64_t big = CSA_ELEMENTS_MAX, huge = INT64_MAX;
  const csa_shape shapes[] = {csa_shape1(big + 1),  csa_shape2(65536, 32768),       csa_shape1(huge),
                              csa_shape2(2, huge),  csa_shape4(big, big, big, big), csa_shape2(0, huge),
                              csa_shape3(-1, 5, 5), csa_shape2(huge, huge)};
  csa_plan *plan = new_plan(test_device());
  csa_tensor *x;
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    assert_fails(CSA_MEMORY, "plan: large [", csa_plan_tensor(plan, CSA_DATA, CSA_U8, shapes[i], &x, "large"));
  assert_ok(csa_plan_tensor(plan, CSA_DATA, CSA_U8, csa_shape1(big), &x, "just right"));
  csa_plan_destroy(plan);
}

/* Places tensors of so many bytes on a device of 10,000 bytes that allocates 4,000 at once. */
static csa_status place_on_small(const int64_t *bytes, int count) {
  csa_device small = *test_device();
  small.info.max_alloc_bytes = 4000;
  small.info.global_bytes = 10000;
  csa_plan *plan = new_plan(&small);
  for (int i = 0; i < count; i++) tensor(plan, CSA_GRADIENT, CSA_U8, csa_shape1(bytes[i]), "some");
  const csa_status status = csa_plan_place(plan);
  csa_plan_destroy(plan);
  return status;
}

static void test_plans_larger_than_the_device(void **state) {
  (void)state;
  assert_ok(place_on_small((const int64_t[]){4000, 4000}, 2));
  assert_fails(CSA_MEMORY, "a smaller batch helps", place_on_small((const int64_t[]){4000, 4000, 2000}, 3));
  assert_fails(CSA_MEMORY, test_device()->info.name, place_on_small((const int64_t[]){4000, 4000, 2000}, 3));
  assert_fails(CSA_MEMORY, "a tensor of 4001 bytes", place_on_small((const int64_t[]){4001}, 1));
}

/* A device of another type, as far as the plan can tell; nothing runs on it. */
static void test_choices(void **state) {
  (void)state;
  csa_device gpu = *test_device();
  gpu.info.type = CSA_GPU;
  csa_plan *plan;
  assert_fails(CSA_USAGE, "kernels: cpu on ",
               csa_plan_create(&plan, &gpu, (csa_choices){.kernels = CSA_KERNELS_CPU, .gemm = CSA_GEMM_AUTO}));
  assert_null(plan);
  csa_choices c = csa_choices_resolve((csa_choices){0}, &gpu.info);
  assert_int_equal(c.kernels, CSA_KERNELS_PORTABLE);
  assert_int_equal(c.gemm, CSA_GEMM_CLBLAST);
  gpu.info.type = CSA_CPU;
  c = csa_choices_resolve((csa_choices){0}, &gpu.info);
  assert_int_equal(c.kernels, CSA_KERNELS_CPU);
  assert_int_equal(c.gemm, CSA_GEMM_NATIVE);
  c = csa_choices_resolve((csa_choices){.kernels = CSA_KERNELS_PORTABLE, .gemm = CSA_GEMM_CLBLAST}, &gpu.info);
  assert_int_equal(c.kernels, CSA_KERNELS_PORTABLE); /* what was asked for stays */
  assert_int_equal(c.gemm, CSA_GEMM_CLBLAST);
}

static void test_lists_follow_each_other(void **state) {
  (void)state;
  csa_plan *plan = new_plan(test_device());
  csa_tensor *x = tensor(plan, CSA_DATA, CSA_F32, csa_shape1(ELEMENTS), "x");
  csa_tensor *y = tensor(plan, CSA_DATA, CSA_F32, csa_shape1(ELEMENTS), "y");
  csa_plan_record(plan, CSA_MICRO_STEP);
  add(plan, x, x, y);
  add(plan, x, x, y);
  csa_plan_record(plan, CSA_UPDATE);
  add(plan, x, y, y);
  assert_int_equal(plan->list_end[CSA_MICRO_STEP], 2);
  assert_int_equal(plan->list_end[CSA_UPDATE], 3);
  csa_plan_destroy(plan);
}

static void test_print(void **state) {
  (void)state;
  chain c = make_chain(test_device(), false);
  char *text = NULL, total[64];
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  assert_non_null(out);
  csa_plan_print(c.plan, out);
  assert_int_equal(fclose(out), 0);
  assert_non_null(strstr(text, "micro-step: 6 launches"));
  assert_non_null(strstr(text, "adding to sum"));
  assert_non_null(strstr(text, "[1000]"));
  snprintf(total, sizeof total, "%12llu B\n", (unsigned long long)csa_plan_bytes(c.plan));
  assert_non_null(strstr(text, total));
  free(text);
  csa_plan_destroy(c.plan);
}

/* Compiled here: drivers may keep no types of arguments in what is loaded from a cache (Intel's for CPUs). */
static int empty_cache(void **state) {
  (void)state;
  return setenv("XDG_CACHE_HOME", test_folder(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_lives_share_memory),
                                     cmocka_unit_test(test_keep_all_separates),
                                     cmocka_unit_test(test_several_buffers),
                                     cmocka_unit_test(test_views),
                                     cmocka_unit_test(test_bytes_are_known_before_any_is_allocated),
                                     cmocka_unit_test(test_wrong_arguments),
                                     cmocka_unit_test(test_build_error),
                                     cmocka_unit_test(test_too_many_elements),
                                     cmocka_unit_test(test_plans_larger_than_the_device),
                                     cmocka_unit_test(test_choices),
                                     cmocka_unit_test(test_lists_follow_each_other),
                                     cmocka_unit_test(test_print)};
  return cmocka_run_group_tests(tests, empty_cache, NULL);
}
