/* verify must see numbers that are wrong: a golden file with a NaN planted in it, or with one value changed, does not
 * hold. */
#include "train/verify.h"

#include <math.h>

#include "layers/harness.h"

/* A copy of the file in which element 0 of tensor `name` is `value`. */
static void plant(const char *from, const char *to, const char *name, float value) {
  csa_safetensors *file;
  csa_safetensors_writer *writer;
  assert_ok(csa_safetensors_open(&file, from));
  assert_ok(csa_safetensors_writer_begin(&writer));
  static const char *const keys[] = {"model", "sizes", "lr"};
  for (int i = 0; i < 3; i++)
    assert_ok(csa_safetensors_writer_metadata(writer, keys[i], csa_safetensors_metadata(file, keys[i])));
  for (size_t i = 0; i < csa_safetensors_count(file); i++) {
    const csa_st_tensor *t = csa_safetensors_at(file, i);
    uint8_t *data = malloc(t->size);
    assert_non_null(data);
    memcpy(data, t->data, t->size);
    if (strcmp(t->name, name) == 0) memcpy(data, &value, sizeof value);
    assert_ok(csa_safetensors_writer_add(writer, t->name, t->dtype, t->shape, data));
    free(data);
  }
  assert_ok(csa_safetensors_writer_write(writer, to));
  csa_safetensors_writer_close(writer);
  csa_safetensors_close(file);
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
    plant(golden, path, cases[i].tensor, cases[i].value);
    assert_ok(csa_verify(&v, test_device(), (csa_choices){0}, path, NULL));
    assert_false(v.ok);
    assert_false(holds(&v, cases[i].check));
    csa_verification_fini(&v);
  }
}

static void test_untouched(void **state) {
  (void)state;
  csa_verification v;
  assert_ok(csa_verify(&v, test_device(), (csa_choices){0}, test_path(CSA_TEST_GOLDEN, "vit-tiny.safetensors"), NULL));
  assert_true(v.ok);
  csa_verification_fini(&v);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_untouched), cmocka_unit_test(test_planted)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
