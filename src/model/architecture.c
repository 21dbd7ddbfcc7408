#include "model/architecture.h"

#include <string.h>

#include "model/vit.h"

#define SIZE_LIMIT 65536

csa_status csa_architecture_default(csa_architecture *a, const char *model) {
  if (strcmp(model, "vit") != 0) return csa_fail(CSA_USAGE, "model: %s: no such model; there is: vit", model);
  *a = (csa_architecture){
      .image = 32, .channels = 3, .patch = 4, .embed = 64, .heads = 4, .layers = 3, .hidden = 256, .classes = 10};
  snprintf(a->model, sizeof a->model, "%s", model);
  return CSA_OK;
}

csa_status csa_architecture_patches(csa_architecture *a, const char *patches) {
  if (strcmp(patches, "rows") != 0 && strcmp(patches, "grid") != 0)
    return csa_fail(CSA_USAGE, "patches: %s: must be rows or grid", patches);
  a->grid = strcmp(patches, "grid") == 0;
  return CSA_OK;
}

const char *csa_architecture_patches_text(const csa_architecture *a) { return a->grid ? "grid" : "rows"; }

typedef struct {
  const char *key;
  int *value;
} size_entry;

enum { SIZES = 7 };

static void size_table(csa_architecture *a, size_entry table[SIZES]) {
  const size_entry entries[SIZES] = {{"image", &a->image},    {"patch", &a->patch},   {"embed", &a->embed},
                                     {"heads", &a->heads},    {"layers", &a->layers}, {"hidden", &a->hidden},
                                     {"classes", &a->classes}};
  memcpy(table, entries, sizeof entries);
}

csa_status csa_architecture_read_sizes(csa_architecture *a, const json_t *sizes, const char *where) {
  size_entry table[SIZES];
  size_table(a, table);
  if (!json_is_object(sizes)) return csa_fail(CSA_INPUT, "%s: sizes: not a JSON object", where);
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)sizes, key, value) {
    int i = 0;
    while (i < SIZES && strcmp(table[i].key, key) != 0) i++;
    if (i == SIZES) return csa_fail(CSA_INPUT, "%s: sizes: unknown key '%s'", where, key);
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > SIZE_LIMIT)
      return csa_fail(CSA_INPUT, "%s: sizes: %s: must be an integer from 1 to %d", where, key, SIZE_LIMIT);
    *table[i].value = (int)json_integer_value(value);
  }
  return CSA_OK;
}

csa_status csa_architecture_sizes(const csa_architecture *architecture, json_t **out) {
  csa_architecture copy = *architecture;
  size_entry table[SIZES];
  size_table(&copy, table);
  json_t *sizes = json_object();
  for (int i = 0; i < SIZES && sizes != NULL; i++)
    if (json_object_set_new(sizes, table[i].key, json_integer(*table[i].value)) != 0) {
      json_decref(sizes);
      sizes = NULL;
    }
  *out = sizes;
  return sizes != NULL ? CSA_OK : csa_fail(CSA_MEMORY, "sizes: the host has no more memory");
}

csa_status csa_architecture_build(const csa_architecture *a, csa_graph *graph) {
  csa_tensor *images = csa_graph_input(graph, csa_shape4(graph->config.batch, a->image, a->image, a->channels));
  csa_graph_loss(graph, csa_vit(graph, images, a));
  return csa_graph_record(graph);
}
