/* Where a step's numbers stopped being finite. */
#ifndef CSA_TRAIN_WRONG_H
#define CSA_TRAIN_WRONG_H

#include "train/trainer.h"

#define CSA_WRONG_TEXT 512

/* Repeats the forward and backward part of the step that progress stands before, in a graph of its own that keeps every
 * tensor, and says which was the first, in the order in which they are computed: "conv2 (conv2d): element [3, 0, 7, 12]
 * of its output is inf"; or why that could not be found out. */
csa_status csa_wrong_find(const csa_trainer *trainer, char text[CSA_WRONG_TEXT]);

#endif
