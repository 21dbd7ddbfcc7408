/* CIFAR-10's binary layout: data_batch_N.bin (any N) and test_batch.bin, records of one label byte and 3,072 pixel
 * bytes (the red, green and blue plane of 32 x 32); batches.meta.txt, where there is one, names the classes, a line
 * each. In a folder, or in an archive as it is published. */
#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "data/formats.h"
#include "data/source.h"

#define PIXELS 3072
#define RECORD (1 + PIXELS)
#define CLASSES 10
#define NAMES_MAX 65536 /* bytes */

#define TEST "test_batch.bin"
#define NAMES "batches.meta.txt"

/* N of "data_batch_N.bin", or less than 0; "data_batch_01.bin" is another file. */
static int batch_number(const char *name) {
  int number;
  char same[32];
  if (sscanf(name, "data_batch_%9d.bin", &number) != 1) return -1;
  snprintf(same, sizeof same, "data_batch_%d.bin", number);
  return strcmp(name, same) == 0 ? number : -1;
}

static bool is_part(const char *name) {
  return batch_number(name) >= 0 || strcmp(name, TEST) == 0 || strcmp(name, NAMES) == 0;
}

static bool recognises(const char *folder) {
  DIR *open = opendir(folder);
  bool found = false;
  if (open == NULL) return false;
  for (const struct dirent *entry; !found && (entry = readdir(open)) != NULL;)
    found = is_part(entry->d_name) && strcmp(entry->d_name, NAMES) != 0;
  closedir(open);
  return found;
}

static int by_number(const void *a, const void *b) {
  const int x = batch_number(((const csa_member *)a)->name), y = batch_number(((const csa_member *)b)->name);
  return x < y ? -1 : x > y;
}

static csa_status missing(const char *path, const char *name, const char *what_for) {
  return csa_fail(CSA_INPUT,
                  "data: %s: has no %s to %s on\n"
                  "  what can be read is CIFAR-10's binary version (cifar-10-binary.tar.gz), not Python's or Matlab's",
                  path, name, what_for);
}

/* All parts; those to train on in ascending order, batch 2 before batch 10, behind the two others. */
static csa_status open_parts(csa_source *source, const char *path) {
  CSA_TRY(csa_source_open(source, path, is_part));
  if (source->count > 0) qsort(source->members, source->count, sizeof *source->members, by_number);
  if (source->count == 0 || batch_number(source->members[source->count - 1].name) < 0)
    return missing(path, "data_batch_1.bin", "train");
  return csa_source_find(source, TEST) != NULL ? CSA_OK : missing(path, TEST, "test");
}

static csa_status count_records(const csa_member *m, int64_t *records) {
  if (m->size % RECORD != 0)
    return csa_fail(CSA_INPUT,
                    "data: %s: %lld bytes are not whole records of %d: the last begins at byte %lld\n"
                    "  the file was cut off, or is not in CIFAR-10's binary layout",
                    m->label, (long long)m->size, RECORD, (long long)(m->size / RECORD * RECORD));
  *records += m->size / RECORD;
  return CSA_OK;
}

/* Appends records of one member until the split has `wanted`. */
static csa_status read_records(csa_split *split, int64_t wanted, const csa_member *m, int classes) {
  uint8_t record[RECORD];
  FILE *stream;
  csa_status status = CSA_OK;
  if (m->size == 0 || split->count == wanted) return CSA_OK;
  CSA_TRY(csa_member_open(m, &stream));
  for (int64_t at = 0; at < m->size && split->count < wanted && status == CSA_OK; at += RECORD) {
    if (fread(record, RECORD, 1, stream) != 1)
      status = csa_fail(CSA_INPUT, "data: %s: byte %lld: cannot be read", m->label, (long long)at);
    else if (record[0] >= classes)
      status = csa_fail(CSA_INPUT, "data: %s: byte %lld: label %d, but there are %d classes, from 0", m->label,
                        (long long)at, record[0], classes);
    if (status != CSA_OK) break;
    split->labels[split->count] = record[0];
    memcpy(split->images + split->count++ * PIXELS, record + 1, PIXELS);
  }
  fclose(stream);
  return status;
}

static csa_status read_split(csa_split *split, const csa_member *members, size_t count, int64_t limit, int classes) {
  int64_t total = 0;
  for (size_t i = 0; i < count; i++) CSA_TRY(count_records(&members[i], &total));
  if (limit > 0 && limit < total) total = limit;
  if (total == 0) return csa_fail(CSA_INPUT, "data: %s: has no images", members[0].label);
  CSA_TRY(csa_split_allocate(split, total, PIXELS));
  for (size_t i = 0; i < count; i++) CSA_TRY(read_records(split, total, &members[i], classes));
  return CSA_OK;
}

/* Names end up in weight files and JSON, which take UTF-8 alone: said now, not after the training. */
static bool is_text(const uint8_t *bytes, size_t size) {
  json_t *text = json_stringn((const char *)bytes, size);
  const bool valid = text != NULL && memchr(bytes, 0, size) == NULL;
  json_decref(text);
  return valid;
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

static csa_status read_names(csa_dataset *d, const csa_source *source) {
  const csa_member *m = csa_source_find(source, NAMES);
  char *rest = NULL;
  uint8_t *text = NULL;
  size_t capacity = 0, count = 0;
  csa_status status;
  if (m == NULL) return csa_dataset_number_classes(d, CLASSES);
  CSA_GO(read_text(m, &text));
  if (!is_text(text, (size_t)m->size)) {
    status = csa_fail(CSA_INPUT, "data: %s: is not text in UTF-8", m->label);
    goto done;
  }
  for (char *line = strtok_r((char *)text, "\r\n", &rest); line != NULL; line = strtok_r(NULL, "\r\n", &rest)) {
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
  csa_source source;
  csa_status status;
  size_t others = 0;
  d->channels = 3;
  d->height = d->width = 32;
  CSA_GO(open_parts(&source, path));
  CSA_GO(read_names(d, &source));
  while (batch_number(source.members[others].name) < 0) others++;
  CSA_GO(read_split(&d->train, source.members + others, source.count - others, limits.train, d->classes));
  CSA_GO(read_split(&d->test, csa_source_find(&source, TEST), 1, limits.test, d->classes));
done:
  csa_source_close(&source);
  return status;
}

csa_status csa_dataset_unpack(const char *archive, const char *folder) {
  csa_source source;
  csa_status status;
  CSA_GO(open_parts(&source, archive));
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

const csa_format csa_format_cifar = {"CIFAR-10 binary", "data_batch_1.bin … and test_batch.bin", recognises,
                                     open_cifar};
