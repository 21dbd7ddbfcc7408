#include "train/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

#define FORMAT 1
#define CONFIG_MAX ((uint64_t)1 << 20)

static const char *const kernels_names[] = {"auto", "cpu", "portable"};
static const char *const gemm_names[] = {"auto", "clblast", "native"};
static const char *const conv_names[] = {"auto", "direct", "winograd"};
static const char *const precision_names[] = {"f32", "f16"};

const char *csa_kernels_text(csa_kernels kernels) { return kernels_names[kernels]; }
const char *csa_gemm_text(csa_gemm_provider gemm) { return gemm_names[gemm]; }
const char *csa_conv_text(csa_conv conv) { return conv_names[conv]; }
const char *csa_precision_text(csa_precision precision) { return precision_names[precision]; }

csa_status csa_kernels_parse(const char *text, csa_kernels *kernels) {
  for (int i = 0; i < 3; i++)
    if (strcmp(text, kernels_names[i]) == 0) {
      *kernels = (csa_kernels)i;
      return CSA_OK;
    }
  return csa_fail(CSA_USAGE, "kernels: %s: must be auto, cpu or portable", text);
}

csa_status csa_gemm_parse(const char *text, csa_gemm_provider *gemm) {
  for (int i = 0; i < 3; i++)
    if (strcmp(text, gemm_names[i]) == 0) {
      *gemm = (csa_gemm_provider)i;
      return CSA_OK;
    }
  return csa_fail(CSA_USAGE, "gemm: %s: must be auto, clblast or native", text);
}

csa_status csa_conv_parse(const char *text, csa_conv *conv) {
  for (int i = CSA_CONV_AUTO; i <= CSA_CONV_WINOGRAD; i++)
    if (strcmp(text, conv_names[i]) == 0) {
      *conv = (csa_conv)i;
      return CSA_OK;
    }
  return csa_fail(CSA_USAGE, "conv: %s: must be auto, direct or winograd", text);
}

csa_status csa_precision_parse(const char *text, csa_precision *precision) {
  for (int i = CSA_PRECISION_F32; i <= CSA_PRECISION_F16; i++)
    if (strcmp(text, precision_names[i]) == 0) {
      *precision = (csa_precision)i;
      return CSA_OK;
    }
  return csa_fail(CSA_USAGE, "precision: %s: must be f32 or f16", text);
}

/* Parameters of kernels that are not the defaults. */
static json_t *tuning_of(const csa_choices *choices) {
  return choices->tuning != NULL ? csa_tuning_to_json(choices->tuning, true) : json_array();
}

static json_t *describe(const csa_config *c, const csa_dataset *d, const csa_device_info *device, json_t *sizes) {
  char seed[24]; /* as text: JSON's numbers lose digits in other programs */
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)c->seed);
  return json_pack(
      "{s:i, s:{s:s, s:s, s:s}, s:s, s:s*, s:O, s:{s:s, s:s, s:s, s:I, s:I, s:I, s:I}, s:{s:s, s:s, s:s, s:s, s:s, "
      "s:i},"
      " s:i, s:i, s:s, s:f, s:f, s:s, s:s, s:i, s:f, s:{s:s, s:s, s:s, s:s, s:o}}",
      "format", FORMAT, "versions", "clsattn", csa_version(), "commit", csa_commit(), "clblast", CSA_CLBLAST_VERSION,
      "model", c->architecture.model, "patches", csa_architecture_patches_text(&c->architecture), "sizes", sizes, /**/
      "data", "path", c->data, "format", d->format, "hash", d->hash, "train", (json_int_t)d->train.count, "test", /**/
      (json_int_t)d->test.count, "limit_train", (json_int_t)c->limit_train, "limit_test",
      (json_int_t)c->limit_test, /**/
      "device", "name", device->name, "platform", device->platform, "device", device->device, "version",
      device->version, "driver", device->driver, "compute_units", device->compute_units, /**/
      "epochs", c->epochs, "batch", c->batch, "optimizer", csa_optimizer_text(c->optimizer), "lr", c->lr,
      "weight_decay", c->weight_decay, "seed", seed, "init", c->init, "log_every", c->log_every, "checkpoint_every",
      c->checkpoint_every, "choices", "kernels", csa_kernels_text(c->choices.kernels), "gemm",
      csa_gemm_text(c->choices.gemm), "conv", csa_conv_text(c->choices.conv), "precision",
      csa_precision_text(c->choices.precision), "tuning", tuning_of(&c->choices));
}

csa_status csa_config_save(const csa_config *config, const csa_dataset *dataset, const csa_device_info *device,
                           const char *path) {
  json_t *sizes = NULL, *root = NULL;
  char *text = NULL;
  csa_status status;
  CSA_GO(csa_architecture_sizes(&config->architecture, &sizes));
  root = describe(config, dataset, device, sizes);
  text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
  if (text == NULL) {
    status = csa_fail(CSA_INPUT, "config: %s: a name or path is not UTF-8", path);
    goto done;
  }
  CSA_GO(csa_file_replace(path, text, strlen(text)));
done:
  free(text);
  json_decref(root);
  json_decref(sizes);
  return status;
}

/* Fields into settings; the texts stay owned by `root`. */
typedef struct {
  const char *model, *patches, *path, *hash, *platform, *device, *version, *driver, *optimizer, *seed, *init, *kernels,
      *gemm, *conv, *precision;
} config_texts;

static csa_status copy_path(char to[CSA_PATH], const char *from) {
  if (strlen(from) >= CSA_PATH) return csa_fail(CSA_INPUT, "config: a path of %zu bytes is too long", strlen(from));
  memcpy(to, from, strlen(from) + 1);
  return CSA_OK;
}

static csa_status read_seed(const char *text, uint64_t *seed) {
  char *end;
  errno = 0;
  *seed = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
    return csa_fail(CSA_INPUT, "config: seed: '%s' is not a whole number below 2^64", text);
  return CSA_OK;
}

static csa_status take_texts(csa_config *c, const config_texts *t, const json_t *sizes, csa_config_device *device) {
  CSA_TRY(csa_architecture_default(&c->architecture, t->model));
  if (t->patches == NULL && csa_architecture_is_vit(&c->architecture))
    return csa_fail(CSA_INPUT, "config: patches: missing");
  if (t->patches != NULL) CSA_TRY(csa_architecture_patches(&c->architecture, t->patches));
  CSA_TRY(csa_architecture_read_sizes(&c->architecture, sizes, "config"));
  CSA_TRY(csa_optimizer_parse(t->optimizer, &c->optimizer));
  CSA_TRY(csa_kernels_parse(t->kernels, &c->choices.kernels));
  CSA_TRY(csa_gemm_parse(t->gemm, &c->choices.gemm));
  CSA_TRY(csa_conv_parse(t->conv, &c->choices.conv));
  CSA_TRY(csa_precision_parse(t->precision, &c->choices.precision));
  CSA_TRY(copy_path(c->data, t->path));
  CSA_TRY(copy_path(c->init, t->init));
  snprintf(c->data_hash, sizeof c->data_hash, "%s", t->hash);
  snprintf(device->platform, sizeof device->platform, "%s", t->platform);
  snprintf(device->device, sizeof device->device, "%s", t->device);
  snprintf(device->version, sizeof device->version, "%s", t->version);
  snprintf(device->driver, sizeof device->driver, "%s", t->driver);
  return read_seed(t->seed, &c->seed);
}

/* As wide as JSON's own, so that what is out of range is seen. */
typedef struct {
  json_int_t format, limit_train, limit_test, epochs, batch, log_every;
} config_numbers;

static bool is_count(json_int_t number) { return number >= 1 && number <= INT_MAX; }

static csa_status take_numbers(csa_config *c, const config_numbers *n) {
  if (!is_count(n->epochs) || !is_count(n->batch) || !is_count(n->log_every) || n->limit_train < 0 || n->limit_test < 0)
    return csa_fail(CSA_INPUT, "config: epochs, batch, log_every or a limit is out of range");
  c->epochs = (int)n->epochs;
  c->batch = (int)n->batch;
  c->log_every = (int)n->log_every;
  c->limit_train = n->limit_train;
  c->limit_test = n->limit_test;
  if (!(c->lr >= 0.0) || !(c->weight_decay >= 0.0) || !(c->checkpoint_every >= 0.0))
    return csa_fail(CSA_INPUT, "config: lr, weight_decay or checkpoint_every is negative");
  return CSA_OK;
}

/* A run from before there was any has none. All of it was in use. */
static csa_status take_tuning(csa_config *c, const json_t *list) {
  CSA_TRY(csa_tuning_create(&c->tuning, NULL));
  c->choices.tuning = c->tuning;
  if (list != NULL && csa_tuning_from_json(c->tuning, list) != CSA_OK) return csa_fail_in(CSA_INPUT, "config: choices");
  for (size_t i = 0; i < c->tuning->count; i++) c->tuning->entries[i].uses = 1;
  return CSA_OK;
}

static csa_status read_root(csa_config *c, csa_config_device *device, json_t *root) {
  config_texts t = {.precision = "f32"}; /* which older runs do not name */
  json_t *sizes = NULL, *tuning = NULL;
  config_numbers n = {0};
  json_error_t error;
  const int got = json_unpack_ex(
      root, &error, 0,
      "{s:I, s:s, s?s, s:o, s:{s:s, s:s, s:I, s:I}, s:{s:s, s:s, s:s, s:s, s:i}, s:I, s:I, s:s, s:F, s:F, s:s, "
      "s:s, s:I, s:F, s:{s:s, s:s, s:s, s?s, s?o}}",
      "format", &n.format, "model", &t.model, "patches", &t.patches, "sizes", &sizes, "data", "path", &t.path, "hash",
      &t.hash, "limit_train", &n.limit_train, "limit_test", &n.limit_test, "device", "platform", &t.platform, "device",
      &t.device, "version", &t.version, "driver", &t.driver, "compute_units", &device->compute_units, "epochs",
      &n.epochs, "batch", &n.batch, "optimizer", &t.optimizer, "lr", &c->lr, "weight_decay", &c->weight_decay, "seed",
      &t.seed, "init", &t.init, "log_every", &n.log_every, "checkpoint_every", &c->checkpoint_every, "choices",
      "kernels", &t.kernels, "gemm", &t.gemm, "conv", &t.conv, "precision", &t.precision, "tuning", &tuning);
  if (got != 0) return csa_fail(CSA_INPUT, "config: %s", error.text);
  if (n.format != FORMAT)
    return csa_fail(CSA_INPUT, "config: format %lld: this clsattn (%s) reads format %d", (long long)n.format,
                    csa_version(), FORMAT);
  CSA_TRY(take_numbers(c, &n));
  CSA_TRY(take_tuning(c, tuning));
  return take_texts(c, &t, sizes, device);
}

csa_status csa_config_load(csa_config *config, csa_config_device *device, const char *path) {
  uint8_t *text = NULL;
  size_t size = 0;
  memset(config, 0, sizeof *config);
  CSA_TRY(csa_file_read(path, CONFIG_MAX, &text, &size));
  json_error_t error;
  json_t *root = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &error);
  csa_status status = CSA_INPUT;
  if (root == NULL)
    csa_fail(CSA_INPUT, "config: line %d: %s", error.line, error.text);
  else
    status = read_root(config, device, root);
  json_decref(root);
  free(text);
  return status == CSA_OK ? CSA_OK : csa_fail_in(CSA_INPUT, "%s", path);
}

void csa_config_fini(csa_config *config) {
  csa_tuning_destroy(config->tuning);
  config->tuning = NULL;
  config->choices.tuning = NULL;
}

bool csa_config_device_is(const csa_config_device *d, const csa_device_info *info) {
  return strcmp(d->platform, info->platform) == 0 && strcmp(d->device, info->device) == 0 &&
         strcmp(d->version, info->version) == 0 && strcmp(d->driver, info->driver) == 0 &&
         d->compute_units == info->compute_units;
}
