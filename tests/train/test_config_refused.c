/* Nothing in config.json that is missing or wrong is taken for a setting. */
#include "core/file.h"
#include "testing.h"
#include "train/configs.h"

/* The object that holds a field, and the field's own name: "data.path" is "path" of "data". */
static json_t *holder(json_t *root, const char **field) {
  const char *dot = strchr(*field, '.');
  if (dot == NULL) return root;
  char outer[32];
  snprintf(outer, sizeof outer, "%.*s", (int)(dot - *field), *field);
  *field = dot + 1;
  return json_object_get(root, outer);
}

static const char *const fields[] = {"format",
                                     "model",
                                     "patches",
                                     "sizes",
                                     "data",
                                     "data.path",
                                     "data.hash",
                                     "data.limit_train",
                                     "data.limit_test",
                                     "device",
                                     "device.device",
                                     "epochs",
                                     "batch",
                                     "optimizer",
                                     "lr",
                                     "weight_decay",
                                     "seed",
                                     "init",
                                     "log_every",
                                     "checkpoint_every",
                                     "choices",
                                     "choices.kernels",
                                     "choices.gemm",
                                     "choices.conv"};

static void test_missing_fields(void **state) {
  (void)state;
  json_t *good = test_config_json();
  const char *path = test_path(test_folder(), "config.json");
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    json_t *root = json_deep_copy(good);
    const char *field = fields[i];
    json_t *at = holder(root, &field);
    assert_int_equal(json_object_del(at, field), 0);
    assert_json_refused(root, path, field);
    json_decref(root);
  }
  json_decref(good);
}

/* No field may be a list, null or true; none that is text may be a number, and none that is a number may be text. */
static void test_wrong_types(void **state) {
  (void)state;
  json_t *good = test_config_json();
  const char *path = test_path(test_folder(), "config.json");
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    const char *field = fields[i];
    json_t *at = holder(good, &field), *kept = json_incref(json_object_get(at, field));
    json_t *const wrong[] = {json_array(), json_null(), json_true(),
                             json_is_number(kept) ? json_string("1") : json_integer(1)};
    for (size_t w = 0; w < sizeof wrong / sizeof wrong[0]; w++) {
      json_object_set_new(at, field, wrong[w]);
      assert_json_refused(good, path, "config: ");
    }
    json_object_set_new(at, field, kept);
  }
  assert_int_equal(json_dump_file(good, path, 0), 0);
  static csa_config got;
  assert_ok(csa_config_load(&got, path));
  csa_config_fini(&got);
  json_decref(good);
}

static const struct {
  const char *field, *value, *text;
} out_of_range[] = {{"format", "2", "format 2: this clsattn"},
                    {"format", "0", "format 0"},
                    {"format", "4294967297", "format 4294967297"},
                    {"model", "\"resnet\"", "no such model"},
                    {"patches", "\"columns\"", "patches"},
                    {"sizes.embed", "0", "embed"},
                    {"sizes.embed", "-4294967232", "embed"},
                    {"sizes.heads", "1.5", "heads"},
                    {"sizes.wings", "2", "wings"},
                    {"data.limit_train", "-1", "limit"},
                    {"data.limit_test", "-1", "limit"},
                    {"epochs", "0", "epochs"},
                    {"epochs", "4294967297", "epochs"},
                    {"epochs", "1.5", "config: "},
                    {"batch", "0", "batch"},
                    {"batch", "-1", "batch"},
                    {"batch", "4294967396", "batch"},
                    {"optimizer", "\"lion\"", "optimizer"},
                    {"lr", "-0.001", "lr"},
                    {"weight_decay", "-1", "weight_decay"},
                    {"seed", "\"\"", "seed"},
                    {"seed", "\"12x\"", "seed"},
                    {"seed", "\"-1\"", "seed"},
                    {"seed", "\" 1\"", "seed"},
                    {"seed", "\"18446744073709551616\"", "seed"},
                    {"log_every", "0", "log_every"},
                    {"log_every", "4294967297", "log_every"},
                    {"checkpoint_every", "-1e-9", "checkpoint_every"},
                    {"schedule", "\"linear\"", "config: schedule: \"linear\": must be one of constant|cosine|step"},
                    {"warmup", "-1", "warmup"},
                    {"step_epochs", "0", "step_epochs"},
                    {"step_factor", "1.5", "step_factor"},
                    {"decay", "1", "decay"},
                    {"clip_norm", "-0.5", "clip_norm"},
                    {"label_smoothing", "1", "label_smoothing"},
                    {"ema", "1.0", "ema"},
                    {"augment", "\"crop=0\"", "augment"},
                    {"augment", "3", "augment"},
                    {"val_split", "1", "val_split"},
                    {"patience", "-1", "patience"},
                    {"patience", "1.5", "patience"},
                    {"freeze", "null", "freeze"},
                    {"choices.kernels", "\"gpu\"", "kernels"},
                    {"choices.gemm", "\"\"", "gemm"},
                    {"choices.conv", "\"fft\"", "conv"},
                    {"choices.precision", "\"f8\"", "precision"},
                    {"accumulate", "0", "accumulate"},
                    {"further_devices", "{}", "further_devices: must be a list"},
                    {"further_devices", "[3]", "device: "},
                    {"further_devices", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", "of up to 15"}};

static void test_out_of_range(void **state) {
  (void)state;
  json_t *good = test_config_json();
  const char *path = test_path(test_folder(), "config.json");
  for (size_t i = 0; i < sizeof out_of_range / sizeof out_of_range[0]; i++) {
    json_t *root = json_deep_copy(good);
    const char *field = out_of_range[i].field;
    json_t *at = holder(root, &field);
    json_object_set_new(at, field, json_loads(out_of_range[i].value, JSON_DECODE_ANY, NULL));
    assert_json_refused(root, path, out_of_range[i].text);
    json_decref(root);
  }
  json_decref(good);
}

static void test_long_path(void **state) {
  (void)state;
  char large[CSA_PATH + 1];
  json_t *root = test_config_json();
  memset(large, 'p', CSA_PATH);
  large[CSA_PATH] = '\0';
  json_object_set_new(root, "init", json_string(large));
  assert_json_refused(root, test_path(test_folder(), "config.json"), "1024 bytes is too long");
  json_decref(root);
}

static void test_not_json(void **state) {
  (void)state;
  static const struct {
    const char *content, *text;
  } cases[] = {{"", "line 1"},
               {"{\n\"format\": 1,\n", "line 3"},
               {"[1]", "config: "},
               {"{} {}", "line 1"},
               {"{\"format\": 1, \"format\": 1}", "duplicate"},
               {"{\"data\": {\"path\": \"a\", \"path\": \"b\"}}", "duplicate"},
               {"{\"model\": \"\xff\"}", "byte 0xff"},
               {"{\"lr\": 1e999}", "overflow"},
               {"\x89PNG\r\n", "line 1"}};
  const char *folder = test_folder(), *path = test_path(folder, "config.json");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    test_write(path, cases[i].content, strlen(cases[i].content));
    assert_config_refused(path, cases[i].text);
  }
  assert_config_refused(test_path(folder, "missing.json"), "No such file");
  assert_config_refused(folder, "not a regular file");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_missing_fields), cmocka_unit_test(test_wrong_types),
                                     cmocka_unit_test(test_out_of_range), cmocka_unit_test(test_long_path),
                                     cmocka_unit_test(test_not_json)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
