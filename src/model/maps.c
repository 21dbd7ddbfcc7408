#include "model/maps.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pooling halves a side and drops an odd last pixel, so that a pixel of the layer's map is a square of 2^n. */
static int side_of_pixel(int image, int map) {
  int side = 1;
  while (2 * side * map <= image) side *= 2;
  return side;
}

/* Keys are squares of 2 x 2 of the layer's pixels. */
static void place_squares(const csa_maps *m, csa_map *map) {
  const csa_shape in = map->layer->in[0]->shape;
  const int rows = (int)in.dim[1] / 2, cols = (int)in.dim[2] / 2, square = 2 * map->side;
  for (int i = 0; i < m->channels * m->height * m->width; i++) {
    const int y = i / m->width % m->height / square, x = i % m->width / square;
    map->place[i] = y < rows && x < cols ? y * cols + x : -1;
  }
}

/* Keys are the class token and patches. */
static void place_patches(const csa_maps *m, csa_map *map, const csa_layer_config *patches) {
  const int patch = patches->patch, across = m->width / patch;
  for (int i = 0; i < m->channels * m->height * m->width; i++) {
    const int y = i / m->width % m->height, x = i % m->width;
    map->place[i] = 1 + (patches->grid ? y / patch * across + x / patch : i / (m->channels * patch * patch));
  }
}

/* The layer that cut the image into patches; NULL: none did. */
static const csa_layer *patches_of(const csa_graph *graph) {
  for (size_t i = 0; i < graph->layer_count; i++)
    if (graph->layers[i].ops == &csa_layer_patches) return &graph->layers[i];
  return NULL;
}

static csa_status place(const csa_maps *m, csa_map *map, const csa_graph *graph) {
  CSA_TRY(csa_new(&map->place, (size_t)m->channels * (size_t)m->height * (size_t)m->width, sizeof *map->place));
  if (map->layer->ops == &csa_layer_nonlocal) {
    map->side = side_of_pixel(m->height, (int)map->layer->in[0]->shape.dim[1]);
    place_squares(m, map);
    return CSA_OK;
  }
  const csa_layer *patches = patches_of(graph);
  map->class_token = patches != NULL && map->layer->core.tokens == patches->out->shape.dim[1] + 1;
  if (!map->class_token)
    return csa_fail(CSA_USAGE, "maps: %s: its tokens are not a class token and patches", map->layer->name);
  place_patches(m, map, &patches->config);
  return CSA_OK;
}

static csa_status download(const csa_graph *graph, const csa_tensor *tensor, float **values) {
  const int64_t count = csa_elements(tensor->shape);
  CSA_TRY(csa_new(values, (size_t)count, sizeof **values));
  return csa_tensor_read_floats(graph->device, tensor, 0, count, *values);
}

csa_status csa_maps_read(csa_maps *m, const csa_graph *graph) {
  const csa_shape input = graph->input->shape;
  assert((graph->config.keep_all || graph->config.training) && input.rank == 4);
  *m = (csa_maps){.height = (int)input.dim[1], .width = (int)input.dim[2], .channels = (int)input.dim[3]};
  CSA_TRY(csa_new(&m->list, graph->layer_count, sizeof *m->list));
  for (size_t i = 0; i < graph->layer_count; i++) {
    const csa_layer *layer = &graph->layers[i];
    if (layer->core.heads == 0) continue;
    csa_map *map = &m->list[m->count++];
    map->layer = layer;
    CSA_TRY(place(m, map, graph));
    CSA_TRY(download(graph, layer->saved[CSA_QUERY], &map->queries));
    CSA_TRY(download(graph, layer->saved[CSA_KEY_VALUE], &map->keys));
  }
  return CSA_OK;
}

void csa_maps_fini(csa_maps *m) {
  for (size_t i = 0; i < m->count; i++) free(m->list[i].place), free(m->list[i].queries), free(m->list[i].keys);
  free(m->list);
  *m = (csa_maps){0};
}

const csa_map *csa_maps_find(const csa_maps *m, const char *name) {
  for (size_t i = 0; i < m->count; i++)
    if (strcmp(m->list[i].layer->name, name) == 0) return &m->list[i];
  return NULL;
}

static double dot(const float *a, const float *b, int count) {
  double sum = 0.0;
  for (int i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

void csa_map_weights(const csa_map *map, int image, int head, int query, double *weights) {
  const csa_attention_core *c = &map->layer->core;
  const float *q = map->queries + ((int64_t)image * c->queries + query) * c->query_stride + head * c->head;
  const float *k = map->keys + (int64_t)image * c->tokens * c->key_stride + head * c->head;
  const double scale = c->scaled ? 1.0 / sqrt((double)c->head) : 1.0;
  double largest = -HUGE_VAL, sum = 0.0;
  for (int t = 0; t < c->tokens; t++) {
    weights[t] = scale * dot(q, k + (int64_t)t * c->key_stride, c->head);
    largest = fmax(largest, weights[t]);
  }
  for (int t = 0; t < c->tokens; t++) sum += weights[t] = exp(weights[t] - largest);
  for (int t = 0; t < c->tokens; t++) weights[t] /= sum;
}

int csa_map_query(const csa_map *map, int x, int y) {
  if (map->class_token) return 0;
  const csa_shape in = map->layer->in[0]->shape;
  const int64_t row = y / map->side, col = x / map->side; /* a dropped last pixel: the one before it */
  return (int)((row < in.dim[1] ? row : in.dim[1] - 1) * in.dim[2] + (col < in.dim[2] ? col : in.dim[2] - 1));
}

void csa_map_spread(const csa_maps *m, const csa_map *map, const double *weights, double *pixels) {
  const int plane = m->height * m->width;
  memset(pixels, 0, (size_t)plane * sizeof *pixels);
  for (int i = 0; i < m->channels * plane; i++)
    if (map->place[i] >= 0) pixels[i % plane] += weights[map->place[i]] / m->channels;
}

/* after[keys] = before[queries] * (1/2 mean of the heads' weights + 1/2); `row` has room for a query's. */
static void roll_back(const csa_map *map, int image, const double *before, double *row, double *after) {
  const csa_attention_core *c = &map->layer->core;
  for (int t = 0; t < c->tokens; t++) after[t] = t < c->queries ? 0.5 * before[t] : 0.0;
  for (int q = 0; q < c->queries; q++)
    for (int h = 0; h < c->heads; h++) {
      csa_map_weights(map, image, h, q, row);
      for (int t = 0; t < c->tokens; t++) after[t] += 0.5 * before[q] * row[t] / c->heads;
    }
}

csa_status csa_maps_rollout(const csa_maps *m, int image, double *weights) {
  double *room = NULL;
  if (m->count == 0 || !m->list[0].class_token)
    return csa_fail(CSA_USAGE, "maps: rollout: the model has no class token");
  const size_t tokens = (size_t)m->list[0].layer->core.tokens;
  CSA_TRY(csa_new(&room, 2 * tokens, sizeof *room));
  double *before = room, *row = room + tokens;
  memset(weights, 0, tokens * sizeof *weights);
  weights[0] = 1.0;
  for (size_t i = m->count; i-- > 0;) {
    memcpy(before, weights, tokens * sizeof *before);
    roll_back(&m->list[i], image, before, row, weights);
  }
  free(room);
  return CSA_OK;
}
