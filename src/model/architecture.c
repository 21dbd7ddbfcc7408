#include "model/architecture.h"

#include <stddef.h>
#include <string.h>

#include "model/cnn.h"
#include "model/vit.h"

#define SIZE_LIMIT 65536
#define LAYERS_LIMIT 1024 /* recording more would take minutes */
#define ALL_STAGES ((1u << CSA_STAGES_MAX) - 1)

static const csa_architecture known[] = {
    {.model = "vit",
     .image = 32,
     .channels = 3,
     .classes = 10,
     .patch = 4,
     .embed = 64,
     .heads = 4,
     .layers = 3,
     .hidden = 256,
     .norm_relu = true},
    {.model = "cnn",
     .image = 32,
     .channels = 3,
     .classes = 10,
     .widths = {32, 64, 128, 256, 128},
     .stages = 5,
     .reduction = 8,
     .attention = ALL_STAGES},
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

void csa_architecture_title(const csa_architecture *a, char title[CSA_ARCHITECTURE_TITLE]) {
  const char *patches = csa_architecture_patches_text(a);
  snprintf(title, CSA_ARCHITECTURE_TITLE, patches != NULL ? "%s (%s)" : "%s", a->model, patches);
}

typedef enum { INTEGER, SWITCH, SHARE, STAGES, WIDTHS } size_kind;
enum { VIT = 1, CNN = 2 };

/* Sizes by their JSON keys, and which models have them. */
typedef struct {
  const char *key;
  int models;
  size_kind kind;
  size_t at; /* in csa_architecture */
} size_entry;
#define AT(field) offsetof(csa_architecture, field)

static const size_entry entries[] = {
    {"image", VIT | CNN, INTEGER, AT(image)},    {"patch", VIT, INTEGER, AT(patch)},
    {"embed", VIT, INTEGER, AT(embed)},          {"heads", VIT, INTEGER, AT(heads)},
    {"layers", VIT, INTEGER, AT(layers)},        {"hidden", VIT, INTEGER, AT(hidden)},
    {"k", CNN, INTEGER, AT(reduction)},          {"classes", VIT | CNN, INTEGER, AT(classes)},
    {"dropout", VIT | CNN, SHARE, AT(dropout)},  {"norm_relu", VIT, SWITCH, AT(norm_relu)},
    {"final_norm", VIT, SWITCH, AT(final_norm)}, {"widths", CNN, WIDTHS, AT(widths)},
    {"batch_norm", CNN, SWITCH, AT(batch_norm)}, {"pool", CNN, STAGES, AT(pool)},
    {"residual", CNN, STAGES, AT(residual)},     {"attention", CNN, STAGES, AT(attention)},
};

/* The first entry from `e` on that the model has; NULL: there is none. */
static const size_entry *entry_from(const csa_architecture *a, const size_entry *e) {
  const int model = csa_architecture_is_vit(a) ? VIT : CNN;
  const size_entry *end = entries + sizeof entries / sizeof entries[0];
  while (e < end && (e->models & model) == 0) e++;
  return e < end ? e : NULL;
}

static csa_status read_integer(const json_t *value, const char *where, const char *key, int least, int most,
                               int *integer) {
  if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
    return csa_fail(CSA_INPUT, "%s: sizes: %s: must be an integer from %d to %d", where, key, least, most);
  *integer = (int)json_integer_value(value);
  return CSA_OK;
}

static csa_status read_share(const json_t *value, const char *where, const char *key, double *share) {
  const double number = json_number_value(value);
  if (!json_is_number(value) || !(number >= 0.0 && number < 1.0))
    return csa_fail(CSA_INPUT, "%s: sizes: %s: must be a number from 0 to below 1", where, key);
  *share = number;
  return CSA_OK;
}

static csa_status read_switch(const json_t *value, const char *where, const char *key, bool *on) {
  if (!json_is_boolean(value)) return csa_fail(CSA_INPUT, "%s: sizes: %s: must be true or false", where, key);
  *on = json_is_true(value);
  return CSA_OK;
}

static csa_status read_widths(csa_architecture *a, const json_t *widths, const char *where) {
  const size_t stages = json_array_size(widths);
  if (stages < 1 || stages > CSA_STAGES_MAX)
    return csa_fail(CSA_INPUT, "%s: sizes: widths: must be a list of 1 to %d integers", where, CSA_STAGES_MAX);
  a->stages = (int)stages;
  for (size_t i = 0; i < stages; i++)
    CSA_TRY(read_integer(json_array_get(widths, i), where, "widths", 1, SIZE_LIMIT, &a->widths[i]));
  return CSA_OK;
}

/* Widths are known by now. A list of all stages means all there may be, as the default does. */
static csa_status read_stages(const csa_architecture *a, const json_t *list, const char *where, const char *key,
                              unsigned *stages) {
  if (!json_is_array(list))
    return csa_fail(CSA_INPUT, "%s: sizes: %s: must be a list of stages, like [1, 2]", where, key);
  *stages = 0;
  for (size_t i = 0; i < json_array_size(list); i++) {
    int stage = 0;
    CSA_TRY(read_integer(json_array_get(list, i), where, key, 1, a->stages, &stage));
    *stages |= 1u << (stage - 1);
  }
  if (*stages == (1u << a->stages) - 1) *stages = ALL_STAGES;
  return CSA_OK;
}

static csa_status read_entry(csa_architecture *a, const size_entry *e, const json_t *value, const char *where) {
  void *to = (char *)a + e->at;
  switch (e->kind) {
    case INTEGER: return read_integer(value, where, e->key, 1, e->at == AT(layers) ? LAYERS_LIMIT : SIZE_LIMIT, to);
    case SWITCH: return read_switch(value, where, e->key, to);
    case SHARE: return read_share(value, where, e->key, to);
    case STAGES: return read_stages(a, value, where, e->key, to);
    case WIDTHS: break;
  }
  return read_widths(a, value, where);
}

static csa_status check_keys(const csa_architecture *a, const json_t *sizes, const char *where) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)sizes, key, value) {
    bool known_key = false;
    for (const size_entry *e = entry_from(a, entries); e != NULL; e = entry_from(a, e + 1))
      known_key = known_key || strcmp(e->key, key) == 0;
    if (!known_key) return csa_fail(CSA_INPUT, "%s: sizes: unknown key '%s' for %s", where, key, a->model);
  }
  return CSA_OK;
}

/* Sizes that the layers could not be made of: said here, where the file is known. */
static csa_status check_parts(const csa_architecture *a, const char *where) {
  if (!csa_architecture_is_vit(a)) return CSA_OK;
  if (a->embed % a->heads != 0)
    return csa_fail(CSA_INPUT, "%s: sizes: heads: %d does not divide embed, %d", where, a->heads, a->embed);
  if (a->image % a->patch != 0)
    return csa_fail(CSA_INPUT, "%s: sizes: patch: %d does not divide image, %d", where, a->patch, a->image);
  return CSA_OK;
}

csa_status csa_architecture_read_sizes(csa_architecture *a, const json_t *sizes, const char *where) {
  if (!json_is_object(sizes)) return csa_fail(CSA_INPUT, "%s: sizes: not a JSON object", where);
  CSA_TRY(check_keys(a, sizes, where));
  for (const size_entry *e = entry_from(a, entries); e != NULL; e = entry_from(a, e + 1)) {
    const json_t *value = json_object_get(sizes, e->key);
    if (value != NULL) CSA_TRY(read_entry(a, e, value, where));
  }
  return check_parts(a, where);
}

static json_t *list_stages(unsigned stages, int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++)
    if (stages >> i & 1) json_array_append_new(list, json_integer(i + 1));
  return list;
}

static json_t *list_widths(const csa_architecture *a) {
  json_t *list = json_array();
  for (int i = 0; i < a->stages; i++) json_array_append_new(list, json_integer(a->widths[i]));
  return list;
}

/* As JSON, a new reference; NULL: it is as in `usual`, and need not be said. */
static json_t *entry_value(const csa_architecture *a, const csa_architecture *usual, const size_entry *e) {
  const void *of = (const char *)a + e->at, *default_of = (const char *)usual + e->at;
  switch (e->kind) {
    case INTEGER: return json_integer(*(const int *)of);
    case SWITCH: return *(const bool *)of == *(const bool *)default_of ? NULL : json_boolean(*(const bool *)of);
    case SHARE: return *(const double *)of == *(const double *)default_of ? NULL : json_real(*(const double *)of);
    case STAGES:
      if (*(const unsigned *)of == *(const unsigned *)default_of) return NULL;
      return list_stages(*(const unsigned *)of, a->stages);
    case WIDTHS: break;
  }
  return list_widths(a);
}

csa_status csa_architecture_sizes(const csa_architecture *a, json_t **out) {
  csa_architecture usual;
  CSA_TRY(csa_architecture_default(&usual, a->model));
  json_t *sizes = json_object();
  int failed = 0;
  for (const size_entry *e = entry_from(a, entries); e != NULL; e = entry_from(a, e + 1)) {
    json_t *value = entry_value(a, &usual, e);
    if (value != NULL) failed |= json_object_set_new(sizes, e->key, value);
  }
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
