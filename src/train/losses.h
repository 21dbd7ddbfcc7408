/* What the device tells of the steps it was given: their losses, and whether their numbers were finite. */
#ifndef CSA_TRAIN_LOSSES_H
#define CSA_TRAIN_LOSSES_H

#include "train/trainer.h"

/* Waits, and takes the losses that are still on the device into the sums of progress, batch by batch, in order. Where
 * one of those steps had numbers that are not finite, it is counted (config.on_nan skip), or progress goes back to
 * before it, trainer->rewound says so, and the call fails. */
csa_status csa_losses_fetch(csa_trainer *trainer);

#endif
