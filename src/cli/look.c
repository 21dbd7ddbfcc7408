#include "cli/look.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACROSS = 6 }; /* pictures side by side, where a layer has one */

/* The figures of one query's weights. */
typedef struct {
  double entropy, largest;
} figures;

static figures measure(const double *weights, int keys) {
  figures f = {0};
  for (int t = 0; t < keys; t++) {
    if (weights[t] > 0.0) f.entropy -= weights[t] * log2(weights[t]);
    f.largest = fmax(f.largest, weights[t]);
  }
  return f;
}

/* The pixel with the most heat, the first of equals. */
static int peak_of(const csa_maps *m, const double *heat) {
  int peak = 0;
  for (int i = 1; i < m->height * m->width; i++)
    if (heat[i] > heat[peak]) peak = i;
  return peak;
}

/* Spreads the weights over a new panel, and says under it how much the most is. */
static csa_status add_panel(const csa_look *k, csa_sheet *sheet, const csa_map *map, const double *weights, int row,
                            int column, csa_panel **panel) {
  CSA_TRY(csa_sheet_add(sheet, row, column, true, panel));
  csa_panel *p = *panel;
  csa_map_spread(k->maps, map, weights, p->heat);
  const double most = p->heat[peak_of(k->maps, p->heat)];
  if (map->class_token)
    snprintf(p->note, sizeof p->note, "max %.3f, class token %.3f", most, weights[0]);
  else
    snprintf(p->note, sizeof p->note, "max %.4f = %.1f x even", most, most * map->layer->core.tokens);
  return CSA_OK;
}

static json_t *figures_json(const csa_look *k, const csa_map *map, const double *weights, const csa_panel *panel) {
  const figures f = measure(weights, map->layer->core.tokens);
  const int peak = peak_of(k->maps, panel->heat);
  json_t *json = json_pack("{s:f, s:f, s:[i, i]}", "entropy", f.entropy, "max", f.largest, "peak",
                           peak % k->maps->width, peak / k->maps->width);
  if (map->class_token) json_object_set_new(json, "class_token", json_real(weights[0]));
  return json;
}

static void title_head(csa_panel *panel, const csa_look *k, const csa_map *map, int head) {
  const int block = (int)(map - k->maps->list) + 1;
  if (!map->class_token)
    snprintf(panel->title, sizeof panel->title, "%.40s", map->layer->name);
  else if (head < map->layer->core.heads)
    snprintf(panel->title, sizeof panel->title, "block %d, head %d", block, head + 1);
  else
    snprintf(panel->title, sizeof panel->title, "block %d, all heads", block);
}

/* The heads of one layer side by side, and, of several, their mean; from (row, column) of the sheet on. `weights` and
 * `mean` have room for a query's. */
static csa_status draw_layer(const csa_look *k, csa_sheet *sheet, const csa_map *map, int row, int column,
                             double *weights, double *mean, json_t *heads) {
  const csa_attention_core *c = &map->layer->core;
  const int query = csa_map_query(map, k->x, k->y);
  csa_panel *panel;
  memset(mean, 0, (size_t)c->tokens * sizeof *mean);
  for (int h = 0; h < c->heads; h++) {
    csa_map_weights(map, 0, h, query, weights);
    for (int t = 0; t < c->tokens; t++) mean[t] += weights[t] / c->heads;
    CSA_TRY(add_panel(k, sheet, map, weights, row, column + h, &panel));
    title_head(panel, k, map, h);
    json_t *json = figures_json(k, map, weights, panel);
    json_object_set_new(json, "head", json_integer(h + 1));
    json_array_append_new(heads, json);
  }
  if (c->heads == 1) return CSA_OK;
  CSA_TRY(add_panel(k, sheet, map, mean, row, column + c->heads, &panel));
  title_head(panel, k, map, c->heads);
  return CSA_OK;
}

static csa_status draw_rollout(const csa_look *k, csa_sheet *sheet, double *weights, json_t *json) {
  const csa_map *map = &k->maps->list[0];
  csa_panel *panel;
  CSA_TRY(csa_maps_rollout(k->maps, 0, weights));
  CSA_TRY(add_panel(k, sheet, map, weights, 0, 1, &panel));
  snprintf(panel->title, sizeof panel->title, "rollout of all blocks");
  json_object_set_new(json, "rollout", figures_json(k, map, weights, panel));
  return CSA_OK;
}

static csa_status draw_layers(const csa_look *k, csa_sheet *sheet, double *weights, double *mean, json_t *json) {
  json_t *layers = json_array();
  int shown = 0;
  json_object_set_new(json, "layers", layers); /* the object's from here on */
  for (size_t i = 0; i < k->maps->count; i++) {
    const csa_map *map = &k->maps->list[i];
    if (k->only != NULL && map != k->only) continue;
    json_t *heads = json_array();
    json_array_append_new(layers, json_pack("{s:s, s:i, s:o}", "name", map->layer->name, "keys",
                                            map->layer->core.tokens, "heads", heads));
    shown++; /* the image comes first */
    CSA_TRY(draw_layer(k, sheet, map, map->class_token ? shown : shown / ACROSS, map->class_token ? 0 : shown % ACROSS,
                       weights, mean, heads));
  }
  return CSA_OK;
}

csa_status csa_look_draw(const csa_look *k, csa_sheet *sheet, json_t *json) {
  const csa_map *first = &k->maps->list[0];
  int keys = 0;
  double *room = NULL;
  csa_panel *panel;
  csa_status status;
  for (size_t i = 0; i < k->maps->count; i++)
    if (k->maps->list[i].layer->core.tokens > keys) keys = k->maps->list[i].layer->core.tokens;
  snprintf(sheet->legend, sizeof sheet->legend, "%s",
           first->class_token ? "the max under each picture, which leaves out what the class token gives itself"
                              : "the max under each picture; even: as if all squares got the same");
  CSA_GO(csa_sheet_add(sheet, 0, 0, false, &panel));
  snprintf(panel->title, sizeof panel->title, "image");
  CSA_GO(csa_new(&room, 2 * (size_t)keys, sizeof *room));
  CSA_GO(draw_layers(k, sheet, room, room + keys, json));
  if (first->class_token && k->only == NULL) status = draw_rollout(k, sheet, room, json);
done:
  free(room);
  return status;
}
