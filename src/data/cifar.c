/* CIFAR's binary layouts. A record is the label and 3,072 pixel bytes: the red, green and blue plane of 32 x 32.
 * CIFAR-10: data_batch_N.bin (any N) and test_batch.bin; batches.meta.txt, where there is one, names the classes, a
 * line each. CIFAR-100: train.bin and test.bin, with the coarse label, which is passed over, before the fine one;
 * fine_label_names.txt. In a folder, or in an archive as they are published. */
#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/text.h"
#include "data/formats.h"
#include "data/source.h"

#define PIXELS 3072
#define NAMES_MAX 65536 /* bytes */

typedef struct {
  const char *format;
  int labels;               /* label bytes of a record; the last counts */
  int classes;              /* where nothing names them */
  const char *train, *test; /* of the parts to train on, the first */
  const char *names;
} layout;

static const layout cifar10 = {"CIFAR-10 binary", 1, 10, "data_batch_1.bin", "test_batch.bin", "batches.meta.txt"};
static const layout cifar100 = {"CIFAR-100 binary", 2, 100, "train.bin", "test.bin", "fine_label_names.txt"};

/* N of "data_batch_N.bin", or less than 0; "data_batch_01.bin" is another file. */
static int batch_number(const char *name) {
  int number;
  char same[32];
  if (sscanf(name, "data_batch_%9d.bin", &number) != 1) return -1;
  snprintf(same, sizeof same, "data_batch_%d.bin", number);
  return strcmp(name, same) == 0 ? number : -1;
}

static bool is_images(const layout *l, const char *name, bool test) {
  if (test) return strcmp(name, l->test) == 0;
  return l == &cifar10 ? batch_number(name) >= 0 : strcmp(name, l->train) == 0;
}

static bool is_part_of(const layout *l, const char *name) {
  return is_images(l, name, false) || is_images(l, name, true) || strcmp(name, l->names) == 0;
}

static bool is_part(const char *name) { return is_part_of(&cifar10, name) || is_part_of(&cifar100, name); }

static bool has_images(const layout *l, const char *folder) {
  DIR *open = opendir(folder);
  bool found = false;
  if (open == NULL) return false;
  for (const struct dirent *entry; !found && (entry = readdir(open)) != NULL;)
    found = is_images(l, entry->d_name, false) || is_images(l, entry->d_name, true);
  closedir(open);
  return found;
}

static bool is_cifar10(const char *folder) { return has_images(&cifar10, folder); }
static bool is_cifar100(const char *folder) { return has_images(&cifar100, folder); }

static int by_number(const void *a, const void *b) {
  const int x = batch_number(((const csa_member *)a)->name), y = batch_number(((const csa_member *)b)->name);
  return x < y ? -1 : x > y;
}

static const csa_member *find_images(const csa_source *source, const layout *l, bool test) {
  for (size_t i = 0; i < source->count; i++)
    if (is_images(l, source->members[i].name, test)) return &source->members[i];
  return NULL;
}

static csa_status missing(const char *path, const char *name, const char *what_for) {
  return csa_fail(CSA_INPUT,
                  "data: %s: has no %s to %s on\n"
                  "  what can be read is CIFAR's binary version (cifar-10-binary.tar.gz or cifar-100-binary.tar.gz), "
                  "not Python's or Matlab's",
                  path, name, what_for);
}

/* All parts, batch 2 before batch 10, and the layout: CIFAR-100's where nothing is of CIFAR-10. */
static csa_status open_parts(csa_source *source, const char *path, const layout **found) {
  const layout *l = &cifar10;
  CSA_TRY(csa_source_open(source, path, is_part));
  if (source->count > 0) qsort(source->members, source->count, sizeof *source->members, by_number);
  if (find_images(source, l, false) == NULL && find_images(source, l, true) == NULL &&
      (find_images(source, &cifar100, false) != NULL || find_images(source, &cifar100, true) != NULL))
    l = &cifar100;
  *found = l;
  if (find_images(source, l, false) == NULL) return missing(path, l->train, "train");
  return find_images(source, l, true) != NULL ? CSA_OK : missing(path, l->test, "test");
}

static csa_status count_records(const layout *l, const csa_member *m, int64_t *records) {
  const int64_t record = l->labels + PIXELS;
  if (m->size % record != 0)
    return csa_fail(CSA_INPUT,
                    "data: %s: %lld bytes are not whole records of %lld: the last begins at byte %lld\n"
                    "  the file was cut off, or is not in %s layout",
                    m->label, (long long)m->size, (long long)record, (long long)(m->size / record * record), l->format);
  *records += m->size / record;
  return CSA_OK;
}

/* Appends records of one member until the split has `wanted`. */
static csa_status read_records(csa_split *split, int64_t wanted, const layout *l, const csa_member *m, int classes) {
  uint8_t record[2 + PIXELS];
  const size_t size = (size_t)l->labels + PIXELS;
  FILE *stream;
  csa_status status = CSA_OK;
  if (m->size == 0 || split->count == wanted) return CSA_OK;
  CSA_TRY(csa_member_open(m, &stream));
  for (int64_t at = 0; at < m->size && split->count < wanted && status == CSA_OK; at += (int64_t)size) {
    const uint8_t *label = record + l->labels - 1;
    if (fread(record, size, 1, stream) != 1)
      status = csa_fail(CSA_INPUT, "data: %s: byte %lld: cannot be read", m->label, (long long)at);
    else if (*label >= classes)
      status = csa_fail(CSA_INPUT, "data: %s: byte %lld: label %d, but there are %d classes, from 0", m->label,
                        (long long)at + l->labels - 1, *label, classes);
    if (status != CSA_OK) break;
    split->labels[split->count] = *label;
    memcpy(split->images + split->count++ * PIXELS, label + 1, PIXELS);
  }
  fclose(stream);
  return status;
}

static csa_status read_split(csa_split *split, const csa_source *s, const layout *l, bool test, int64_t limit,
                             int classes) {
  const csa_member *first = find_images(s, l, test);
  int64_t total = 0;
  assert(first != NULL); /* open_parts has seen it */
  for (size_t i = 0; i < s->count; i++)
    if (is_images(l, s->members[i].name, test)) CSA_TRY(count_records(l, &s->members[i], &total));
  if (limit > 0 && limit < total) total = limit;
  if (total == 0) return csa_fail(CSA_INPUT, "data: %s: has no images", first->label);
  CSA_TRY(csa_split_allocate(split, total, PIXELS));
  for (size_t i = 0; i < s->count; i++)
    if (is_images(l, s->members[i].name, test)) CSA_TRY(read_records(split, total, l, &s->members[i], classes));
  return CSA_OK;
}

/* The whole of a small member, with a NUL byte after it. */
static csa_status read_text(const csa_member *m, uint8_t **text) {
  FILE *stream;
  if (m->size > NAMES_MAX)
    return csa_fail(CSA_INPUT, "data: %s: %lld bytes, more than the %d that make sense", m->label, (long long)m->size,
                    NAMES_MAX);
  CSA_TRY(csa_new(text, (size_t)m->size + 1, 1));
  if (m->size == 0) return CSA_OK;
  CSA_TRY(csa_member_open(m, &stream));
  const size_t got = fread(*text, 1, (size_t)m->size, stream);
  fclose(stream);
  return got == (size_t)m->size ? CSA_OK : csa_fail(CSA_INPUT, "data: %s: cannot be read", m->label);
}

/* Names end up in weight files and JSON, which take UTF-8 alone: that is to be said now, not after the training. */
static csa_status not_text(const csa_member *m) {
  return csa_fail(CSA_INPUT, "data: %s: is not text in UTF-8, a line for each class", m->label);
}

static csa_status read_names(csa_dataset *d, const csa_source *source, const layout *l) {
  const csa_member *m = csa_source_find(source, l->names);
  char *rest = NULL;
  uint8_t *text = NULL;
  size_t capacity = 0, count = 0;
  csa_status status;
  if (m == NULL) return csa_dataset_number_classes(d, l->classes);
  CSA_GO(read_text(m, &text));
  if (memchr(text, '\0', (size_t)m->size) != NULL) CSA_GO(not_text(m));
  for (char *line = strtok_r((char *)text, "\r\n", &rest); line != NULL; line = strtok_r(NULL, "\r\n", &rest)) {
    if (!csa_text_is_plain(line, strlen(line))) CSA_GO(not_text(m));
    CSA_GO(csa_grow(&d->class_names, count, &capacity, sizeof *d->class_names));
    CSA_GO(csa_copy_text(&d->class_names[count], line));
    d->classes = (int)++count;
  }
  if (count == 0 || count > 256)
    status = csa_fail(CSA_INPUT, "data: %s: names %zu classes; 1 to 256 make sense", m->label, count);
done:
  free(text);
  return status;
}

static csa_status open_cifar(csa_dataset *d, const char *path, csa_dataset_limits limits) {
  const layout *l;
  csa_source source;
  csa_status status;
  d->channels = 3;
  d->height = d->width = 32;
  CSA_GO(open_parts(&source, path, &l));
  CSA_GO(csa_copy_text(&d->format, l->format));
  CSA_GO(read_names(d, &source, l));
  CSA_GO(read_split(&d->train, &source, l, false, limits.train, d->classes));
  CSA_GO(read_split(&d->test, &source, l, true, limits.test, d->classes));
done:
  csa_source_close(&source);
  return status;
}

csa_status csa_dataset_unpack(const char *archive, const char *folder) {
  const layout *l;
  csa_source source;
  csa_status status;
  CSA_GO(open_parts(&source, archive, &l));
  for (size_t i = 0; i < source.count; i++) {
    const csa_member *m = &source.members[i];
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, m->name);
    CSA_GO(csa_file_replace(path, m->size > 0 ? m->bytes : (const uint8_t *)"", (size_t)m->size));
  }
done:
  csa_source_close(&source);
  return status;
}

const csa_format csa_format_cifar10 = {"CIFAR-10 binary", "data_batch_1.bin … and test_batch.bin", is_cifar10,
                                       open_cifar};
const csa_format csa_format_cifar100 = {"CIFAR-100 binary", "train.bin and test.bin; the fine labels", is_cifar100,
                                        open_cifar};
