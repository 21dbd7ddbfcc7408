/* CIFAR-10's binary layout: data_batch_N.bin (any N) and test_batch.bin, records of one label byte and 3,072 pixel
 * bytes (the red, green and blue plane of 32 x 32); batches.meta.txt, where there is one, names the classes, a line
 * each. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "data/formats.h"

#define PIXELS 3072
#define RECORD (1 + PIXELS)
#define CLASSES 10
#define FILES_MAX 1000

/* N of "data_batch_N.bin", or less than 0; "data_batch_01.bin" is another file. */
static int batch_number(const char *name) {
  int number;
  char same[32];
  if (sscanf(name, "data_batch_%9d.bin", &number) != 1) return -1;
  snprintf(same, sizeof same, "data_batch_%d.bin", number);
  return strcmp(name, same) == 0 ? number : -1;
}

static bool recognises(const char *folder) {
  DIR *open = opendir(folder);
  bool found = false;
  if (open == NULL) return false;
  for (const struct dirent *entry; !found && (entry = readdir(open)) != NULL;)
    found = batch_number(entry->d_name) >= 0 || strcmp(entry->d_name, "test_batch.bin") == 0;
  closedir(open);
  return found;
}

static int by_number(const void *a, const void *b) {
  const int x = *(const int *)a, y = *(const int *)b;
  return x < y ? -1 : x > y;
}

/* The numbers of all training files, ascending: batch 2 before batch 10. */
static csa_status list_batches(const char *folder, int numbers[FILES_MAX], int *count) {
  DIR *open = opendir(folder);
  if (open == NULL) return csa_fail(CSA_INPUT, "data: %s: %s", folder, strerror(errno));
  *count = 0;
  for (const struct dirent *entry; *count <= FILES_MAX && (entry = readdir(open)) != NULL;) {
    const int number = batch_number(entry->d_name);
    if (number >= 0 && (*count)++ < FILES_MAX) numbers[*count - 1] = number;
  }
  closedir(open);
  if (*count > FILES_MAX) return csa_fail(CSA_INPUT, "data: %s: has more than %d training files", folder, FILES_MAX);
  qsort(numbers, (size_t)*count, sizeof *numbers, by_number);
  return *count > 0 ? CSA_OK : csa_fail(CSA_INPUT, "data: %s: has no data_batch_1.bin to train on", folder);
}

static csa_status count_records(const char *path, int64_t *records) {
  struct stat info;
  if (stat(path, &info) != 0) return csa_fail(CSA_INPUT, "data: %s: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return csa_fail(CSA_INPUT, "data: %s: not a regular file", path);
  if (info.st_size % RECORD != 0)
    return csa_fail(CSA_INPUT,
                    "data: %s: %lld bytes are not whole records of %d: the last begins at byte %lld\n"
                    "  the file was cut off, or is not in CIFAR-10's binary layout",
                    path, (long long)info.st_size, RECORD, (long long)(info.st_size / RECORD * RECORD));
  *records = info.st_size / RECORD;
  return CSA_OK;
}

/* Appends records of one file until the split has `wanted`. */
static csa_status read_records(csa_split *split, int64_t wanted, int64_t records, const char *path, int classes) {
  uint8_t record[RECORD];
  csa_status status = CSA_OK;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return csa_fail(CSA_INPUT, "data: %s: %s", path, strerror(errno));
  for (int64_t i = 0; i < records && split->count < wanted && status == CSA_OK; i++) {
    if (fread(record, RECORD, 1, file) != 1)
      status = csa_fail(CSA_INPUT, "data: %s: byte %lld: cannot be read", path, (long long)(i * RECORD));
    else if (record[0] >= classes)
      status = csa_fail(CSA_INPUT, "data: %s: byte %lld: label %d, but there are %d classes, from 0", path,
                        (long long)(i * RECORD), record[0], classes);
    if (status != CSA_OK) break;
    split->labels[split->count] = record[0];
    memcpy(split->images + split->count++ * PIXELS, record + 1, PIXELS);
  }
  fclose(file);
  return status;
}

static csa_status read_split(csa_split *split, char paths[][PATH_MAX], int files, int64_t limit, int classes) {
  int64_t records[FILES_MAX] = {0}, total = 0;
  for (int i = 0; i < files; i++) {
    CSA_TRY(count_records(paths[i], &records[i]));
    total += records[i];
  }
  if (limit > 0 && limit < total) total = limit;
  if (total == 0) return csa_fail(CSA_INPUT, "data: %s: has no images", paths[0]);
  CSA_TRY(csa_split_allocate(split, total, PIXELS));
  for (int i = 0; i < files; i++) CSA_TRY(read_records(split, total, records[i], paths[i], classes));
  return CSA_OK;
}

/* Names end up in weight files and JSON, which take UTF-8 alone: said now, not after the training. */
static bool is_text(const uint8_t *bytes, size_t size) {
  json_t *text = json_stringn((const char *)bytes, size);
  const bool valid = text != NULL && memchr(bytes, 0, size) == NULL;
  json_decref(text);
  return valid;
}

static csa_status read_names(csa_dataset *d, const char *folder) {
  char path[PATH_MAX], *rest = NULL;
  uint8_t *text = NULL;
  size_t size, capacity = 0, count = 0;
  snprintf(path, sizeof path, "%s/batches.meta.txt", folder);
  if (access(path, F_OK) != 0) return csa_dataset_number_classes(d, CLASSES);
  CSA_TRY(csa_file_read(path, 65536, &text, &size));
  csa_status status = CSA_OK;
  if (!is_text(text, size)) {
    free(text);
    return csa_fail(CSA_INPUT, "data: %s: is not text in UTF-8", path);
  }
  for (char *line = strtok_r((char *)text, "\r\n", &rest); line != NULL && status == CSA_OK;
       line = strtok_r(NULL, "\r\n", &rest)) {
    status = csa_grow(&d->class_names, count, &capacity, sizeof *d->class_names);
    if (status == CSA_OK) status = csa_copy_text(&d->class_names[count], line);
    if (status == CSA_OK) d->classes = (int)++count;
  }
  free(text);
  if (status == CSA_OK && (count == 0 || count > 256))
    return csa_fail(CSA_INPUT, "data: %s: names %zu classes; 1 to 256 make sense", path, count);
  return status;
}

static csa_status open_cifar(csa_dataset *d, const char *folder, csa_dataset_limits limits) {
  int numbers[FILES_MAX], files = 0;
  char(*paths)[PATH_MAX] = NULL;
  csa_status status;
  d->channels = 3;
  d->height = d->width = 32;
  CSA_GO(read_names(d, folder));
  CSA_GO(list_batches(folder, numbers, &files));
  CSA_GO(csa_new(&paths, (size_t)files, sizeof *paths));
  for (int i = 0; i < files; i++) snprintf(paths[i], sizeof *paths, "%s/data_batch_%d.bin", folder, numbers[i]);
  CSA_GO(read_split(&d->train, paths, files, limits.train, d->classes));
  snprintf(paths[0], sizeof *paths, "%s/test_batch.bin", folder);
  CSA_GO(read_split(&d->test, paths, 1, limits.test, d->classes));
done:
  free(paths);
  return status;
}

const csa_format csa_format_cifar = {"CIFAR-10 binary", "data_batch_1.bin … and test_batch.bin", recognises,
                                     open_cifar};
