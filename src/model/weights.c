#include "model/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/schedule.h"

csa_status csa_weights_download(csa_graph *graph, const csa_tensor *flat, float **values) {
  const size_t count = (size_t)csa_elements(flat->shape);
  float scale = 1.0f;
  CSA_TRY(csa_new(values, count, sizeof **values));
  csa_status status = csa_tensor_download(graph->device, flat, *values);
  if (status == CSA_OK && flat == graph->parameters.gradients) status = csa_schedule_scale(graph, &scale);
  for (size_t i = 0; i < count && scale != 1.0f; i++) (*values)[i] /= scale;
  if (status != CSA_OK) {
    free(*values);
    *values = NULL;
  }
  return status;
}

static void full_name(char name[CSA_TENSOR_NAME + 16], const char *prefix, const csa_parameter *parameter) {
  snprintf(name, CSA_TENSOR_NAME + 16, "%.15s%s", prefix, parameter->name);
}

/* Where element [o, i, y, x] of a convolution's file stands on the device, [y, x, i, o]; other parameters stay in
 * place. */
static int64_t place_on_device(const csa_parameter *p, int64_t at) {
  const int64_t *dim = p->value->shape.dim;
  if (!p->convolution) return at;
  const int64_t tap = at % (dim[2] * dim[3]), i = at / (dim[2] * dim[3]) % dim[1], o = at / (dim[1] * dim[2] * dim[3]);
  return (tap * dim[1] + i) * dim[0] + o;
}

void csa_parameter_to_file(const csa_parameter *p, const float *device, float *file) {
  const int64_t count = csa_elements(p->value->shape);
  for (int64_t at = 0; at < count; at++) file[at] = device[place_on_device(p, at)];
}

static void from_file(const csa_parameter *p, const float *file, float *device) {
  const int64_t count = csa_elements(p->value->shape);
  for (int64_t at = 0; at < count; at++) device[place_on_device(p, at)] = file[at];
}

csa_status csa_weights_add(csa_safetensors_writer *writer, csa_graph *graph, const char *prefix,
                           const csa_tensor *flat) {
  float *values = NULL, *file = NULL;
  csa_status status;
  CSA_GO(csa_weights_download(graph, flat, &values));
  CSA_GO(csa_new(&file, (size_t)csa_elements(flat->shape), sizeof *file));
  for (size_t i = 0; i < graph->parameters.count; i++) {
    const csa_parameter *p = &graph->parameters.list[i];
    char name[CSA_TENSOR_NAME + 16];
    if (p->buffer && flat == graph->parameters.gradients) continue;
    full_name(name, prefix, p);
    csa_parameter_to_file(p, values + p->value->start, file);
    CSA_GO(csa_safetensors_writer_add(writer, name, CSA_ST_F32, p->value->shape, file));
  }
done:
  free(values);
  free(file);
  return status;
}

csa_status csa_weights_check_finite(csa_graph *graph) {
  float *values = NULL;
  CSA_TRY(csa_weights_download(graph, graph->parameters.values, &values));
  csa_status status = CSA_OK;
  for (size_t i = 0; i < graph->parameters.count && status == CSA_OK; i++) {
    const csa_parameter *p = &graph->parameters.list[i];
    for (int64_t e = 0; e < csa_elements(p->value->shape) && status == CSA_OK; e++)
      if (!isfinite(values[p->value->start + e]))
        status = csa_fail(CSA_FAILED, "weights: %s: a value is not finite\n  a smaller --lr may help", p->name);
  }
  free(values);
  return status;
}

static bool begins_with(const char *name, const char *start) {
  return start != NULL && strncmp(name, start, strlen(start)) == 0;
}

csa_status csa_weights_read(csa_graph *graph, const csa_safetensors *source, const char *prefix, const csa_tensor *flat,
                            const char *except) {
  const size_t count = (size_t)csa_elements(flat->shape);
  float *values = NULL, *file = NULL;
  csa_status status;
  if (except != NULL)
    CSA_GO(csa_weights_download(graph, flat, &values));
  else
    CSA_GO(csa_new(&values, count, sizeof *values));
  CSA_GO(csa_new(&file, count, sizeof *file));
  for (size_t i = 0; i < graph->parameters.count; i++) {
    const csa_parameter *p = &graph->parameters.list[i];
    char name[CSA_TENSOR_NAME + 16];
    if (begins_with(p->name, except)) continue;
    full_name(name, prefix, p);
    CSA_GO(csa_safetensors_f32(source, name, &p->value->shape, file));
    from_file(p, file, values + p->value->start);
  }
  status = csa_tensor_upload(graph->device, flat, values);
done:
  free(values);
  free(file);
  return status;
}

static bool has_parameter(const csa_graph *graph, const char *name) {
  for (size_t p = 0; p < graph->parameters.count; p++)
    if (strcmp(graph->parameters.list[p].name, name) == 0) return true;
  return false;
}

/* PyTorch also counts the batches that running statistics have seen, which nobody needs; it reads files without. */
static bool is_batch_count(const csa_graph *graph, const char *name) {
  static const char last[] = "num_batches_tracked";
  const size_t length = strlen(name), prefix = length - (sizeof last - 1);
  char mean[CSA_TENSOR_NAME + 16];
  if (length < sizeof last - 1 || strcmp(name + prefix, last) != 0) return false;
  snprintf(mean, sizeof mean, "%.*srunning_mean", (int)prefix, name);
  return has_parameter(graph, mean);
}

static csa_status check_names(const csa_graph *graph, const csa_safetensors *file) {
  for (size_t i = 0; i < csa_safetensors_count(file); i++) {
    const char *name = csa_safetensors_at(file, i)->name;
    if (!has_parameter(graph, name) && !is_batch_count(graph, name))
      return csa_fail(CSA_INPUT,
                      "weights: %s: tensor '%s': the model has no such parameter\n"
                      "  the file is of another model, or of other sizes or patches",
                      csa_safetensors_path(file), name);
  }
  return CSA_OK;
}

csa_status csa_weights_check(const csa_graph *graph, const csa_safetensors *file, const char *except) {
  CSA_TRY(check_names(graph, file));
  for (size_t i = 0; i < graph->parameters.count; i++) {
    const csa_parameter *p = &graph->parameters.list[i];
    if (!begins_with(p->name, except)) CSA_TRY(csa_safetensors_check_f32(file, p->name, &p->value->shape));
  }
  return CSA_OK;
}

/* NULL without memory, or where a name is not UTF-8. */
static json_t *name_list(char *const *names, int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++)
    if (json_array_append_new(list, json_string(names[i])) != 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}

/* Adds `value` as compact JSON text, and releases it. */
static csa_status add_json(csa_safetensors_writer *writer, const char *key, json_t *value) {
  char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
  json_decref(value);
  if (text == NULL) return csa_fail(CSA_MEMORY, "weights: %s: no memory, or not UTF-8", key);
  const csa_status status = csa_safetensors_writer_metadata(writer, key, text);
  free(text);
  return status;
}

static csa_status add_model(csa_safetensors_writer *writer, const csa_architecture *a, char *const *class_names,
                            const char *data) {
  json_t *sizes = NULL;
  CSA_TRY(csa_architecture_sizes(a, &sizes));
  CSA_TRY(add_json(writer, "sizes", sizes));
  CSA_TRY(add_json(writer, "classes", name_list(class_names, a->classes)));
  CSA_TRY(csa_safetensors_writer_metadata(writer, "model", a->model));
  if (data != NULL) CSA_TRY(csa_safetensors_writer_metadata(writer, "data", data));
  if (csa_architecture_is_vit(a))
    CSA_TRY(csa_safetensors_writer_metadata(writer, "patches", csa_architecture_patches_text(a)));
  return CSA_OK;
}

static csa_status add_metadata(csa_safetensors_writer *writer, const csa_architecture *a, char *const *class_names,
                               const char *data) {
  if (a != NULL) CSA_TRY(add_model(writer, a, class_names, data));
  CSA_TRY(csa_safetensors_writer_metadata(writer, "normalisation", "(u8 / 255 - 0.5) / 0.5"));
  return csa_safetensors_writer_metadata(writer, "clsattn", csa_version());
}

csa_status csa_weights_write(csa_graph *graph, const csa_architecture *architecture, char *const *class_names,
                             const char *data, const char *path) {
  csa_safetensors_writer *writer = NULL;
  csa_status status;
  CSA_GO(csa_safetensors_writer_begin(&writer));
  CSA_GO(add_metadata(writer, architecture, class_names, data));
  CSA_GO(csa_weights_add(writer, graph, "", graph->parameters.values));
  CSA_GO(csa_safetensors_writer_write(writer, path));
done:
  csa_safetensors_writer_close(writer);
  return status;
}

static csa_status read_sizes(const char *text, csa_architecture *a) {
  json_error_t error;
  json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  if (parsed == NULL) return csa_fail(CSA_INPUT, "metadata: sizes: %s", error.text);
  const csa_status status = csa_architecture_read_sizes(a, parsed, "metadata");
  json_decref(parsed);
  return status;
}

static csa_status read_metadata(const csa_safetensors *file, const char *model, csa_architecture *a) {
  const char *sizes = csa_safetensors_metadata(file, "sizes"), *patches = csa_safetensors_metadata(file, "patches");
  CSA_TRY(csa_architecture_default(a, model));
  if (sizes == NULL || (csa_architecture_is_vit(a) && patches == NULL))
    return csa_fail(CSA_INPUT, "metadata: 'sizes' or 'patches' is missing beside 'model'");
  if (patches != NULL) CSA_TRY(csa_architecture_patches(a, patches));
  return read_sizes(sizes, a);
}

/* `given` must say what the file says. */
static csa_status agree(const char *option, const char *given, const char *said) {
  if (given == NULL || strcmp(given, said) == 0) return CSA_OK;
  return csa_fail(CSA_USAGE, "--%s: %s: but the weights say %s\n  leave it out: the file knows", option, given, said);
}

csa_status csa_weights_architecture(const csa_safetensors *file, const char *model, const char *patches,
                                    csa_architecture *a) {
  const char *said = csa_safetensors_metadata(file, "model");
  if (said == NULL && model == NULL)
    return csa_fail(CSA_USAGE, "weights: %s: does not say which model it is\n  --model vit or --model cnn does",
                    csa_safetensors_path(file));
  if (said != NULL) {
    CSA_TRY(agree("model", model, said));
    if (read_metadata(file, said, a) != CSA_OK)
      return csa_fail_in(CSA_INPUT, "weights: %s", csa_safetensors_path(file));
    if (patches == NULL) return CSA_OK;
    csa_architecture asked = *a;
    CSA_TRY(csa_architecture_patches(&asked, patches));
    return agree("patches", patches, csa_architecture_patches_text(a));
  }
  CSA_TRY(csa_architecture_default(a, model));
  if (csa_architecture_is_vit(a) && patches == NULL)
    return csa_fail(CSA_USAGE,
                    "weights: %s: does not say how images are cut; --patches rows or grid does\n"
                    "  both look alike in the file, so it must not be guessed",
                    csa_safetensors_path(file));
  return patches != NULL ? csa_architecture_patches(a, patches) : CSA_OK;
}
