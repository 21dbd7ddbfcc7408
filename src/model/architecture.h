/* Which model, and of what sizes: what config.json, weight files and golden files say, and how a graph is made of it.
 */
#ifndef CSA_MODEL_ARCHITECTURE_H
#define CSA_MODEL_ARCHITECTURE_H

#include <jansson.h>

#include "model/graph.h"

#define CSA_STAGES_MAX 16

typedef struct {
  char model[8]; /* "vit" or "cnn" */
  bool grid;     /* vit: patches are squares of the image, not runs of its buffer */
  int image, channels, classes;
  double dropout;                          /* 0: none; cnn: before fc; vit: after positions and in all blocks */
  int patch, embed, heads, layers, hidden; /* vit */
  bool norm_relu, final_norm;              /* vit: ReLU after the norms before attention and MLP; a norm before fc */
  int widths[CSA_STAGES_MAX], stages, reduction; /* cnn: channels of each stage; attention's inner ones are fewer */
  unsigned pool, residual, attention;            /* cnn: sets of stages, bit 0 for the first one */
  bool batch_norm;                               /* cnn: after every convolution, which then has no bias */
} csa_architecture;

bool csa_architecture_is_vit(const csa_architecture *architecture);

/* The models there are: index 0, 1, ...; NULL after the last. */
const char *csa_architecture_known(int index);

/* The notebook's sizes for `model`; an unknown model is CSA_USAGE and lists those there are. */
csa_status csa_architecture_default(csa_architecture *architecture, const char *model);

/* "rows" or "grid" into `architecture`; anything else, or a model without patches, is CSA_USAGE. */
csa_status csa_architecture_patches(csa_architecture *architecture, const char *patches);

/* The same back; NULL for a model without patches. */
const char *csa_architecture_patches_text(const csa_architecture *architecture);

/* "vit (rows)" */
#define CSA_ARCHITECTURE_TITLE 64
void csa_architecture_title(const csa_architecture *architecture, char title[CSA_ARCHITECTURE_TITLE]);

/* Overrides sizes by those of a JSON object: {"image", "classes"} and, vit, {"patch", "embed", "heads", "layers",
 * "hidden", "dropout", "norm_relu", "final_norm"}, cnn, {"widths": [...], "k", "batch_norm", "pool", "residual",
 * "attention", "dropout"}. "pool", "residual" and "attention" are lists of stages, counted from 1; "batch_norm" and the
 * vit's norms are true or false, "dropout" is a share. An unknown key or an impossible value is CSA_INPUT. `where`
 * begins the sentence. */
csa_status csa_architecture_read_sizes(csa_architecture *architecture, const json_t *sizes, const char *where);

/* The sizes as such an object, a new reference; what the notebook's models lack is in it only where it is used. */
csa_status csa_architecture_sizes(const csa_architecture *architecture, json_t **sizes);

/* Adds the model's layers, from the input to the loss. */
csa_status csa_architecture_build(const csa_architecture *architecture, csa_graph *graph);

#endif
