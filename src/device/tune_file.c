/* Tuning as JSON: what may stand in it, and the file that keeps it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "device/cache.h"
#include "device/tune.h"

#define FORMAT 1
#define FILE_MAX ((uint64_t)4 << 20)

/* Every parameter there is. Whether a device can do with a combination is for the kernel's host side to say. */
static const struct {
  const char *kernel; /* NULL: any kernel of the portable family */
  const char *name;
  int least, most;
  bool power; /* of two */
} known[] = {
    {"gemm_tile", "WX", 1, 256, false},
    {"gemm_tile", "WY", 1, 256, false},
    {"gemm_tile", "TM", 1, 64, false},
    {"gemm_tile", "TN", 1, 64, false},
    {"gemm_tile", "VEC", 1, 16, false},
    {"gemm_tile", "DEPTH", 1, 128, false},
    {"gemm_tile", "LOADS", 1, 4, true},
    {"gemm_tile", "PAD", 0, 16, false},
    {"gemm_panels", "VW", 4, 16, true},
    {"gemm_panels", "NV", 1, 4, false},
    {"gemm_panels", "MR", 1, 16, false},
    {"gemm_panels", "DEPTH", 16, 8192, false},
    {"gemm_panels", "ROW_RUN", 1, 1 << 20, false},
    {"gemm_panels", "PACK", 0, 1, false},
    {"cpu/attention_forward", "NV", 1, 8, false},
    {"cpu/attention_forward", "KB", 8, 260, false},
    {"cpu/attention_backward", "NV", 1, 8, false},
    {"cpu/attention_backward", "KB", 8, 260, false},
    {"cpu/winograd_forward", "BLOCK", 1, 1024, false},
    {"attention_forward", "COLUMNS", 4, 64, true},
    {"attention_forward", "AT_ONCE", 1, 8, true},
    {"attention_forward", "TILE", 8, 256, false},
    {"attention_query_backward", "COLUMNS", 4, 64, true},
    {"attention_query_backward", "AT_ONCE", 1, 8, true},
    {"attention_query_backward", "TILE", 8, 256, false},
    {"attention_key_backward", "COLUMNS", 4, 64, true},
    {"attention_key_backward", "AT_ONCE", 1, 8, true},
    {"attention_key_backward", "TILE", 8, 256, false},
    {NULL, "WG", 1, 1024, true},
    {"gemm", "CLBLAST", 0, 1, false},
    /* CLBlast's, by its own names */
    {"Xgemm", "GEMMK", 0, 1, false},
    {"Xgemm", "KREG", 1, 256, false},
    {"Xgemm", "KWG", 1, 256, false},
    {"Xgemm", "KWI", 1, 256, false},
    {"Xgemm", "MDIMA", 1, 256, false},
    {"Xgemm", "MDIMC", 1, 256, false},
    {"Xgemm", "MWG", 1, 256, false},
    {"Xgemm", "NDIMB", 1, 256, false},
    {"Xgemm", "NDIMC", 1, 256, false},
    {"Xgemm", "NWG", 1, 256, false},
    {"Xgemm", "SA", 0, 1, false},
    {"Xgemm", "SB", 0, 1, false},
    {"Xgemm", "STRM", 0, 1, false},
    {"Xgemm", "STRN", 0, 1, false},
    {"Xgemm", "VWM", 1, 256, false},
    {"Xgemm", "VWN", 1, 256, false},
    {"XgemmDirect", "KWID", 1, 256, false},
    {"XgemmDirect", "MDIMAD", 1, 256, false},
    {"XgemmDirect", "MDIMCD", 1, 256, false},
    {"XgemmDirect", "NDIMBD", 1, 256, false},
    {"XgemmDirect", "NDIMCD", 1, 256, false},
    {"XgemmDirect", "PADA", 0, 1, false},
    {"XgemmDirect", "PADB", 0, 1, false},
    {"XgemmDirect", "VWMD", 1, 256, false},
    {"XgemmDirect", "VWND", 1, 256, false},
    {"XgemmDirect", "WGD", 1, 256, false},
    {"train", "IMAGES_PER_S", 1, INT_MAX, false},
    {"GemmRoutine", "XGEMM_MIN_INDIRECT_SIZE", 0, 1 << 16, false},
};

static bool is_power(int value) { return (value & (value - 1)) == 0; }

static csa_status check_value(const char *kernel, const char *name, json_int_t value) {
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if ((known[i].kernel != NULL && strcmp(known[i].kernel, kernel) != 0) || strcmp(known[i].name, name) != 0) continue;
    if (value < known[i].least || value > known[i].most || (known[i].power && !is_power((int)value)))
      return csa_fail(CSA_INPUT, "%s: %s %lld: must be %s from %d to %d", kernel, name, (long long)value,
                      known[i].power ? "a power of two" : "a whole number", known[i].least, known[i].most);
    return CSA_OK;
  }
  return csa_fail(CSA_INPUT, "%s: %s: no such parameter", kernel, name);
}

static json_t *entry_to_json(const csa_tuning_entry *entry) {
  json_t *values = json_object();
  for (int i = 0; i < entry->count; i++)
    json_object_set_new(values, entry->values[i].name, json_integer(entry->values[i].value));
  return json_pack("{s:s, s:s, s:o, s:f}", "kernel", entry->kernel, "shape", entry->shape, "values", values, "gain",
                   entry->gain);
}

static json_t *list_of(const csa_tuning *tuning, bool (*wanted)(const csa_tuning_entry *)) {
  json_t *list = json_array();
  for (size_t i = 0; i < tuning->count; i++)
    if (wanted(&tuning->entries[i]) && json_array_append_new(list, entry_to_json(&tuning->entries[i])) != 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}

static bool has_values(const csa_tuning_entry *entry) { return entry->count > 0; }
static bool is_in_use(const csa_tuning_entry *entry) { return entry->count > 0 && entry->uses > 0; }
static bool was_measured(const csa_tuning_entry *entry) { return entry->gain > 0.0; }

json_t *csa_tuning_to_json(const csa_tuning *tuning, bool used) {
  return list_of(tuning, used ? is_in_use : has_values);
}

static csa_status read_entry(const json_t *item, csa_tuning_entry *entry) {
  const char *kernel, *shape, *name;
  json_t *values, *value;
  json_error_t error;
  memset(entry, 0, sizeof *entry);
  if (json_unpack_ex((json_t *)(uintptr_t)item, &error, 0, "{s:s, s:s, s:o, s:F}", "kernel", &kernel, "shape", &shape,
                     "values", &values, "gain", &entry->gain) != 0)
    return csa_fail(CSA_INPUT, "%s", error.text);
  if (strlen(kernel) >= sizeof entry->kernel || strlen(shape) >= sizeof entry->shape)
    return csa_fail(CSA_INPUT, "a kernel or shape of more than %zu bytes", sizeof entry->kernel - 1);
  if (!json_is_object(values) || json_object_size(values) > CSA_TUNING_VALUES)
    return csa_fail(CSA_INPUT, "%s: values: not an object of up to %d", kernel, CSA_TUNING_VALUES);
  snprintf(entry->kernel, sizeof entry->kernel, "%s", kernel);
  snprintf(entry->shape, sizeof entry->shape, "%s", shape);
  json_object_foreach(values, name, value) {
    if (!json_is_integer(value)) return csa_fail(CSA_INPUT, "%s: %s: not a whole number", kernel, name);
    CSA_TRY(check_value(kernel, name, json_integer_value(value)));
    csa_tuning_set(entry, name, (int)json_integer_value(value));
  }
  return CSA_OK;
}

/* With `path`, what cannot be is passed over, with a line in the log that names the file. */
static csa_status add_list(csa_tuning *tuning, const json_t *list, const char *path) {
  csa_tuning_entry entry;
  if (!json_is_array(list)) return csa_fail(CSA_INPUT, "tuning: not a list");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const csa_status status = read_entry(json_array_get(list, i), &entry);
    if (status == CSA_OK)
      CSA_TRY(csa_tuning_put(tuning, &entry));
    else if (path == NULL)
      return csa_fail_in(status, "tuning: entry %zu", i);
    else
      csa_log("tuning: %s: entry %zu: %s; it is ignored", path, i, csa_last_error());
  }
  return CSA_OK;
}

csa_status csa_tuning_from_json(csa_tuning *tuning, const json_t *list) { return add_list(tuning, list, NULL); }

bool csa_tuning_folder(char folder[CSA_TUNING_PATH]) {
  const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  int length;
  if (base != NULL && base[0] == '/')
    length = snprintf(folder, CSA_TUNING_PATH, "%s/clsattn/tuning", base);
  else if (home != NULL && home[0] == '/')
    length = snprintf(folder, CSA_TUNING_PATH, "%s/.local/share/clsattn/tuning", home);
  else
    return false;
  return length < CSA_TUNING_PATH;
}

bool csa_tuning_path(const csa_device_info *info, char path[CSA_TUNING_PATH]) {
  char key[33], name[48], folder[CSA_TUNING_PATH];
  size_t used = 0;
  for (const char *c = info->device; *c != '\0' && used + 1 < sizeof name; c++) {
    const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
    if (plain || (used > 0 && name[used - 1] != '-')) name[used++] = plain ? *c : '-';
  }
  name[used] = '\0';
  csa_cache_key(key, info, "tuning", "");
  return csa_tuning_folder(folder) &&
         snprintf(path, CSA_TUNING_PATH, "%s/%s-%.8s.json", folder, name, key) < CSA_TUNING_PATH;
}

static csa_status check_device(const json_t *root, const csa_device_info *info) {
  const char *platform, *device, *version, *driver;
  json_int_t format;
  json_error_t error;
  if (json_unpack_ex((json_t *)(uintptr_t)root, &error, 0, "{s:I, s:{s:s, s:s, s:s, s:s}}", "format", &format, "device",
                     "platform", &platform, "device", &device, "version", &version, "driver", &driver) != 0)
    return csa_fail(CSA_INPUT, "tuning: %s", error.text);
  if (format != FORMAT)
    return csa_fail(CSA_INPUT, "tuning: format %lld: this clsattn (%s) reads format %d", (long long)format,
                    csa_version(), FORMAT);
  if (strcmp(platform, info->platform) != 0 || strcmp(device, info->device) != 0 ||
      strcmp(version, info->version) != 0 || strcmp(driver, info->driver) != 0)
    return csa_fail(CSA_INPUT,
                    "tuning: it is of %s, driver %s (%s), not of %s, which is %s, driver %s (%s)\n"
                    "  clsattn tune finds out anew what serves this one",
                    device, driver, platform, info->name, info->device, info->driver, info->platform);
  return CSA_OK;
}

/* Forgiving: of a file that nobody named, what cannot be is passed over. But only the user may have written it. */
static csa_status read_file(csa_tuning *tuning, const csa_device_info *info, const char *path, bool forgiving) {
  uint8_t *text = NULL;
  size_t size = 0;
  json_error_t error;
  CSA_TRY((forgiving ? csa_file_read_own : csa_file_read)(path, FILE_MAX, &text, &size));
  json_t *root = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &error);
  csa_status status = CSA_INPUT;
  free(text);
  if (root == NULL)
    csa_fail(CSA_INPUT, "tuning: line %d: %s", error.line, error.text);
  else
    status = check_device(root, info);
  if (status == CSA_OK) status = add_list(tuning, json_object_get(root, "entries"), forgiving ? path : NULL);
  json_decref(root);
  return status == CSA_OK ? CSA_OK : csa_fail_in(status, "%s", path);
}

csa_status csa_tuning_read(csa_tuning *tuning, const csa_device_info *info, const char *path) {
  return read_file(tuning, info, path, false);
}

csa_status csa_tuning_write(const csa_tuning *tuning, const csa_device_info *info, const char *path) {
  json_t *root = json_pack("{s:i, s:s, s:{s:s, s:s, s:s, s:s}, s:o}", "format", FORMAT, "clsattn", csa_version(),
                           "device", "platform", info->platform, "device", info->device, "version", info->version,
                           "driver", info->driver, "entries", list_of(tuning, was_measured));
  char *text = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;
  json_decref(root);
  if (text == NULL) return csa_fail(CSA_FAILED, "tuning: %s: a name is not UTF-8, or memory is short", path);
  const csa_status status = csa_file_replace(path, text, strlen(text));
  free(text);
  return status;
}

csa_status csa_tuning_keep(const csa_tuning *tuning, const csa_device_info *info) {
  char path[CSA_TUNING_PATH], folder[CSA_TUNING_PATH];
  if (!csa_tuning_path(info, path) || !csa_tuning_folder(folder))
    return csa_fail(CSA_OUTPUT, "tuning: neither HOME nor XDG_DATA_HOME says where to keep it");
  CSA_TRY(csa_folder_private(folder));
  return csa_tuning_write(tuning, info, path);
}

csa_status csa_tuning_load(csa_tuning **tuning, const csa_device_info *info) {
  char path[CSA_TUNING_PATH], folder[CSA_TUNING_PATH];
  CSA_TRY(csa_tuning_create(tuning, NULL));
  if (!csa_tuning_path(info, path) || !csa_tuning_folder(folder) || access(path, F_OK) != 0) return CSA_OK;
  if (csa_folder_private(folder) != CSA_OK || read_file(*tuning, info, path, true) != CSA_OK)
    csa_log("tuning: %s; it is ignored", csa_last_error());
  return CSA_OK;
}

bool csa_tuning_exists(const csa_device_info *info) {
  char path[CSA_TUNING_PATH];
  return csa_tuning_path(info, path) && access(path, R_OK) == 0;
}
