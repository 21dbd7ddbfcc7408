#include "train/configs.h"

#include "core/file.h"
#include "testing.h"

const csa_config test_settings = {
    .architecture = {.model = "vit",
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
    .replicas = {{.device = {.platform = "Portable", .device = "A device, made by X", .version = "OpenCL 3.0"},
                  .choices = {.kernels = CSA_KERNELS_PORTABLE,
                              .gemm = CSA_GEMM_NATIVE,
                              .conv = CSA_CONV_WINOGRAD,
                              .precision = CSA_PRECISION_F16}}},
    .replica_count = 1};

csa_dataset test_config_data(void) {
  static char format[] = "IDX";
  csa_dataset d = {.format = format, .train = {.count = 3}, .test = {.count = 2}};
  memcpy(d.hash, test_settings.data_hash, sizeof d.hash);
  return d;
}

void test_config_save(const csa_config *config, const char *path) {
  const csa_dataset d = test_config_data();
  assert_ok(csa_config_save(config, &d, path));
}

json_t *test_config_json(void) {
  const char *path = test_path(test_folder(), "good.json");
  json_error_t error;
  test_config_save(&test_settings, path);
  json_t *root = json_load_file(path, 0, &error);
  assert_non_null(root);
  return root;
}

void assert_config_refused(const char *path, const char *text) {
  static csa_config got;
  assert_fails(CSA_INPUT, text, csa_config_load(&got, path));
  assert_non_null(strstr(csa_last_error(), path));
  csa_config_fini(&got);
}

void assert_json_refused(const json_t *root, const char *path, const char *text) {
  assert_int_equal(json_dump_file(root, path, 0), 0);
  assert_config_refused(path, text);
}
