/* A data set: images as bytes, labels, names of classes, all in host memory. Every format fills this one struct. */
#ifndef CSA_DATA_DATASET_H
#define CSA_DATA_DATASET_H

#include <stdint.h>

#include "core/status.h"

typedef struct {
  uint8_t *images; /* [count, channels, height, width], 0 .. 255 */
  int32_t *labels; /* [count], 0 .. classes-1 */
  int64_t count;
} csa_split;

typedef struct {
  char *path;   /* where it was read from */
  char *format; /* "CIFAR-10 binary", "IDX", … */
  int channels, height, width, classes;
  char **class_names; /* [classes] */
  csa_split train, test;
  int64_t other_files; /* that lay among the images, and are none */
  char hash[33];       /* XXH128 over sizes, images and labels of both splits as they stand, in hexadecimal */
} csa_dataset;

typedef struct {
  int64_t train, test; /* keep only the first so many records; 0: all. The rest is not read. */
  int image;           /* side that photographs are resized to; 0: 32. Other formats keep the size that they have. */
  /* Is told why an image file cannot be read, which is left out then; NULL: the first one ends it. */
  void (*damaged)(void *user, const char *path, const char *sentence);
  void *user;
} csa_dataset_limits;

/* Opens what `path` names: a folder in CIFAR's binary layout, with IDX files or with folders of images (or its parent),
 * a tar archive (plain or .gz) in CIFAR's, or a name of data/known.h. What is missing, truncated, misaligned or
 * otherwise wrong is CSA_INPUT with file, member and offset in the sentence. */
csa_status csa_dataset_open(csa_dataset **dataset, const char *path, csa_dataset_limits limits);

/* Writes the parts of CIFAR's layout in `archive` into `folder`, each flushed to the disk; as csa_dataset_open fails,
 * or with CSA_OUTPUT. What they contain is not looked at. */
csa_status csa_dataset_unpack(const char *archive, const char *folder);

/* Releases all of it; accepts NULL. */
void csa_dataset_close(csa_dataset *dataset);

#endif
