/* The self-test: every kernel and every matrix product that a model asks for, on one device, against src/reference.
 *
 * What is tested comes from the models' own recorded plans: a case for each kind of layer in them, each product at its
 * size, and what stands around the layers. A launch of those plans that no case made is itself reported. */
#ifndef CSA_SELFTEST_SELFTEST_H
#define CSA_SELFTEST_SELFTEST_H

#include "data/augment.h"
#include "model/optimizer.h"
#include "selftest/ledger.h"

/* Both models, the vit with both kinds of patches, in training, at batches of `batch`; every optimizer; and odd sizes.
 * `sentence`, CSA_SENTENCE bytes: as csa_ledger_close gives it. */
csa_status csa_selftest(csa_verification *verification, char *sentence, csa_device *device, csa_choices choices,
                        int batch);

/* The quick form, for one recorded graph, its optimizer and augmentation: what the graph asks for, and nothing else. It
 * runs once: that it held is kept in the cache, by device, driver, version of clsattn, the kernels' sources and
 * options, and the sizes of products, so that the same again is not tested again. Where nothing can be kept it runs
 * each time. A number that is wrong is CSA_FAILED and names the kernel; that it ran is logged. */
csa_status csa_selftest_once(const csa_graph *graph, const csa_optimizer_config *optimizer, const csa_augment *augment);

/* Sets who hears how far a self-test has come, by default nobody: before each case, what it is, after `done` of
 * `count`; `what` is NULL at the end. */
typedef void (*csa_selftest_observer)(const char *device, const char *what, size_t done, size_t count);
void csa_selftest_watch(csa_selftest_observer observer);

#endif
