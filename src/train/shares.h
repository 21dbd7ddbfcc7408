/* Who takes how many images of a batch: by weights, in whole images, the same on every run. */
#ifndef CSA_TRAIN_SHARES_H
#define CSA_TRAIN_SHARES_H

#include "train/config.h"

typedef struct {
  int *images; /* [count] of a whole batch, each from 1 up */
  int count;   /* of those who share */
} csa_shares;

/* Shares `batch` images out; weights [count] are above 0. A batch of fewer images than `count` is CSA_USAGE. */
csa_status csa_shares_create(csa_shares *shares, const double *weights, int count, int batch);
void csa_shares_fini(csa_shares *shares);

/* What `index` takes of a batch that has perhaps fewer images: `images` from its image `first` on; never more than of a
 * whole one. */
void csa_shares_part(const csa_shares *shares, int batch, int index, int *first, int *images);

/* The most images that one of `parts` turns has, in which somebody takes so many: all turns but the last have these. */
int csa_shares_turn(int images, int parts);

/* Weights of devices [count]: what `text` says, "2,1"; where it is empty, the throughput in training this model that
 * `tune` stored for each, or, where one has none, compute units; *measured says which. */
csa_status csa_shares_weights(const char *text, csa_device *const *devices, int count, const char *model,
                              double *weights, bool *measured);

/* Weights of the devices of all ranks, on the heap; this rank's begin with `first`. */
typedef struct {
  double *weights;
  int count, first;
  bool by_units; /* compute units, and neither what was measured nor what was said */
} csa_weights_of_all;

/* Finds them from every rank's; measured ones count where all are. To say them to some ranks only is CSA_USAGE. */
csa_status csa_shares_gather(const char *text, csa_device *const *devices, int count, const char *model,
                             csa_weights_of_all *all);

/* "67,33" of the `count` shares from `first` on. */
const char *csa_shares_text(const csa_shares *shares, int first, int count, char text[CSA_SETTING_BYTES]);

#endif
