/* The formats behind dataset.h: each says whether a folder is its own, and reads it; CIFAR's reads archives too. */
#ifndef CSA_DATA_FORMATS_H
#define CSA_DATA_FORMATS_H

#include <stdbool.h>

#include "data/dataset.h"

typedef struct {
  const char *name;   /* "CIFAR-10 binary" */
  const char *layout; /* what a folder of it holds, for people */
  bool (*recognises)(const char *folder);
  /* Fills format, splits, sizes, classes and names; what it allocated before a failure is released with the data set.
   * CIFAR's two are told apart here, so that an archive is read once. */
  csa_status (*open)(csa_dataset *dataset, const char *path, csa_dataset_limits limits);
} csa_format;

/* All of them; NULL behind the last. */
const csa_format *csa_format_at(int index);

extern const csa_format csa_format_cifar10, csa_format_cifar100, csa_format_idx, csa_format_folders;

/* Whether `folder` has two folders or more with images, which would be classes if they were under train and test. */
bool csa_folders_bare(const char *folder);

/* Room for `count` images and labels in a split that has none. */
csa_status csa_split_allocate(csa_split *split, int64_t count, size_t image_bytes);

/* Names "0", "1", … for classes that have none. */
csa_status csa_dataset_number_classes(csa_dataset *dataset, int classes);

#endif
