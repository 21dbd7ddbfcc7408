#include "train/config.h"

#include <stdlib.h>
#include <string.h>

#include "core/embedded.h"
#include "core/file.h"
#include "core/text.h"
#include "train/config_device.h"
#include "train/ranks.h"
#include "train/settings.h"

#define FORMAT 1
#define CONFIG_MAX ((uint64_t)1 << 20)

/* Adds every setting of the table to `root`. */
static bool add_settings(const csa_config *c, json_t *root) {
  for (int i = 0; i < CSA_SETTINGS; i++)
    if (json_object_set_new(root, csa_settings[i].key, csa_setting_to_json(&csa_settings[i], c)) != 0) return false;
  return true;
}

/* Devices beside the first, where there are any. */
static bool add_further(const csa_config *c, json_t *root) {
  if (c->replica_count == 1) return true;
  json_t *list = json_array();
  bool ok = json_object_set_new(root, "further_devices", list) == 0;
  for (int i = 1; i < c->replica_count && ok; i++) {
    const csa_config_replica *r = &c->replicas[i];
    ok = json_array_append_new(list, json_pack("{s:o, s:o}", "device", csa_config_device_to_json(&r->device), "choices",
                                               csa_choices_to_json(&r->choices))) == 0;
  }
  return ok;
}

static json_t *describe(const csa_config *c, const csa_dataset *d, json_t *sizes) {
  const csa_config_replica *first = &c->replicas[0];
  json_t *root = json_pack(
      "{s:i, s:{s:s, s:s, s:s}, s:s, s:s*, s:O, s:{s:s, s:s, s:s, s:I, s:I, s:I, s:I}, s:o, s:s, s:o}", /**/
      "format", FORMAT, "versions", "clsattn", csa_version(), "commit", csa_commit(), "clblast", CSA_CLBLAST_VERSION,
      "model", c->architecture.model, "patches", csa_architecture_patches_text(&c->architecture), "sizes", sizes, /**/
      "data", "path", c->data, "format", d->format, "hash", d->hash, "train", (json_int_t)d->train.count, "test", /**/
      (json_int_t)d->test.count, "limit_train", (json_int_t)c->limit_train, "limit_test", (json_int_t)c->limit_test,
      "device", csa_config_device_to_json(&first->device), "init", c->init, "choices",
      csa_choices_to_json(&first->choices));
  if (root != NULL && add_further(c, root) && add_settings(c, root)) return root;
  json_decref(root);
  return NULL;
}

csa_status csa_config_save(const csa_config *config, const csa_dataset *dataset, const char *path) {
  json_t *sizes = NULL, *root = NULL;
  char *text = NULL;
  csa_status status;
  CSA_GO(csa_architecture_sizes(&config->architecture, &sizes));
  root = describe(config, dataset, sizes);
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

/* The texts stay owned by the document. */
typedef struct {
  const char *model, *patches, *path, *hash, *init;
} config_texts;

static csa_status copy_path(char to[CSA_PATH], const char *from) {
  if (strlen(from) >= CSA_PATH) return csa_fail(CSA_INPUT, "config: a path of %zu bytes is too long", strlen(from));
  memcpy(to, from, strlen(from) + 1);
  return CSA_OK;
}

static csa_status take_texts(csa_config *c, const config_texts *t, const json_t *sizes) {
  CSA_TRY(csa_architecture_default(&c->architecture, t->model));
  if (t->patches == NULL && csa_architecture_is_vit(&c->architecture))
    return csa_fail(CSA_INPUT, "config: patches: missing");
  if (t->patches != NULL) CSA_TRY(csa_architecture_patches(&c->architecture, t->patches));
  CSA_TRY(csa_architecture_read_sizes(&c->architecture, sizes, "config"));
  CSA_TRY(copy_path(c->data, t->path));
  CSA_TRY(copy_path(c->init, t->init));
  snprintf(c->data_hash, sizeof c->data_hash, "%s", t->hash);
  return CSA_OK;
}

static csa_status take_limits(csa_config *c, json_int_t train, json_int_t test) {
  if (train < 0 || test < 0) return csa_fail(CSA_INPUT, "config: data: limit_train and limit_test must be from 0 up");
  c->limit_train = train;
  c->limit_test = test;
  return CSA_OK;
}

static csa_status take_settings(csa_config *c, const json_t *root, bool whole) {
  for (int i = 0; i < CSA_SETTINGS; i++) {
    const csa_setting *s = &csa_settings[i];
    const json_t *value = json_object_get(root, s->key);
    if (value != NULL)
      CSA_TRY(csa_setting_from_json(s, value, c));
    else if (whole && s->old)
      return csa_fail(CSA_INPUT, "config: %s: missing", s->key);
  }
  return CSA_OK;
}

static csa_status take_replica(csa_config_replica *r, const json_t *device, const json_t *choices) {
  CSA_TRY(csa_config_device_from_json(device, &r->device));
  return csa_choices_from_json(choices, &r->choices, &r->tuning);
}

static csa_status take_further(csa_config *c, const json_t *list) {
  const size_t count = json_array_size(list);
  if (list != NULL && (!json_is_array(list) || count > CSA_REPLICAS_MAX - 1))
    return csa_fail(CSA_INPUT, "config: further_devices: must be a list of up to %d", CSA_REPLICAS_MAX - 1);
  for (size_t i = 0; i < count; i++) {
    const json_t *one = json_array_get(list, i);
    csa_config_replica *r = &c->replicas[c->replica_count++];
    CSA_TRY(take_replica(r, json_object_get(one, "device"), json_object_get(one, "choices")));
  }
  return CSA_OK;
}

static csa_status check_format(json_int_t format) {
  if (format == FORMAT) return CSA_OK;
  return csa_fail(CSA_INPUT, "config: format %lld: this clsattn (%s) reads format %d", (long long)format, csa_version(),
                  FORMAT);
}

static csa_status read_root(csa_config *c, json_t *root) {
  config_texts t = {0};
  json_t *sizes = NULL, *device = NULL, *choices = NULL, *further = NULL;
  json_int_t format, limit_train, limit_test;
  json_error_t error;
  const int got =
      json_unpack_ex(root, &error, 0, "{s:I, s:s, s?s, s:o, s:{s:s, s:s, s:I, s:I}, s:o, s:s, s:o, s?o}", "format",
                     &format, "model", &t.model, "patches", &t.patches, "sizes", &sizes, "data", "path", &t.path,
                     "hash", &t.hash, "limit_train", &limit_train, "limit_test", &limit_test, "device", &device, "init",
                     &t.init, "choices", &choices, "further_devices", &further);
  if (got != 0) return csa_fail(CSA_INPUT, "config: not the config.json of a run: %s", error.text);
  CSA_TRY(check_format(format));
  CSA_TRY(take_settings(c, root, true));
  CSA_TRY(take_limits(c, limit_train, limit_test));
  CSA_TRY(take_replica(&c->replicas[0], device, choices));
  CSA_TRY(take_further(c, further));
  return take_texts(c, &t, sizes);
}

void csa_config_default(csa_config *c) {
  *c = (csa_config){.data = "cifar10",
                    .epochs = 10,
                    .batch = 100,
                    .accumulate = 1,
                    .lr = 0.001,
                    .step_epochs = 3,
                    .step_factor = 0.1,
                    .log_every = 200,
                    .checkpoint_every = 300,
                    .replica_count = 1};
}

static csa_status parse(const char *text, size_t size, json_t **root) {
  json_error_t error;
  *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  return *root != NULL ? CSA_OK : csa_fail(CSA_INPUT, "config: no JSON: line %d: %s", error.line, error.text);
}

/* By rank 0, for all. */
static csa_status read_shared(const char *path, uint8_t **text, size_t *size) {
  *text = NULL;
  if (csa_ranks_own() == 0) CSA_TRY(csa_file_read(path, CONFIG_MAX, text, size));
  csa_status status = csa_ranks_share(size, sizeof *size);
  if (status == CSA_OK && csa_ranks_own() > 0) status = csa_new(text, *size + 1, 1);
  if (status == CSA_OK) status = csa_ranks_share(*text, *size);
  if (status != CSA_OK) free(*text);
  return status;
}

csa_status csa_config_load(csa_config *config, const char *path) {
  uint8_t *text = NULL;
  size_t size = 0;
  json_t *root;
  csa_config_default(config);
  CSA_TRY(read_shared(path, &text, &size));
  csa_status status = parse((const char *)text, size, &root);
  if (status == CSA_OK) status = read_root(config, root);
  json_decref(root);
  free(text);
  return status == CSA_OK ? CSA_OK : csa_fail_in(CSA_INPUT, "%s", path);
}

static bool is_known(const char *key, const char *const *known) {
  while (*known != NULL && strcmp(key, *known) != 0) known++;
  return *known != NULL;
}

/* A misspelt key would otherwise be a default that nobody wanted. */
static csa_status check_keys(const json_t *object, const char *where, const char *const *known) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    if (is_known(key, known) || (where[0] == '\0' && csa_setting_find(key) != NULL)) continue;
    return csa_fail(CSA_INPUT, "config: %s%s: no such key\n  a run's config.json shows those that there are", where,
                    key);
  }
  return CSA_OK;
}

static csa_status apply_data(csa_config *c, const json_t *data) {
  static const char *const known[] = {"path", "format", "hash", "train", "test", "limit_train", "limit_test", NULL};
  const char *path = NULL;
  json_int_t train = c->limit_train, test = c->limit_test;
  json_error_t error;
  if (json_unpack_ex((json_t *)(uintptr_t)data, &error, 0, "{s?s, s?I, s?I}", "path", &path, "limit_train", &train,
                     "limit_test", &test) != 0)
    return csa_fail(CSA_INPUT, "config: data: %s", error.text);
  CSA_TRY(check_keys(data, "data: ", known));
  if (path != NULL) CSA_TRY(copy_path(c->data, path));
  return take_limits(c, train, test);
}

/* Asked for, of whatever devices there are. */
static csa_status apply_choices(csa_config *c, const json_t *choices) {
  static const char *const known[] = {"kernels", "gemm", "conv", "precision", "tuning", NULL};
  CSA_TRY(check_keys(choices, "choices: ", known));
  return csa_choices_apply(choices, &c->replicas[0].choices);
}

static csa_status apply(csa_config *c, const json_t *root, bool *has_model) {
  static const char *const known[] = {"format", "versions",        "model",   "patches", "sizes", "data",
                                      "device", "further_devices", "choices", "init",    NULL};
  const char *model = NULL, *patches = NULL, *init = NULL;
  json_t *sizes = NULL, *data = NULL, *choices = NULL;
  json_int_t format = FORMAT;
  json_error_t error;
  if (json_unpack_ex((json_t *)(uintptr_t)root, &error, 0, "{s?I, s?s, s?s, s?o, s?o, s?s, s?o}", "format", &format,
                     "model", &model, "patches", &patches, "sizes", &sizes, "data", &data, "init", &init, "choices",
                     &choices) != 0)
    return csa_fail(CSA_INPUT, "config: %s", error.text);
  CSA_TRY(check_format(format));
  CSA_TRY(check_keys(root, "", known));
  *has_model = model != NULL;
  if (model == NULL && (patches != NULL || sizes != NULL))
    return csa_fail(CSA_INPUT, "config: patches, sizes: of which model? \"model\" is missing");
  if (model != NULL) CSA_TRY(csa_architecture_default(&c->architecture, model));
  if (patches != NULL) CSA_TRY(csa_architecture_patches(&c->architecture, patches));
  if (sizes != NULL) CSA_TRY(csa_architecture_read_sizes(&c->architecture, sizes, "config"));
  if (data != NULL) CSA_TRY(apply_data(c, data));
  if (choices != NULL) CSA_TRY(apply_choices(c, choices));
  if (init != NULL) CSA_TRY(copy_path(c->init, init));
  return take_settings(c, root, false);
}

/* "cnn-strong.json" is called cnn-strong. */
static bool is_preset(const csa_embedded *preset, const char *name) {
  const size_t size = strlen(name);
  return strncmp(preset->name, name, size) == 0 && strcmp(preset->name + size, ".json") == 0;
}

/* A file that cannot be read may have been meant as a preset. */
static csa_status read_file(const char *name, uint8_t **text, size_t *size) {
  char list[256] = "", preset[CSA_MEANT];
  csa_meant meant = {.text = name};
  if (csa_file_read(name, CONFIG_MAX, text, size) == CSA_OK) return CSA_OK;
  for (const csa_embedded *p = csa_preset_texts; p->name != NULL; p++) {
    const size_t used = strlen(list), length = strlen(p->name) - strlen(".json");
    snprintf(preset, sizeof preset, "%.*s", (int)length, p->name);
    snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", preset);
    csa_meant_try(&meant, preset);
  }
  char why[512];
  snprintf(why, sizeof why, "%s", csa_last_error());
  return csa_fail(CSA_INPUT, "%s%s\n  the presets: %s; anything else is a file", why, meant.hint, list);
}

csa_status csa_config_apply(csa_config *c, const char *name, bool *has_model) {
  const csa_embedded *preset = csa_preset_texts;
  uint8_t *text = NULL;
  size_t size;
  json_t *root = NULL;
  csa_status status;
  while (preset->name != NULL && !is_preset(preset, name)) preset++;
  if (preset->name == NULL) {
    CSA_GO(read_file(name, &text, &size));
    CSA_GO(parse((const char *)text, size, &root));
  } else {
    CSA_GO(parse(preset->text, strlen(preset->text), &root));
  }
  status = apply(c, root, has_model);
done:
  json_decref(root);
  free(text);
  return status == CSA_OK ? CSA_OK : csa_fail_in(CSA_INPUT, "--config %s", name);
}

void csa_config_fini(csa_config *config) {
  for (int i = 0; i < config->replica_count; i++) csa_tuning_destroy(config->replicas[i].tuning);
  config->replica_count = 0;
}
