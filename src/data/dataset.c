#include "data/dataset.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "data/formats.h"
#include "data/known.h"

const csa_format *csa_format_at(int index) {
  static const csa_format *const formats[] = {&csa_format_cifar10, &csa_format_cifar100, &csa_format_idx,
                                              &csa_format_folders};
  return index < (int)(sizeof formats / sizeof formats[0]) ? formats[index] : NULL;
}

csa_status csa_split_allocate(csa_split *split, int64_t count, size_t image_bytes) {
  CSA_TRY(csa_new(&split->images, (size_t)count, image_bytes));
  return csa_new(&split->labels, (size_t)count, sizeof *split->labels);
}

csa_status csa_dataset_number_classes(csa_dataset *d, int classes) {
  CSA_TRY(csa_new(&d->class_names, (size_t)classes, sizeof *d->class_names));
  for (d->classes = 0; d->classes < classes; d->classes++) {
    char name[16];
    snprintf(name, sizeof name, "%d", d->classes);
    CSA_TRY(csa_copy_text(&d->class_names[d->classes], name));
  }
  return CSA_OK;
}

static bool is(const char *path, mode_t kind) {
  struct stat info;
  return stat(path, &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

static const csa_format *format_of(const char *folder) {
  for (int i = 0; csa_format_at(i) != NULL; i++)
    if (csa_format_at(i)->recognises(folder)) return csa_format_at(i);
  return NULL;
}

/* Looks in the folder, then in those below it; two data sets side by side are not guessed between. A file can only be
 * an archive of CIFAR. */
static csa_status find_format(const char *path, char folder[PATH_MAX], const csa_format **format) {
  snprintf(folder, PATH_MAX, "%s", path);
  *format = is(path, S_IFREG) ? &csa_format_cifar10 : format_of(folder);
  if (*format != NULL) return CSA_OK;
  DIR *open = opendir(path);
  if (open == NULL) return csa_fail(CSA_INPUT, "data: %s: no such folder", path);
  int found = 0;
  for (const struct dirent *entry; (entry = readdir(open)) != NULL;) {
    char below[PATH_MAX];
    if (entry->d_name[0] == '.' || snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= PATH_MAX) continue;
    const csa_format *here = format_of(below);
    if (here == NULL || found++ > 0) continue;
    *format = here;
    memcpy(folder, below, sizeof below);
  }
  closedir(open);
  if (found == 1) return CSA_OK;
  if (found > 1) return csa_fail(CSA_INPUT, "data: %s: has %d data sets in it; name one of them", path, found);
  if (csa_folders_bare(path))
    return csa_fail(CSA_INPUT,
                    "data: %s: the folders of its classes stand alone: put them under train/ and test/\n"
                    "  most images of each into %s/train/CLASS/, the others into %s/test/CLASS/",
                    path, path, path);
  char layouts[1024];
  for (int i = 0, used = 0; csa_format_at(i) != NULL; i++)
    used += snprintf(layouts + used, sizeof layouts - (size_t)used, "\n  %s: %s", csa_format_at(i)->name,
                     csa_format_at(i)->layout);
  return csa_fail(CSA_INPUT, "data: %s: no data set is in it that clsattn knows:%s", path, layouts);
}

/* A name becomes a path; anything else is one already. */
static csa_status resolve(const char *name, char path[PATH_MAX]) {
  const csa_known_dataset *known = csa_known_find(name);
  const char *chosen = getenv("CLSATTN_DATA");
  csa_known_path(name, path);
  if (is(path, S_IFDIR) || is(path, S_IFREG)) return CSA_OK;
  if (known == NULL && strcasecmp(name, "mnist") == 0)
    return csa_fail(CSA_INPUT,
                    "data: %s: MNIST has no name here, but a folder of its files is read: --data FOLDER, with\n  %s",
                    name, csa_format_idx.layout);
  if (known == NULL)
    return csa_fail(CSA_INPUT,
                    "data: %s: no such file or folder, nor a data set's name%s\n  clsattn data list has the names",
                    path, csa_known_meant(name));
  if (!known->fetched) return csa_fail(CSA_INPUT, "data: %s: %s is not there\n  %s", name, path, known->how);
  if (strcmp(name, "cifar10") == 0 && chosen != NULL && chosen[0] != '\0')
    return csa_fail(CSA_INPUT, "data: %s: no such file or folder; CLSATTN_DATA names it", path);
  return csa_fail(CSA_INPUT, "data: %s: %s is not there\n  %s\n" CSA_OTHER_DATA, name, path, known->how);
}

static void hash_split(XXH3_state_t *state, const csa_dataset *d, const csa_split *split) {
  const size_t image = (size_t)d->channels * (size_t)d->height * (size_t)d->width;
  const int64_t sizes[] = {split->count, d->channels, d->height, d->width, d->classes};
  XXH3_128bits_update(state, sizes, sizeof sizes);
  XXH3_128bits_update(state, split->images, (size_t)split->count * image);
  XXH3_128bits_update(state, split->labels, (size_t)split->count * sizeof *split->labels);
}

static csa_status hash(csa_dataset *d) {
  XXH128_canonical_t digest;
  XXH3_state_t *state = XXH3_createState();
  if (state == NULL) return csa_fail(CSA_MEMORY, "data: the host has no more memory");
  XXH3_128bits_reset(state);
  hash_split(state, d, &d->train);
  hash_split(state, d, &d->test);
  XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(state));
  XXH3_freeState(state);
  for (int i = 0; i < 16; i++) snprintf(d->hash + 2 * i, 3, "%02x", digest.digest[i]);
  return CSA_OK;
}

csa_status csa_dataset_open(csa_dataset **out, const char *name, csa_dataset_limits limits) {
  char path[PATH_MAX], folder[PATH_MAX];
  const csa_format *format;
  csa_dataset *d = NULL;
  csa_status status;
  *out = NULL;
  CSA_TRY(resolve(name, path));
  CSA_TRY(find_format(path, folder, &format));
  CSA_GO(csa_new(&d, 1, sizeof *d));
  CSA_GO(csa_copy_text(&d->path, folder));
  CSA_GO(format->open(d, folder, limits));
  CSA_GO(hash(d));
  *out = d;
  d = NULL;
done:
  csa_dataset_close(d);
  return status;
}

static void free_split(csa_split *split) {
  free(split->images);
  free(split->labels);
}

void csa_dataset_close(csa_dataset *d) {
  if (d == NULL) return;
  for (int c = 0; c < d->classes; c++) free(d->class_names[c]);
  free(d->class_names);
  free_split(&d->train);
  free_split(&d->test);
  free(d->path);
  free(d->format);
  free(d);
}
