/* CIFAR-10 and CIFAR-100 from the network: verified, and in its place as a whole or not at all. */
#ifndef CSA_CLI_FETCH_H
#define CSA_CLI_FETCH_H

#include <limits.h>
#include <stdbool.h>

#include "data/dataset.h"

typedef struct {
  char path[PATH_MAX]; /* where the data set is now */
  bool fetched;        /* false: it was there already */
} csa_fetched;

/* Fetches `name`, "cifar10" or "cifar100", into csa_known_home's folder, unless it is there, and says on stderr what it
 * does. `url` is that of another copy, NULL for $CLSATTN_CIFAR10_URL or $CLSATTN_CIFAR100_URL or else its publisher's.
 * The archive must have the published checksums, or those that the URL ends with ("#md5=HEX&sha256=HEX"); one that has
 * not is deleted, and CSA_INPUT. Of several at the same time one fetches, and the others wait. CSA_USAGE where it is
 * not built in. */
csa_status csa_fetch(const char *name, const char *url, csa_fetched *fetched);

/* csa_dataset_open for a command that works on data: fetches first what has a name and is not there, unless
 * $CLSATTN_DATA says where it is. */
csa_status csa_fetch_and_open(csa_dataset **dataset, const char *name, csa_dataset_limits limits);

#endif
