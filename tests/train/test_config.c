/* config.json gives back every setting. What is missing or wrong is refused: test_config_refused.c. */
#include "train/config.h"

#include "core/file.h"
#include "testing.h"
#include "train/configs.h"

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
  assert_int_equal(a->replica_count, b->replica_count);
  for (int i = 0; i < a->replica_count; i++) {
    const csa_choices *x = &a->replicas[i].choices, *y = &b->replicas[i].choices;
    assert_memory_equal(&a->replicas[i].device, &b->replicas[i].device, sizeof a->replicas[i].device);
    assert_true(x->kernels == y->kernels && x->gemm == y->gemm && x->conv == y->conv && x->precision == y->precision);
  }
}

static void test_round_trip(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "config.json");
  static csa_config other, got;
  test_config_save(&test_settings, path);
  assert_ok(csa_config_load(&got, path));
  assert_same(&got, &test_settings);
  csa_device_info same = {.platform = "Portable", .device = "A device, made by X", .version = "OpenCL 3.0"};
  assert_true(csa_config_device_is(&got.replicas[0].device, &same));
  same.compute_units++; /* another number of units adds in another order */
  assert_false(csa_config_device_is(&got.replicas[0].device, &same));
  other = test_settings;
  other.architecture.grid = false;
  other.optimizer = CSA_SGD;
  other.lr = 0.0;
  other.seed = 0;
  other.limit_train = 0;
  other.replica_count = 3;
  for (int i = 0; i < 3; i++) other.replicas[i].device = test_settings.replicas[0].device;
  other.replicas[2].device.compute_units = 7;
  other.replicas[0].choices = (csa_choices){0};
  other.replicas[2].choices = (csa_choices){.kernels = CSA_KERNELS_CPU, .gemm = CSA_GEMM_CLBLAST};
  memset(other.init, 'p', CSA_PATH - 1);
  test_config_save(&other, path);
  csa_config_fini(&got);
  assert_ok(csa_config_load(&got, path));
  assert_same(&got, &other);
  csa_config_fini(&got);
}

/* A run from before there were schedules and the like had none. */
static void test_older_run(void **state) {
  (void)state;
  static const char *const newer[] = {"schedule",  "warmup", "step_epochs",     "step_factor", "decay",
                                      "clip_norm", "ema",    "label_smoothing", "augment",     "val_split",
                                      "patience",  "freeze", "threads"};
  const char *path = test_path(test_folder(), "config.json");
  json_t *root = test_config_json();
  static csa_config got;
  for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) assert_int_equal(json_object_del(root, newer[i]), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, path));
  assert_true(got.schedule == CSA_LR_CONSTANT && got.warmup == 0.0 && got.decay == CSA_DECAY_ALL);
  assert_true(got.clip_norm == 0.0 && got.ema == 0.0 && got.label_smoothing == 0.0 && got.val_split == 0.0);
  assert_true(!got.augment.flip && got.augment.crop == 0 && got.patience == 0 && got.freeze[0] == '\0');
  assert_int_equal(got.epochs, test_settings.epochs);
  csa_config_fini(&got);
  json_decref(root);
}

/* As --config it gives back all but what belongs to its device: of its choices the tuning alone. */
static void test_applied(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "config.json");
  static csa_config whole;
  bool has_model = false;
  test_config_save(&test_settings, path);
  csa_config_default(&whole);
  assert_ok(csa_config_apply(&whole, path, &has_model));
  memcpy(whole.data_hash, test_settings.data_hash, sizeof whole.data_hash);
  assert_null(whole.replicas[0].choices.tuning);
  whole.replicas[0].device = test_settings.replicas[0].device;
  assert_same(&whole, &test_settings);
}

/* What wrote the file is for people: it is there, and no reader needs it. */
static void test_versions(void **state) {
  (void)state;
  json_t *root = test_config_json();
  const char *path = test_path(test_folder(), "config.json");
  const char *version = NULL, *commit = NULL, *clblast = NULL;
  static csa_config got;
  assert_int_equal(
      json_unpack(root, "{s:{s:s, s:s, s:s}}", "versions", "clsattn", &version, "commit", &commit, "clblast", &clblast),
      0);
  assert_string_equal(version, csa_version());
  assert_string_equal(commit, csa_commit());
  assert_true(clblast[0] != '\0');
  assert_int_equal(json_object_set_new(json_object_get(root, "versions"), "of later", json_integer(1)), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, path));
  csa_config_fini(&got);
  assert_int_equal(json_object_del(root, "versions"), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, path));
  assert_same(&got, &test_settings);
  csa_config_fini(&got);
  json_decref(root);
}

static void test_save_fails(void **state) {
  (void)state;
  const char *folder = test_folder(), *path = test_path(folder, "config.json");
  static csa_config config;
  const csa_dataset d = test_config_data();
  config = test_settings;
  assert_fails(CSA_OUTPUT, "gone/config.json", csa_config_save(&config, &d, test_path(folder, "gone/config.json")));
  memcpy(config.data, "\xff", 2);
  assert_fails(CSA_INPUT, "not UTF-8", csa_config_save(&config, &d, path));
  assert_config_refused(path, "No such file");
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
  csa_tuning *tuning;
  csa_tuning_entry entry = {.kernel = "gemm_tile", .shape = "6x5x4 nt", .gain = 1.25, .uses = 1};
  csa_tuning_set(&entry, "WX", 4);
  csa_tuning_set(&entry, "PAD", 0);
  assert_ok(csa_tuning_create(&tuning, NULL));
  assert_ok(csa_tuning_put(tuning, &entry));
  entry = (csa_tuning_entry){.kernel = "gemm_tile", .shape = "7x5x4 nt", .gain = 1.25}; /* not used */
  csa_tuning_set(&entry, "WX", 2);
  assert_ok(csa_tuning_put(tuning, &entry));
  config = test_settings;
  config.replicas[0].choices.tuning = tuning;
  test_config_save(&config, path);
  assert_ok(csa_config_load(&got, path));
  assert_int_equal(got.replicas[0].choices.tuning->count, 1);
  const csa_tuning_entry *found = csa_tuning_find(got.replicas[0].choices.tuning, "gemm_tile", "6x5x4 nt");
  assert_non_null(found);
  assert_int_equal(csa_tuned_value(found, "WX", -1), 4);
  assert_int_equal(csa_tuned_value(found, "PAD", -1), 0);
  assert_int_equal(csa_tuned_value(found, "WY", -1), -1);
  assert_true(found->gain == 1.25);
  test_config_save(&got, path); /* a resumed run that ends before it has a plan loses nothing */
  csa_config_fini(&got);
  assert_ok(csa_config_load(&got, path));
  assert_int_equal(got.replicas[0].choices.tuning->count, 1);
  csa_config_fini(&got);
  csa_tuning_destroy(tuning);
  json_t *root = test_config_json();
  assert_int_equal(json_object_del(json_object_get(root, "choices"), "tuning"), 0);
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_ok(csa_config_load(&got, path));
  assert_non_null(got.replicas[0].choices.tuning);
  assert_int_equal(got.replicas[0].choices.tuning->count, 0);
  csa_config_fini(&got);
  json_object_set_new(json_object_get(root, "choices"), "tuning",
                      json_pack("[{s:s, s:s, s:{s:i}, s:f}]", "kernel", "gemm_tile", "shape", "6x5x4 nt", "values",
                                "WX", 0, "gain", 1.0));
  assert_json_refused(root, path, "WX 0");
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_save_fails),
                                     cmocka_unit_test(test_versions),   cmocka_unit_test(test_older_run),
                                     cmocka_unit_test(test_applied),    cmocka_unit_test(test_choices),
                                     cmocka_unit_test(test_tuning)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
