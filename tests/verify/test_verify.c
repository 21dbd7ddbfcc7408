/* verify must see numbers that are wrong: a golden file with a NaN planted in it, or with one value changed, does not
 * hold. What holds on one device holds on two that share each batch, whoever takes how much of it, and in parts. */
#include "verify/verify.h"

#include <math.h>

#include "layers/harness.h"

typedef struct {
  const char *name; /* of a tensor */
  int blocks;       /* that each come `times` times in a row; 0: it stays as it is */
  float *value;     /* of its element 0; NULL: the file's */
} change;

static void change_tensor(csa_safetensors_writer *writer, const csa_st_tensor *t, const change *c, int times) {
  const size_t block = t->size / (size_t)(c->blocks > 0 ? c->blocks : 1), count = c->blocks > 0 ? (size_t)times : 1;
  uint8_t *data = malloc(t->size * count);
  csa_shape shape = t->shape;
  assert_non_null(data);
  for (size_t i = 0; i < t->size / block * count; i++)
    memcpy(data + i * block, (const uint8_t *)t->data + i / count * block, block);
  if (c->value != NULL) memcpy(data, c->value, sizeof *c->value);
  if (c->blocks > 0) shape.dim[c->blocks > 1 ? 1 : 0] *= times;
  assert_ok(csa_safetensors_writer_add(writer, t->name, t->dtype, shape, data));
  free(data);
}

/* A copy of the file with `changes` [count]. */
static void copy(const char *from, const char *to, const change *changes, int count, int times) {
  csa_safetensors *file;
  csa_safetensors_writer *writer;
  assert_ok(csa_safetensors_open(&file, from));
  assert_ok(csa_safetensors_writer_begin(&writer));
  static const char *const keys[] = {"model", "sizes", "lr"};
  for (int i = 0; i < 3; i++)
    assert_ok(csa_safetensors_writer_metadata(writer, keys[i], csa_safetensors_metadata(file, keys[i])));
  for (size_t i = 0; i < csa_safetensors_count(file); i++) {
    const csa_st_tensor *t = csa_safetensors_at(file, i);
    change own = {0};
    for (int c = 0; c < count; c++)
      if (strcmp(t->name, changes[c].name) == 0) own = changes[c];
    change_tensor(writer, t, &own, times);
  }
  assert_ok(csa_safetensors_writer_write(writer, to));
  csa_safetensors_writer_close(writer);
  csa_safetensors_close(file);
}

/* A copy in which every batch is there `times` times over: all that is expected stays the same. */
static const char *repeat(const char *from, int steps, int times) {
  const change changes[] = {
      {"inputs_all", steps, NULL}, {"labels_all", steps, NULL}, {"logits", 1, NULL}, {"final_logits", 1, NULL}};
  const char *path = test_path(test_folder(), "repeated.safetensors");
  copy(from, path, changes, 4, times);
  return path;
}

static csa_status run(csa_verification *v, const char *path) {
  csa_device *const devices[] = {test_device()};
  return csa_verify(v, devices, 1, &(csa_golden_way){.accumulate = 1}, path, NULL);
}

static csa_status run_shared(csa_verification *v, const csa_golden_way *way, const char *path) {
  csa_device *const devices[] = {test_device(), test_other_device()};
  return csa_verify(v, devices, 2, way, path, NULL);
}

static bool holds(const csa_verification *v, const char *name) {
  for (size_t i = 0; i < v->count; i++)
    if (strcmp(v->checks[i].name, name) == 0) return v->checks[i].ok;
  fail_msg("no check of %s", name);
  return false;
}

static void test_planted(void **state) {
  (void)state;
  static const struct {
    const char *tensor, *check;
    float value;
  } cases[] = {{"param.fc.bias", "logits", NAN},
               {"param.fc.bias", "losses[0]", NAN},
               {"param.fc.bias", "grad.fc.bias", NAN},
               {"logits", "logits", 100.0f},
               {"final_logits", "final_logits", 100.0f},
               {"grad.fc.weight", "grad.fc.weight", 100.0f},
               {"logits", "logits", NAN},
               {"losses", "losses[0]", 100.0f}};
  const char *folder = test_folder(), *golden = test_path(CSA_TEST_GOLDEN, "vit-tiny.safetensors");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *path = test_path(folder, "planted.safetensors");
    csa_verification v;
    float value = cases[i].value;
    copy(golden, path, &(change){cases[i].tensor, 0, &value}, 1, 1);
    assert_ok(run(&v, path));
    assert_false(v.ok);
    assert_false(holds(&v, cases[i].check));
    csa_verification_fini(&v);
  }
}

static void test_untouched(void **state) {
  (void)state;
  csa_verification v;
  assert_ok(run(&v, test_path(CSA_TEST_GOLDEN, "vit-tiny.safetensors")));
  assert_true(v.ok);
  csa_verification_fini(&v);
}

static void check_shared(const char *path, const char *shares, int accumulate, csa_precision precision) {
  const csa_golden_way way = {{.precision = precision}, shares, accumulate};
  csa_verification v;
  print_message("%s: %s in %d, %s\n", path, shares, accumulate, precision == CSA_PRECISION_F16 ? "halves" : "floats");
  assert_ok(run_shared(&v, &way, path));
  for (size_t i = 0; i < v.count; i++)
    if (!v.checks[i].ok) fail_msg("%s: error %g", v.checks[i].name, v.checks[i].error);
  assert_non_null(strstr(v.checks[v.count - 1].name, "agree"));
  csa_verification_fini(&v);
}

/* About a hundred images: those of PyTorch's batch over and over. */
static void test_shared(void **state) {
  (void)state;
  static const struct {
    const char *file;
    int times;
  } cases[] = {{"vit-peaked-tiny.safetensors", 20}, {"vit-grid-tiny.safetensors", 33}, {"cnn-tiny.safetensors", 33}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *path = repeat(test_path(CSA_TEST_GOLDEN, cases[i].file), 5, cases[i].times);
    check_shared(path, "1,1", 1, CSA_PRECISION_F32);
    check_shared(path, "1,2", 3, CSA_PRECISION_F32);
    check_shared(path, "99,1", 1, CSA_PRECISION_F32);
    check_shared(path, "1,99", 7, CSA_PRECISION_F16);
  }
}

static void test_refused(void **state) {
  (void)state;
  csa_verification v;
  const char *norm = test_path(CSA_TEST_GOLDEN, "cnn-batch-norm-tiny.safetensors"),
             *vit = test_path(CSA_TEST_GOLDEN, "vit-tiny.safetensors");
  csa_device *const one[] = {test_device()}, *const four[] = {one[0], one[0], one[0], one[0]};
  assert_fails(CSA_USAGE, "batch norm", run_shared(&v, &(csa_golden_way){.accumulate = 1}, norm));
  assert_fails(CSA_USAGE, "batch norm", csa_verify(&v, one, 1, &(csa_golden_way){.accumulate = 2}, norm, NULL));
  assert_fails(CSA_USAGE, "--device: 4 devices",
               csa_verify(&v, four, 4, &(csa_golden_way){.accumulate = 1}, vit, NULL));
  assert_fails(CSA_USAGE, "--shares: 1:", run_shared(&v, &(csa_golden_way){.shares = "1", .accumulate = 1}, vit));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_untouched), cmocka_unit_test(test_planted),
                                     cmocka_unit_test(test_shared), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
