#include "train/config_device.h"

#include <string.h>

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

csa_config_device csa_config_device_of(const csa_device_info *info) {
  csa_config_device d = {.compute_units = info->compute_units};
  snprintf(d.name, sizeof d.name, "%s", info->name);
  snprintf(d.platform, sizeof d.platform, "%s", info->platform);
  snprintf(d.device, sizeof d.device, "%s", info->device);
  snprintf(d.version, sizeof d.version, "%s", info->version);
  snprintf(d.driver, sizeof d.driver, "%s", info->driver);
  return d;
}

bool csa_config_device_is(const csa_config_device *d, const csa_device_info *info) {
  return strcmp(d->platform, info->platform) == 0 && strcmp(d->device, info->device) == 0 &&
         strcmp(d->version, info->version) == 0 && strcmp(d->driver, info->driver) == 0 &&
         d->compute_units == info->compute_units;
}

json_t *csa_config_device_to_json(const csa_config_device *d) {
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "name", d->name, "platform", d->platform, "device", d->device,
                   "version", d->version, "driver", d->driver, "compute_units", d->compute_units);
}

csa_status csa_config_device_from_json(const json_t *object, csa_config_device *d) {
  const char *name = "", *platform, *device, *version, *driver;
  json_error_t error;
  if (json_unpack_ex((json_t *)(uintptr_t)object, &error, 0, "{s?s, s:s, s:s, s:s, s:s, s:i}", "name", &name,
                     "platform", &platform, "device", &device, "version", &version, "driver", &driver, "compute_units",
                     &d->compute_units) != 0)
    return csa_fail(CSA_INPUT, "config: device: %s", error.text);
  snprintf(d->name, sizeof d->name, "%s", name);
  snprintf(d->platform, sizeof d->platform, "%s", platform);
  snprintf(d->device, sizeof d->device, "%s", device);
  snprintf(d->version, sizeof d->version, "%s", version);
  snprintf(d->driver, sizeof d->driver, "%s", driver);
  return CSA_OK;
}

/* Of the tuning, parameters of kernels that are not the defaults. */
json_t *csa_choices_to_json(const csa_choices *c) {
  return json_pack("{s:s, s:s, s:s, s:s, s:o}", "kernels", csa_kernels_text(c->kernels), "gemm", csa_gemm_text(c->gemm),
                   "conv", csa_conv_text(c->conv), "precision", csa_precision_text(c->precision), "tuning",
                   c->tuning != NULL ? csa_tuning_to_json(c->tuning, true) : json_array());
}

/* A run from before there was any has none. All of it was in use. */
static csa_status take_tuning(const json_t *list, csa_choices *c, csa_tuning **tuning) {
  CSA_TRY(csa_tuning_create(tuning, NULL));
  c->tuning = *tuning;
  if (list != NULL && csa_tuning_from_json(*tuning, list) != CSA_OK) return csa_fail_in(CSA_INPUT, "config: choices");
  for (size_t i = 0; i < (*tuning)->count; i++) (*tuning)->entries[i].uses = 1;
  return CSA_OK;
}

csa_status csa_choices_apply(const json_t *object, csa_choices *c) {
  const char *kernels = NULL, *gemm = NULL, *conv = NULL, *precision = NULL;
  json_error_t error;
  if (json_unpack_ex((json_t *)(uintptr_t)object, &error, 0, "{s?s, s?s, s?s, s?s}", "kernels", &kernels, "gemm", &gemm,
                     "conv", &conv, "precision", &precision) != 0)
    return csa_fail(CSA_INPUT, "config: choices: %s", error.text);
  if (kernels != NULL) CSA_TRY(csa_kernels_parse(kernels, &c->kernels));
  if (gemm != NULL) CSA_TRY(csa_gemm_parse(gemm, &c->gemm));
  if (conv != NULL) CSA_TRY(csa_conv_parse(conv, &c->conv));
  return precision != NULL ? csa_precision_parse(precision, &c->precision) : CSA_OK;
}

/* Older runs do not name the precision. */
csa_status csa_choices_from_json(const json_t *object, csa_choices *c, csa_tuning **tuning) {
  json_error_t error;
  if (json_unpack_ex((json_t *)(uintptr_t)object, &error, JSON_VALIDATE_ONLY, "{s:s, s:s, s:s}", "kernels", "gemm",
                     "conv") != 0)
    return csa_fail(CSA_INPUT, "config: choices: %s", error.text);
  CSA_TRY(csa_choices_apply(object, c));
  return take_tuning(json_object_get(object, "tuning"), c, tuning);
}
