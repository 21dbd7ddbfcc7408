/* A trained model: from its weight file to what it takes images for. */
#ifndef CSA_TRAIN_TRAINED_H
#define CSA_TRAIN_TRAINED_H

#include "model/feed.h"
#include "model/weights.h"

typedef struct {
  csa_safetensors *file;
  csa_architecture architecture;
  char **class_names; /* [architecture.classes]; of a file that does not name them, "0", "1", ... */
  csa_graph *graph;   /* NULL until built */
  csa_dataset format; /* the rest is csa_trained_classify's: what its feed is given, */
  csa_split split;    /* a batch of the caller's, */
  int32_t *no_labels; /* [batch] zeros, */
  csa_feed *feed;     /* made at its first call */
} csa_trained;

/* Opens a weight file. Of a run's folder and of its checkpoint the sentence says which file was meant. */
csa_status csa_trained_file(csa_safetensors **file, const char *path);

/* Reads which model the file holds; `model` and `patches` as csa_weights_architecture says. Released by
 * csa_trained_close, even after a failure. */
csa_status csa_trained_open(csa_trained *trained, const char *path, const char *model, const char *patches);
void csa_trained_close(csa_trained *trained);

/* CSA_INPUT unless it can be asked about the images of `dataset`: of its size, of no more classes than it has, and of
 * the same names, where both have some. */
csa_status csa_trained_fits(const csa_trained *trained, const csa_dataset *dataset);

/* Makes its graph, ready to run, with the file's parameters. Sizes that cannot be and tensors that do not fit are
 * CSA_INPUT. */
csa_status csa_trained_build(csa_trained *trained, csa_device *device, csa_graph_config config);

/* The probability of each class for each of `count` images, at most a batch, in images [count, channels, image, image]:
 * probabilities [count, classes]. CSA_FAILED if one is not a number. Of a graph with keep_all, csa_maps_read then tells
 * where it looked. */
csa_status csa_trained_classify(csa_trained *trained, const uint8_t *images, int count, double *probabilities);

#endif
