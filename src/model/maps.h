/* What the attention of a model looked at, for the batch that went forward last. Kernels never store the weights, which
 * would be [images, heads, queries, keys]; so a graph with keep_all, or one that backward will go through, keeps
 * queries and keys, and the weights of one query at a time are computed from them on the host, in double precision.
 *
 * The keys of the CNN are squares of pixels (the pooled map); those of the ViT are its class token and the patches. A
 * query is a pixel of the layer's own map, or a token. */
#ifndef CSA_MODEL_MAPS_H
#define CSA_MODEL_MAPS_H

#include "model/graph.h"

/* One layer with attention. */
typedef struct {
  const csa_layer *layer; /* of the graph: layer->name, and sizes: layer->core.heads, .queries, .tokens (the keys) */
  bool class_token;       /* token 0, as a query and as a key, is the class token and lies nowhere on the image */
  int side;               /* of a query in pixels of the image; 0: queries are tokens */
  int *place;             /* [channels, height, width]: the key that this value of the image belongs to, or -1 */
  float *queries, *keys;  /* as layer->core says; values follow the keys */
} csa_map;

typedef struct {
  csa_map *list; /* in the order in which the layers run */
  size_t count;
  int channels, height, width; /* of the images */
} csa_maps;

/* Downloads queries and keys of every layer with attention, of all images of the batch. The graph has keep_all or
 * is for training, lives longer than `maps` and has just run forward. Released by csa_maps_fini, even after a failure.
 */
csa_status csa_maps_read(csa_maps *maps, const csa_graph *graph);
void csa_maps_fini(csa_maps *maps);

/* The map of the layer `name`; NULL if there is none. */
const csa_map *csa_maps_find(const csa_maps *maps, const char *name);

/* weights[keys] of one query: from 0 up, their sum is 1. */
void csa_map_weights(const csa_map *map, int image, int head, int query, double *weights);

/* The query to be shown: the class token, or, of a layer without one, that of the pixel (x, y) of the image. */
int csa_map_query(const csa_map *map, int x, int y);

/* Spreads weights[keys] over the image: pixels[height, width] has at each pixel the weight of the key it belongs to,
 * and the mean over its channels where these belong to several (patches that are rows of the image's buffer). What lies
 * nowhere, the class token, is left out. */
void csa_map_spread(const csa_maps *maps, const csa_map *map, const double *weights, double *pixels);

/* Attention rollout (Abnar and Zuidema, 2020) of a model with a class token: how much of each token comes to the class
 * token through all layers together, where a layer passes on half its input and half what the mean of its heads looks
 * at. weights[keys of the first layer], their sum is 1. CSA_USAGE for a model without a class token, CSA_MEMORY. */
csa_status csa_maps_rollout(const csa_maps *maps, int image, double *weights);

#endif
