/* Folders of class folders, as torchvision's ImageFolder reads them: train/CLASS/FILE, and test/CLASS/FILE or, where
 * there is no test, val/CLASS/FILE; PNG and JPEG, resized to one side (data/image.h). Classes are the folders of train,
 * sorted by bytes. Hidden files are passed over; so is what neither is an image nor is called as one.
 *
 * The classes are mixed: image k of a class with n has the place (k + 1/2) / n, files in natural order, equal places by
 * class. So the first N of a data set (--limit-train) are of all classes, in about the proportions of the whole. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/text.h"
#include "data/formats.h"
#include "data/image.h"

#define SIDE 32 /* where nothing else is wanted */

typedef struct {
  char *path;
  int32_t label;
  int64_t place, of; /* which image of its class, of how many */
} entry;

typedef struct {
  entry *entries;
  size_t count, capacity;
  int64_t others;
} listing;

/* The names in a folder, from scandir(). */
typedef struct {
  struct dirent **entries;
  int count;
} names;

static bool kind_of(const char *path, mode_t *kind) {
  struct stat info;
  if (stat(path, &info) != 0) return false;
  *kind = info.st_mode & S_IFMT;
  return true;
}

static bool is_folder(const char *path) {
  mode_t kind = 0;
  return kind_of(path, &kind) && kind == S_IFDIR;
}

static csa_status join(char path[PATH_MAX], const char *folder, const char *name) {
  if (snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX) return CSA_OK;
  return csa_fail(CSA_INPUT, "data: %.200s…/%s: the path is too long", folder, name);
}

static int is_shown(const struct dirent *e) { return e->d_name[0] != '.'; }

static int by_bytes(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* Numbers count as numbers: 2.png before 10.png; what is the same but for zeros before a number goes by bytes. */
static int by_number(const struct dirent **first, const struct dirent **second) {
  const char *a = (*first)->d_name, *b = (*second)->d_name;
  while (*a != '\0' && *b != '\0') {
    if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
      a += strspn(a, "0");
      b += strspn(b, "0");
      const size_t long_a = strspn(a, "0123456789"), long_b = strspn(b, "0123456789");
      if (long_a != long_b) return long_a < long_b ? -1 : 1;
      const int order = strncmp(a, b, long_a);
      if (order != 0) return order;
      a += long_a;
      b += long_b;
    } else if (*a != *b) {
      return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
    } else {
      a++;
      b++;
    }
  }
  if (*a != *b) return *a == '\0' ? -1 : 1;
  return by_bytes(first, second);
}

static csa_status list_names(names *n, const char *folder,
                             int (*order)(const struct dirent **, const struct dirent **)) {
  n->count = scandir(folder, &n->entries, is_shown, order);
  if (n->count >= 0) return CSA_OK;
  *n = (names){0};
  return csa_fail(errno == ENOMEM ? CSA_MEMORY : CSA_INPUT, "data: %s: %s", folder, strerror(errno));
}

static void free_names(names *n) {
  for (int i = 0; i < n->count; i++) free(n->entries[i]);
  free(n->entries);
  *n = (names){0};
}

/* Keeps the folders among the names. */
static csa_status list_folders(names *n, const char *folder) {
  int kept = 0;
  CSA_TRY(list_names(n, folder, by_bytes));
  for (int i = 0; i < n->count; i++) {
    char path[PATH_MAX];
    if (join(path, folder, n->entries[i]->d_name) == CSA_OK && is_folder(path))
      n->entries[kept++] = n->entries[i];
    else
      free(n->entries[i]);
  }
  n->count = kept;
  return CSA_OK;
}

static bool recognises(const char *folder) {
  char path[PATH_MAX];
  names n = {0};
  if (join(path, folder, "train") != CSA_OK || !is_folder(path)) return false;
  const bool found = list_folders(&n, path) == CSA_OK && n.count > 0;
  free_names(&n);
  return found;
}

/* What other programs take for images; of these, too, one that cannot be read is not passed over. */
static bool is_called_image(const char *name) {
  static const char *const endings[] = {".png", ".jpg",  ".jpeg", ".gif", ".bmp",
                                        ".tif", ".tiff", ".webp", ".ppm", ".pgm"};
  const char *ending = strrchr(name, '.');
  for (size_t i = 0; ending != NULL && i < sizeof endings / sizeof endings[0]; i++)
    if (strcasecmp(ending, endings[i]) == 0) return true;
  return false;
}

static bool has_image(const char *folder) {
  names n = {0};
  bool found = false;
  if (list_names(&n, folder, by_bytes) != CSA_OK) return false;
  for (int i = 0; i < n.count && !found; i++) found = is_called_image(n.entries[i]->d_name);
  free_names(&n);
  return found;
}

bool csa_folders_bare(const char *folder) {
  char path[PATH_MAX];
  names n = {0};
  int classes = 0;
  if (list_folders(&n, folder) != CSA_OK) return false;
  for (int i = 0; i < n.count; i++) classes += join(path, folder, n.entries[i]->d_name) == CSA_OK && has_image(path);
  free_names(&n);
  return classes >= 2;
}

static csa_status add_file(listing *l, const char *folder, const char *name, int32_t label) {
  char path[PATH_MAX];
  mode_t kind = 0;
  CSA_TRY(join(path, folder, name));
  if (kind_of(path, &kind) && kind == S_IFDIR)
    return csa_fail(CSA_INPUT,
                    "data: %s: a folder, where only images belong\n  put them into the folder of their class", path);
  if (!is_called_image(name) && (kind != S_IFREG || !csa_image_is(path))) {
    l->others++;
    return CSA_OK;
  }
  CSA_TRY(csa_grow(&l->entries, l->count, &l->capacity, sizeof *l->entries));
  entry *e = &l->entries[l->count++];
  *e = (entry){.label = label};
  return csa_copy_text(&e->path, path);
}

static csa_status list_class(listing *l, const char *folder, int32_t label) {
  const size_t before = l->count;
  names n = {0};
  csa_status status;
  CSA_GO(list_names(&n, folder, by_number));
  for (int i = 0; i < n.count; i++) CSA_GO(add_file(l, folder, n.entries[i]->d_name, label));
  for (size_t i = before; i < l->count; i++) {
    l->entries[i].place = (int64_t)(i - before);
    l->entries[i].of = (int64_t)(l->count - before);
  }
done:
  free_names(&n);
  return status;
}

static int by_place(const void *first, const void *second) {
  const entry *a = first, *b = second;
  const int64_t x = (2 * a->place + 1) * b->of, y = (2 * b->place + 1) * a->of;
  if (x != y) return x < y ? -1 : 1;
  return a->label < b->label ? -1 : a->label > b->label;
}

static int class_of(const csa_dataset *d, const char *name) {
  for (int c = 0; c < d->classes; c++)
    if (strcmp(d->class_names[c], name) == 0) return c;
  return -1;
}

/* Every image of train or test, in order. */
static csa_status list_split(listing *l, const csa_dataset *d, const char *folder, bool train) {
  names classes = {0};
  csa_status status;
  CSA_GO(list_folders(&classes, folder));
  for (int i = 0; i < classes.count; i++) {
    char path[PATH_MAX];
    const size_t before = l->count;
    const int label = class_of(d, classes.entries[i]->d_name);
    CSA_GO(join(path, folder, classes.entries[i]->d_name));
    if (label < 0) {
      status = csa_fail(CSA_INPUT, "data: %s: no class is called so: train has no such folder", path);
      goto done;
    }
    CSA_GO(list_class(l, path, label));
    if (train && l->count == before) {
      status = csa_fail(CSA_INPUT, "data: %s: has no images; a class to be learned needs one at least", path);
      goto done;
    }
  }
  if (l->count > 0)
    qsort(l->entries, l->count, sizeof *l->entries, by_place);
  else
    status = csa_fail(CSA_INPUT, "data: %s: has no images in folders of classes", folder);
done:
  free_names(&classes);
  return status;
}

static csa_status read_file(csa_split *split, const entry *e, int side) {
  csa_image image;
  CSA_TRY(csa_image_read(&image, e->path));
  const csa_status status =
      csa_image_resize(&image, side, split->images + (size_t)split->count * 3 * (size_t)side * (size_t)side);
  csa_image_fini(&image);
  if (status == CSA_OK) split->labels[split->count++] = e->label;
  return status;
}

/* Where the first damaged file is the end: how to find the others. */
static csa_status with_advice(csa_status status, const char *folder) {
  char *sentence = NULL;
  if (status != CSA_INPUT || csa_copy_text(&sentence, csa_last_error()) != CSA_OK) return status;
  csa_fail(status, "%s\n  clsattn data info %s names every file that cannot be read", sentence, folder);
  free(sentence);
  return status;
}

static csa_status read_split(csa_dataset *d, csa_split *split, const char *folder, int64_t limit,
                             const csa_dataset_limits *limits) {
  const int side = d->height;
  listing l = {0};
  csa_status status;
  CSA_GO(list_split(&l, d, folder, split == &d->train));
  d->other_files += l.others;
  if (limit == 0 || (uint64_t)limit > l.count) limit = (int64_t)l.count;
  CSA_GO(csa_split_allocate(split, limit, 3 * (size_t)side * (size_t)side));
  for (int64_t i = 0; i < limit; i++) {
    status = read_file(split, &l.entries[i], side);
    if (status == CSA_INPUT && limits->damaged != NULL) {
      limits->damaged(limits->user, l.entries[i].path, csa_last_error());
      status = CSA_OK;
    }
    CSA_GO(with_advice(status, d->path));
  }
done:
  for (size_t i = 0; i < l.count; i++) free(l.entries[i].path);
  free(l.entries);
  return status;
}

static csa_status name_classes(csa_dataset *d, const char *train) {
  names n = {0};
  csa_status status;
  CSA_GO(list_folders(&n, train));
  if (n.count < 2) {
    status = csa_fail(CSA_INPUT, "data: %s: has %d folder in it; there must be one for each of two classes at least",
                      train, n.count);
    goto done;
  }
  CSA_GO(csa_new(&d->class_names, (size_t)n.count, sizeof *d->class_names));
  for (int i = 0; i < n.count; i++) {
    const char *name = n.entries[i]->d_name;
    if (!csa_text_is_plain(name, strlen(name))) { /* it ends up in weight files, on pages and terminals */
      status = csa_fail(CSA_INPUT, "data: %s/%s: the name of a class must be text in UTF-8", train, name);
      goto done;
    }
    CSA_GO(csa_copy_text(&d->class_names[i], name));
    d->classes = i + 1;
  }
done:
  free_names(&n);
  return status;
}

static csa_status open_folders(csa_dataset *d, const char *path, csa_dataset_limits limits) {
  char train[PATH_MAX], test[PATH_MAX];
  d->channels = 3;
  d->height = d->width = limits.image > 0 ? limits.image : SIDE;
  CSA_TRY(csa_copy_text(&d->format, csa_format_folders.name));
  CSA_TRY(join(train, path, "train"));
  CSA_TRY(join(test, path, "test"));
  if (!is_folder(test)) CSA_TRY(join(test, path, "val"));
  if (!is_folder(test))
    return csa_fail(CSA_INPUT,
                    "data: %s: has train, but neither test nor val to test on\n  move a part of the images "
                    "there: test/CLASS/FILE",
                    path);
  CSA_TRY(name_classes(d, train));
  CSA_TRY(read_split(d, &d->train, train, limits.train, &limits));
  return read_split(d, &d->test, test, limits.test, &limits);
}

const csa_format csa_format_folders = {"image folders", "train/CLASS/… and test/CLASS/… (or val/…), PNG and JPEG",
                                       recognises, open_folders};
