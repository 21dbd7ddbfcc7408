/* Where the attention of a model looks on a few test images. */
#include <stdlib.h>
#include <string.h>

#include "model/maps.h"
#include "report/html.h"
#include "report/picture.h"
#include "report/run_parts.h"

#define LOOKS 4

/* What all pictures of one image share. */
typedef struct {
  FILE *out;
  const csa_maps *maps;
  csa_picture picture;
  int image;                    /* of the batch */
  double *weights, *sum, *heat; /* [keys], [keys], [height, width] */
} look;

static void print_picture(const look *l, bool marked, const char *caption) {
  fprintf(l->out, "<figure><div class=\"pixels\">");
  csa_picture_print(l->out, &l->picture, caption);
  if (marked) {
    const int x = l->picture.width / 2, y = l->picture.height / 2;
    const double across = 100.0 / l->picture.width, down = 100.0 / l->picture.height;
    fprintf(l->out, "<i style=\"left:%.3f%%;top:%.3f%%;width:%.3f%%;height:%.3f%%\"></i>", across * x, down * y, across,
            down);
  }
  fprintf(l->out, "</div>");
  csa_html_element(l->out, "figcaption", "%s", caption);
  fprintf(l->out, "</figure>\n");
}

static void print_heat(look *l, const csa_map *map, const double *weights, const char *caption) {
  csa_map_spread(l->maps, map, weights, l->heat);
  l->picture.heat = l->heat;
  print_picture(l, !map->class_token, caption);
  l->picture.heat = NULL;
}

/* The mean of its heads. */
static void print_layer(look *l, const csa_map *map, int block) {
  const csa_attention_core *core = &map->layer->core;
  const int query = csa_map_query(map, l->maps->width / 2, l->maps->height / 2);
  char caption[64];
  memset(l->sum, 0, (size_t)core->tokens * sizeof *l->sum);
  for (int h = 0; h < core->heads; h++) {
    csa_map_weights(map, l->image, h, query, l->weights);
    for (int t = 0; t < core->tokens; t++) l->sum[t] += l->weights[t] / core->heads;
  }
  if (map->class_token)
    snprintf(caption, sizeof caption, "block %d", block);
  else
    snprintf(caption, sizeof caption, "%.60s", map->layer->name);
  print_heat(l, map, l->sum, caption);
}

static csa_status print_look(look *l, const char *caption) {
  const bool token = l->maps->list[0].class_token;
  fprintf(l->out, "<div class=\"card\">\n");
  csa_html_element(l->out, "h3", "%s", caption);
  fprintf(l->out, "<div class=\"look\">\n");
  print_picture(l, !token, "image");
  if (token) {
    CSA_TRY(csa_maps_rollout(l->maps, l->image, l->weights));
    print_heat(l, &l->maps->list[0], l->weights, "all blocks");
  }
  for (size_t i = 0; i < l->maps->count; i++) print_layer(l, &l->maps->list[i], (int)i + 1);
  fprintf(l->out, "</div>\n</div>\n");
  return CSA_OK;
}

static csa_status make_room(look *l) {
  int keys = 0;
  for (size_t i = 0; i < l->maps->count; i++)
    if (l->maps->list[i].layer->core.tokens > keys) keys = l->maps->list[i].layer->core.tokens;
  CSA_TRY(csa_new(&l->weights, (size_t)keys, sizeof *l->weights));
  CSA_TRY(csa_new(&l->sum, (size_t)keys, sizeof *l->sum));
  return csa_new(&l->heat, (size_t)l->maps->height * (size_t)l->maps->width, sizeof *l->heat);
}

/* Whether none of the images before it has its class. */
static bool is_new(const int32_t *labels, int image) {
  for (int i = 0; i < image; i++)
    if (labels[i] == labels[image]) return false;
  return true;
}

/* The first images that are of different classes. */
static csa_status print_looks(look *l, const csa_dataset *d, const csa_evaluation *e, int images) {
  const size_t size = (size_t)d->channels * (size_t)d->height * (size_t)d->width;
  char right[CSA_CLASS_NAME], chosen[CSA_CLASS_NAME], caption[400];
  int shown = 0;
  CSA_TRY(make_room(l));
  for (int i = 0; i < images && shown < LOOKS; i++) {
    if (!is_new(d->test.labels, i)) continue;
    shown++;
    l->image = i;
    l->picture.image = d->test.images + (size_t)i * size;
    csa_run_class(d, d->test.labels[i], right);
    csa_run_class(d, e->guesses[i].class, chosen);
    snprintf(caption, sizeof caption, "%s, taken for %s, %.1f\xC2\xA0%%", right, chosen,
             100.0 * (double)e->guesses[i].probability);
    CSA_TRY(print_look(l, caption));
  }
  return CSA_OK;
}

/* The first test images go forward; what backward would need stays on the device, and with it queries and keys. */
static csa_status look_at(csa_trainer *t, csa_maps *maps, int images) {
  csa_step_state state = {0};
  CSA_TRY(csa_feed_batch(t->replicas[0].test_feed, 0, images, &state));
  CSA_TRY(csa_schedule_forward(t->replicas[0].graph));
  return csa_maps_read(maps, t->replicas[0].graph);
}

csa_status csa_run_print_looks(FILE *out, csa_trainer *t, const csa_evaluation *e) {
  const csa_dataset *d = t->dataset;
  const int most = t->replicas[0].graph->config.batch; /* the run's is perhaps shared, or taken in parts */
  const int images = d->test.count < most ? (int)d->test.count : most;
  csa_maps maps = {0};
  look l = {.out = out, .maps = &maps, .picture = {NULL, d->channels, d->height, d->width, NULL}};
  csa_status status;
  CSA_GO(look_at(t, &maps, images));
  if (maps.count == 0) goto done;
  fprintf(out, "<section>\n<h2>Where the attention looks</h2>\n");
  csa_html_element(
      out, "p class=\"soft\"", "%s",
      maps.list[0].class_token
          ? "Where the class token looks, from dark (least) to bright (most): through all blocks together (rollout), "
            "then block by block, the mean of the heads."
          : "Where the framed pixel in the middle looks, layer by layer, from dark (least) to bright "
            "(most).");
  fprintf(out, "<div class=\"grid\" id=\"looks\">\n");
  CSA_GO(print_looks(&l, d, e, images));
  fprintf(out, "</div>\n<p class=\"soft\"><code>clsattn attend</code> draws it for any image, pixel and head.</p>\n");
  fprintf(out, "</section>\n");
done:
  free(l.weights);
  free(l.sum);
  free(l.heat);
  csa_maps_fini(&maps);
  return status;
}
