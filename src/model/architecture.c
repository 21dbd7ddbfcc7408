#include "model/architecture.h"

#include <string.h>

#include "model/cnn.h"
#include "model/vit.h"

#define SIZE_LIMIT 65536

static const csa_architecture known[] = {
    {.model = "vit",
     .image = 32,
     .channels = 3,
     .classes = 10,
     .patch = 4,
     .embed = 64,
     .heads = 4,
     .layers = 3,
     .hidden = 256},
    {.model = "cnn",
     .image = 32,
     .channels = 3,
     .classes = 10,
     .widths = {32, 64, 128, 256, 128},
     .stages = 5,
     .reduction = 8},
};

const char *csa_architecture_known(int index) {
  return index < (int)(sizeof known / sizeof known[0]) ? known[index].model : NULL;
}

csa_status csa_architecture_default(csa_architecture *a, const char *model) {
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(model, known[i].model) == 0) {
      *a = known[i];
      return CSA_OK;
    }
  return csa_fail(CSA_USAGE, "model: %s: no such model; there are: vit, cnn", model);
}

bool csa_architecture_is_vit(const csa_architecture *a) { return strcmp(a->model, "vit") == 0; }

csa_status csa_architecture_patches(csa_architecture *a, const char *patches) {
  if (strcmp(patches, "rows") != 0 && strcmp(patches, "grid") != 0)
    return csa_fail(CSA_USAGE, "patches: %s: must be rows or grid", patches);
  if (!csa_architecture_is_vit(a)) return csa_fail(CSA_USAGE, "patches: %s: only the vit cuts images", patches);
  a->grid = strcmp(patches, "grid") == 0;
  return CSA_OK;
}

const char *csa_architecture_patches_text(const csa_architecture *a) {
  if (!csa_architecture_is_vit(a)) return NULL;
  return a->grid ? "grid" : "rows";
}

/* The sizes of a model by their JSON keys; what is not the model's own has no key. */
typedef struct {
  const char *key;
  int *value;
} size_entry;

enum { SIZES = 7 };

static int size_table(csa_architecture *a, size_entry table[SIZES]) {
  const size_entry vit[] = {{"image", &a->image},    {"patch", &a->patch},   {"embed", &a->embed},
                            {"heads", &a->heads},    {"layers", &a->layers}, {"hidden", &a->hidden},
                            {"classes", &a->classes}};
  const size_entry cnn[] = {{"image", &a->image}, {"k", &a->reduction}, {"classes", &a->classes}};
  const bool is_vit = csa_architecture_is_vit(a);
  memcpy(table, is_vit ? vit : cnn, is_vit ? sizeof vit : sizeof cnn);
  return (int)(is_vit ? sizeof vit / sizeof *vit : sizeof cnn / sizeof *cnn);
}

static csa_status read_size(const json_t *value, const char *where, const char *key, int *size) {
  if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > SIZE_LIMIT)
    return csa_fail(CSA_INPUT, "%s: sizes: %s: must be an integer from 1 to %d", where, key, SIZE_LIMIT);
  *size = (int)json_integer_value(value);
  return CSA_OK;
}

static csa_status read_widths(csa_architecture *a, const json_t *widths, const char *where) {
  const size_t stages = json_array_size(widths);
  if (stages < 1 || stages > CSA_STAGES_MAX)
    return csa_fail(CSA_INPUT, "%s: sizes: widths: must be a list of 1 to %d integers", where, CSA_STAGES_MAX);
  a->stages = (int)stages;
  for (size_t i = 0; i < stages; i++) CSA_TRY(read_size(json_array_get(widths, i), where, "widths", &a->widths[i]));
  return CSA_OK;
}

csa_status csa_architecture_read_sizes(csa_architecture *a, const json_t *sizes, const char *where) {
  size_entry table[SIZES];
  const int count = size_table(a, table);
  const char *key;
  json_t *value;
  if (!json_is_object(sizes)) return csa_fail(CSA_INPUT, "%s: sizes: not a JSON object", where);
  json_object_foreach((json_t *)sizes, key, value) {
    int i = 0;
    while (i < count && strcmp(table[i].key, key) != 0) i++;
    if (i < count)
      CSA_TRY(read_size(value, where, key, table[i].value));
    else if (!csa_architecture_is_vit(a) && strcmp(key, "widths") == 0)
      CSA_TRY(read_widths(a, value, where));
    else
      return csa_fail(CSA_INPUT, "%s: sizes: unknown key '%s' for %s", where, key, a->model);
  }
  return CSA_OK;
}

csa_status csa_architecture_sizes(const csa_architecture *architecture, json_t **out) {
  csa_architecture copy = *architecture;
  size_entry table[SIZES];
  const int count = size_table(&copy, table);
  json_t *sizes = json_object(), *widths = json_array();
  int failed = 0;
  for (int i = 0; i < count; i++) failed |= json_object_set_new(sizes, table[i].key, json_integer(*table[i].value));
  for (int i = 0; i < copy.stages; i++) failed |= json_array_append_new(widths, json_integer(copy.widths[i]));
  if (copy.stages > 0) failed |= json_object_set(sizes, "widths", widths);
  json_decref(widths);
  *out = sizes;
  if (failed == 0) return CSA_OK;
  json_decref(sizes);
  return csa_fail(CSA_MEMORY, "sizes: the host has no more memory");
}

csa_status csa_architecture_build(const csa_architecture *a, csa_graph *graph) {
  csa_tensor *images = csa_graph_input(graph, csa_shape4(graph->config.batch, a->image, a->image, a->channels));
  csa_graph_loss(graph, csa_architecture_is_vit(a) ? csa_vit(graph, images, a) : csa_cnn(graph, images, a));
  return csa_graph_record(graph);
}
