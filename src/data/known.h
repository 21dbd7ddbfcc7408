/* The data sets that have a name. */
#ifndef CSA_DATA_KNOWN_H
#define CSA_DATA_KNOWN_H

#include <limits.h>
#include <stdbool.h>

typedef struct {
  const char *name; /* what --data takes */
  const char *what; /* a few words */
  const char *how;  /* how to get it */
  bool fetched;     /* `clsattn data fetch` gets it */
} csa_known_dataset;

/* All of them; NULL behind the last. */
const csa_known_dataset *csa_known_at(int index);

/* NULL if there is none of that name. */
const csa_known_dataset *csa_known_find(const char *name);

/* Which of them `name` may have been meant as: "; did you mean cifar10?", or nothing; valid until the next call. */
const char *csa_known_meant(const char *name);

/* Where the data set `name` is or would be; a name that is not known is a path already. */
void csa_known_path(const char *name, char path[PATH_MAX]);

/* Where data sets are kept that were fetched: $XDG_DATA_HOME/clsattn, by default ~/.local/share/clsattn. */
void csa_known_home(char path[PATH_MAX]);

/* What a failure to get CIFAR says last. */
#define CSA_OTHER_DATA                                                                                            \
  "  or give --data (for cifar10 also CLSATTN_DATA) the folder or archive of its binary version that you have;\n" \
  "  or train on Fashion-MNIST: apt-get install dataset-fashion-mnist, then --data fashion-mnist"

#endif
