/* config.json gives back every setting, and nothing that is missing or wrong is taken for one. */
#include "train/config.h"

#include "core/file.h"
#include "testing.h"

static const csa_config settings = {.architecture = {.model = "vit",
                                                     .grid = true,
                                                     .image = 16,
                                                     .channels = 3,
                                                     .patch = 2,
                                                     .embed = 24,
                                                     .heads = 3,
                                                     .layers = 2,
                                                     .hidden = 48,
                                                     .norm_relu = true,
                                                     .classes = 7},
                                    .data = "some/folder with \"marks\" and ü",
                                    .data_hash = "0123456789abcdef0123456789abcdef",
                                    .limit_train = (int64_t)1 << 40,
                                    .limit_test = 5,
                                    .epochs = 12,
                                    .batch = 33,
                                    .accumulate = 3,
                                    .shares = "30,3",
                                    .optimizer = CSA_ADAMW,
                                    .lr = 0.1 / 3.0,
                                    .weight_decay = 1e-300,
                                    .schedule = CSA_LR_STEP,
                                    .warmup = 0.75,
                                    .step_epochs = 1.0 / 3.0,
                                    .step_factor = 1.0,
                                    .decay = CSA_DECAY_WEIGHTS,
                                    .clip_norm = 3.5,
                                    .label_smoothing = 0.1,
                                    .ema = 0.999,
                                    .augment = {true, 3, 0},
                                    .val_split = 0.15,
                                    .patience = 7,
                                    .freeze = "conv1.*,fc.bias",
                                    .seed = UINT64_MAX - 1,
                                    .init = "start.safetensors",
                                    .threads = 3,
                                    .log_every = 17,
                                    .checkpoint_every = 0.25,
                                    .choices = {.kernels = CSA_KERNELS_PORTABLE,
                                                .gemm = CSA_GEMM_NATIVE,
                                                .conv = CSA_CONV_WINOGRAD,
                                                .precision = CSA_PRECISION_F16}};

static const csa_device_info device = {
    .platform = "Portable", .device = "A device, made by X", .version = "OpenCL 3.0"};

static csa_dataset data_set(void) {
  static char format[] = "IDX";
  csa_dataset d = {.format = format, .train = {.count = 3}, .test = {.count = 2}};
  memcpy(d.hash, settings.data_hash, sizeof d.hash);
  return d;
}

static void save(const csa_config *config, const char *path) {
  const csa_dataset d = data_set();
  assert_ok(csa_config_save(config, &d, &device, path));
}

static void assert_same(const csa_config *a, const csa_config *b) {
  assert_memory_equal(&a->architecture, &b->architecture, sizeof a->architecture);
  assert_string_equal(a->data, b->data);
  assert_string_equal(a->data_hash, b->data_hash);
  assert_int_equal(a->limit_train, b->limit_train);
  assert_int_equal(a->limit_test, b->limit_test);
  assert_int_equal(a->epochs, b->epochs);
  assert_int_equal(a->batch, b->batch);
  assert_int_equal(a->accumulate, b->accumulate);
  assert_string_equal(a->shares, b->shares);
  assert_int_equal(a->optimizer, b->optimizer);
  assert_true(a->lr == b->lr);
  assert_true(a->weight_decay == b->weight_decay);
  assert_int_equal(a->schedule, b->schedule);
  assert_true(a->warmup == b->warmup);
  assert_true(a->step_epochs == b->step_epochs);
  assert_true(a->step_factor == b->step_factor);
  assert_int_equal(a->decay, b->decay);
  assert_true(a->clip_norm == b->clip_norm);
  assert_true(a->label_smoothing == b->label_smoothing);
  assert_true(a->ema == b->ema);
  assert_true(a->augment.flip == b->augment.flip && a->augment.crop == b->augment.crop &&
              a->augment.cutout == b->augment.cutout);
  assert_true(a->val_split == b->val_split);
  assert_int_equal(a->patience, b->patience);
  assert_string_equal(a->freeze, b->freeze);
  assert_true(a->seed == b->seed);
  assert_string_equal(a->init, b->init);
  assert_int_equal(a->threads, b->threads);
  assert_int_equal(a->log_every, b->log_every);
  assert_true(a->checkpoint_every == b->checkpoint_every);
  assert_int_equal(a->choices.kernels, b->choices.kernels);
  assert_int_equal(a->choices.gemm, b->choices.gemm);
  assert_int_equal(a->choices.conv, b->choices.conv);
  assert_int_equal(a->choices.precision, b->choices.precision);
  assert_int_equal(a->further_count, b->further_count);
  for (int i = 0; i < a->further_count; i++) {
    assert_memory_equal(&a->further[i].device, &b->further[i].device, sizeof a->further[i].device);
    assert_int_equal(a->further[i].choices.kernels, b->further[i].choices.kernels);
    assert_int_equal(a->further[i].choices.gemm, b->further[i].choices.gemm);
  }
}

static void test_round_trip(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "config.json");
  static csa_config other, got;
  csa_config_device before;
  save(&settings, path);
  assert_ok(csa_config_load(&got, &before, path));
  assert_same(&got, &settings);
  assert_true(csa_config_device_is(&before, &device));
  csa_device_info more = device; /* another number of units adds in another order */
  more.compute_units++;
  assert_false(csa_config_device_is(&before, &more));
  other = settings;
  other.architecture.grid = false;
  other.optimizer = CSA_SGD;
  other.lr = 0.0;
  other.seed = 0;
  other.limit_train = 0;
  other.choices = (csa_choices){0};
  other.further_count = 2;
  for (int i = 0; i < 2; i++) other.further[i].device = csa_config_device_of(&device);
  other.further[1].device.compute_units = 7;
  other.further[1].choices = (csa_choices){.kernels = CSA_KERNELS_CPU, .gemm = CSA_GEMM_CLBLAST};
  memset(other.init, 'p', CSA_PATH - 1);
  save(&other, path);
  csa_config_fini(&got);
  assert_ok(csa_config_load(&got, &before, path));
  assert_same(&got, &other);
  csa_config_fini(&got);
}

/* The file as JSON: to be changed, and written again. */
static json_t *good_json(void) {
  const char *path = test_path(test_folder(), "good.json");
  json_error_t error;
  save(&settings, path);
  json_t *root = json_load_file(path, 0, &error);
  assert_non_null(root);
  return root;
}

static void assert_refused(const char *path, const char *text) {
  static csa_config got;
  csa_config_device before;
  assert_fails(CSA_INPUT, text, csa_config_load(&got, &before, path));
  assert_non_null(strstr(csa_last_error(), path));
  csa_config_fini(&got);
}

static void assert_json_refused(const json_t *root, const char *path, const char *text) {
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_refused(path, text);
}

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
  json_t *good = good_json();
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
  json_t *good = good_json();
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
  csa_config_device before;
  assert_ok(csa_config_load(&got, &before, path));
  csa_config_fini(&got);
  json_decref(good);
}

/* A run from before there were schedules and the like had none. */
static void test_older_run(void **state) {
  (void)state;
  static const char *const newer[] = {"schedule",  "warmup", "step_epochs",     "step_factor", "decay",
                                      "clip_norm", "ema",    "label_smoothing", "augment",     "val_split",
                                      "patience",  "freeze", "threads"};
  const char *path = test_path(test_folder(), "config.json");
  json_t *root = good_json();
  static csa_config got;
  csa_config_device before;
  for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) assert_int_equal(json_object_del(root, newer[i]), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, &before, path));
  assert_true(got.schedule == CSA_LR_CONSTANT && got.warmup == 0.0 && got.decay == CSA_DECAY_ALL);
  assert_true(got.clip_norm == 0.0 && got.ema == 0.0 && got.label_smoothing == 0.0 && got.val_split == 0.0);
  assert_true(!got.augment.flip && got.augment.crop == 0 && got.patience == 0 && got.freeze[0] == '\0');
  assert_int_equal(got.epochs, settings.epochs);
  csa_config_fini(&got);
  json_decref(root);
}

/* As --config it gives back all but what belongs to its device. */
static void test_applied(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "config.json");
  static csa_config whole;
  bool has_model = false;
  save(&settings, path);
  csa_config_default(&whole);
  assert_ok(csa_config_apply(&whole, path, &has_model));
  memcpy(whole.data_hash, settings.data_hash, sizeof whole.data_hash);
  whole.choices = settings.choices;
  assert_same(&whole, &settings);
}

/* What wrote the file is for people: it is there, and no reader needs it. */
static void test_versions(void **state) {
  (void)state;
  json_t *root = good_json();
  const char *path = test_path(test_folder(), "config.json");
  const char *version = NULL, *commit = NULL, *clblast = NULL;
  static csa_config got;
  csa_config_device before;
  assert_int_equal(
      json_unpack(root, "{s:{s:s, s:s, s:s}}", "versions", "clsattn", &version, "commit", &commit, "clblast", &clblast),
      0);
  assert_string_equal(version, csa_version());
  assert_string_equal(commit, csa_commit());
  assert_true(clblast[0] != '\0');
  assert_int_equal(json_object_set_new(json_object_get(root, "versions"), "of later", json_integer(1)), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, &before, path));
  csa_config_fini(&got);
  assert_int_equal(json_object_del(root, "versions"), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, &before, path));
  assert_same(&got, &settings);
  csa_config_fini(&got);
  json_decref(root);
}

static void test_out_of_range(void **state) {
  (void)state;
  static const struct {
    const char *field, *value, *text;
  } cases[] = {{"format", "2", "format 2: this clsattn"},
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
  json_t *good = good_json();
  const char *path = test_path(test_folder(), "config.json");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    json_t *root = json_deep_copy(good);
    const char *field = cases[i].field;
    json_t *at = holder(root, &field);
    json_object_set_new(at, field, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
    assert_json_refused(root, path, cases[i].text);
    json_decref(root);
  }
  json_decref(good);
}

static void test_long_path(void **state) {
  (void)state;
  char large[CSA_PATH + 1];
  json_t *root = good_json();
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
    assert_refused(path, cases[i].text);
  }
  assert_refused(test_path(folder, "missing.json"), "No such file");
  assert_refused(folder, "not a regular file");
}

static void test_save_fails(void **state) {
  (void)state;
  const char *folder = test_folder(), *path = test_path(folder, "config.json");
  static csa_config config;
  const csa_dataset d = data_set();
  config = settings;
  assert_fails(CSA_OUTPUT, "gone/config.json",
               csa_config_save(&config, &d, &device, test_path(folder, "gone/config.json")));
  memcpy(config.data, "\xff", 2);
  assert_fails(CSA_INPUT, "not UTF-8", csa_config_save(&config, &d, &device, path));
  assert_refused(path, "No such file");
}

static void test_choices(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    csa_kernels kernels;
    csa_gemm_provider gemm;
    csa_conv conv;
    assert_ok(csa_kernels_parse(csa_kernels_text((csa_kernels)i), &kernels));
    assert_ok(csa_gemm_parse(csa_gemm_text((csa_gemm_provider)i), &gemm));
    assert_int_equal(kernels, i);
    assert_int_equal(gemm, i);
    assert_ok(csa_conv_parse(csa_conv_text((csa_conv)i), &conv));
    assert_int_equal(conv, i);
    assert_fails(CSA_USAGE, "must be auto, cpu or portable", csa_kernels_parse("Cpu", &kernels));
    assert_fails(CSA_USAGE, "must be auto, clblast or native", csa_gemm_parse("cublas", &gemm));
    assert_fails(CSA_USAGE, "must be auto, direct or winograd", csa_conv_parse("fft", &conv));
  }
  for (int i = 0; i < 2; i++) {
    csa_precision precision;
    assert_ok(csa_precision_parse(csa_precision_text((csa_precision)i), &precision));
    assert_int_equal(precision, i);
    assert_fails(CSA_USAGE, "must be f32 or f16", csa_precision_parse("f8", &precision));
  }
}

/* Parameters that kernels used are kept; a run from before there were any used the defaults, whatever is tuned now. */
static void test_tuning(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "config.json");
  static csa_config config, got;
  csa_config_device before;
  csa_tuning *tuning;
  csa_tuning_entry entry = {.kernel = "gemm_tile", .shape = "6x5x4 nt", .gain = 1.25, .uses = 1};
  csa_tuning_set(&entry, "WX", 4);
  csa_tuning_set(&entry, "PAD", 0);
  assert_ok(csa_tuning_create(&tuning, NULL));
  assert_ok(csa_tuning_put(tuning, &entry));
  entry = (csa_tuning_entry){.kernel = "gemm_tile", .shape = "7x5x4 nt", .gain = 1.25}; /* not used */
  csa_tuning_set(&entry, "WX", 2);
  assert_ok(csa_tuning_put(tuning, &entry));
  config = settings;
  config.choices.tuning = tuning;
  save(&config, path);
  assert_ok(csa_config_load(&got, &before, path));
  assert_int_equal(got.choices.tuning->count, 1);
  const csa_tuning_entry *found = csa_tuning_find(got.choices.tuning, "gemm_tile", "6x5x4 nt");
  assert_non_null(found);
  assert_int_equal(csa_tuned_value(found, "WX", -1), 4);
  assert_int_equal(csa_tuned_value(found, "PAD", -1), 0);
  assert_int_equal(csa_tuned_value(found, "WY", -1), -1);
  assert_true(found->gain == 1.25);
  save(&got, path); /* a resumed run that ends before it has a plan loses nothing */
  csa_config_fini(&got);
  assert_ok(csa_config_load(&got, &before, path));
  assert_int_equal(got.choices.tuning->count, 1);
  csa_config_fini(&got);
  csa_tuning_destroy(tuning);
  json_t *root = good_json();
  assert_int_equal(json_object_del(json_object_get(root, "choices"), "tuning"), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, &before, path));
  assert_non_null(got.choices.tuning);
  assert_int_equal(got.choices.tuning->count, 0);
  csa_config_fini(&got);
  json_object_set_new(json_object_get(root, "choices"), "tuning",
                      json_pack("[{s:s, s:s, s:{s:i}, s:f}]", "kernel", "gemm_tile", "shape", "6x5x4 nt", "values",
                                "WX", 0, "gain", 1.0));
  assert_json_refused(root, path, "WX 0");
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_missing_fields), cmocka_unit_test(test_wrong_types),
      cmocka_unit_test(test_out_of_range), cmocka_unit_test(test_long_path),      cmocka_unit_test(test_not_json),
      cmocka_unit_test(test_save_fails),   cmocka_unit_test(test_versions),       cmocka_unit_test(test_older_run),
      cmocka_unit_test(test_applied),      cmocka_unit_test(test_choices),        cmocka_unit_test(test_tuning)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
