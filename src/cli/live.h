/* The live line: how a run or a self-test stands, redrawn in place at the foot of a terminal. Where stderr is no
 * terminal, or one that cannot go back in a line (TERM=dumb), nothing here does anything. There is one for the program.
 */
#ifndef CSA_CLI_LIVE_H
#define CSA_CLI_LIVE_H

#include "train/trainer.h"

/* From now on the line is of this run; `name` stands before all, and may be empty. Both must outlive it. */
void csa_live_begin(const char *name, const csa_trainer *trainer);

/* Observers of the run: `user` is not looked at. */
void csa_live_step(void *user, const csa_progress *progress, double images_per_s);
void csa_live_test(void *user);

/* A csa_selftest_observer. */
void csa_live_selftest(const char *device, const char *what, size_t done, size_t count);

/* Says what is being done where there are no figures yet. */
void csa_live_say(const char *what);

/* An interval ended with this loss, which stands until the next batches' is known. */
void csa_live_loss(double loss);

/* Takes the line away: before anything else is printed, and at the end. */
void csa_live_clear(void);

#endif
