/* IDX files, as MNIST and Fashion-MNIST come in (LeCun, "The MNIST database"): big-endian headers, then bytes; plain or
 * .gz. Images are padded to 32 x 32 with the value 0, centred, and their grey is repeated in three channels. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "data/formats.h"

#define SIDE 32
#define PLANE (SIDE * SIDE)
#define IMAGE (3 * PLANE)
#define CLASSES_LEAST 10
#define COUNT_MAX 10000000 /* images; a header that claims more is not believed */

enum { MAGIC_LABELS = 0x0801, MAGIC_IMAGES = 0x0803 };

/* A pipe would wait for its writer. */
static bool is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* FOLDER/NAME or FOLDER/NAME.gz, whichever is there. */
static bool find(const char *folder, const char *name, char path[PATH_MAX]) {
  snprintf(path, PATH_MAX, "%s/%s", folder, name);
  if (is_file(path)) return true;
  snprintf(path, PATH_MAX, "%s/%s.gz", folder, name);
  return is_file(path);
}

static bool recognises(const char *folder) {
  char path[PATH_MAX];
  return find(folder, "train-images-idx3-ubyte", path);
}

/* An open file, with its name for messages; zlib reads plain files as they are. */
typedef struct {
  gzFile file;
  char path[PATH_MAX];
  int64_t count;
  int rows, cols; /* of images */
} idx_file;

static csa_status cut_off(const idx_file *f) {
  int code;
  const char *why = gzerror(f->file, &code);
  if (code == Z_OK || code == Z_BUF_ERROR) why = "the file ends too early";
  return csa_fail(CSA_INPUT, "data: %s: byte %lld: %s", f->path, (long long)gztell(f->file), why);
}

static csa_status read_bytes(const idx_file *f, void *to, unsigned size) {
  return gzread(f->file, to, size) == (int)size ? CSA_OK : cut_off(f);
}

static csa_status read_number(const idx_file *f, uint32_t *number) {
  uint8_t b[4];
  CSA_TRY(read_bytes(f, b, 4));
  *number = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  return CSA_OK;
}

static csa_status read_header(idx_file *f, uint32_t magic) {
  uint32_t found, count, rows = 1, cols = 1;
  CSA_TRY(read_number(f, &found));
  if (found != magic)
    return csa_fail(CSA_INPUT, "data: %s: byte 0: 0x%08x is not the mark of an IDX file of %s (0x%08x)", f->path, found,
                    magic == MAGIC_IMAGES ? "images" : "labels", magic);
  CSA_TRY(read_number(f, &count));
  if (magic == MAGIC_IMAGES) {
    CSA_TRY(read_number(f, &rows));
    CSA_TRY(read_number(f, &cols));
  }
  if (count < 1 || count > COUNT_MAX)
    return csa_fail(CSA_INPUT, "data: %s: byte 4: %u entries; 1 to %d make sense", f->path, count, COUNT_MAX);
  if (rows < 1 || rows > SIDE || cols < 1 || cols > SIDE)
    return csa_fail(CSA_INPUT, "data: %s: byte 8: images of %u x %u; up to %d x %d can be used", f->path, rows, cols,
                    SIDE, SIDE);
  f->count = count;
  f->rows = (int)rows;
  f->cols = (int)cols;
  return CSA_OK;
}

static csa_status open_file(idx_file *f, const char *folder, const char *name, uint32_t magic) {
  if (!find(folder, name, f->path))
    return csa_fail(CSA_INPUT, "data: %s/%s: neither it nor a .gz of it is there", folder, name);
  f->file = gzopen(f->path, "rb");
  if (f->file == NULL) return csa_fail(CSA_INPUT, "data: %s: %s", f->path, strerror(errno));
  return read_header(f, magic);
}

static csa_status check_end(const idx_file *f) {
  uint8_t byte;
  int code;
  const int got = gzread(f->file, &byte, 1);
  gzerror(f->file, &code);
  if (got == 0 && code == Z_OK) return CSA_OK;
  if (got <= 0) return cut_off(f); /* of a .gz, the checksum may be missing */
  return csa_fail(CSA_INPUT, "data: %s: byte %lld: more bytes than the header says", f->path,
                  (long long)gztell(f->file) - 1);
}

static void place(uint8_t *image, const uint8_t *grey, int rows, int cols) {
  const int top = (SIDE - rows) / 2, left = (SIDE - cols) / 2;
  for (int y = 0; y < rows; y++) memcpy(image + (top + y) * SIDE + left, grey + y * cols, (size_t)cols);
  memcpy(image + PLANE, image, PLANE);
  memcpy(image + 2 * PLANE, image, PLANE);
}

/* Room grows with the data that comes, not with what the header claims. */
static csa_status make_room(csa_split *split, int64_t *room, int64_t wanted) {
  if (split->count < *room) return CSA_OK;
  int64_t next = *room > 0 ? 2 * *room : 1024;
  if (next > wanted) next = wanted;
  uint8_t *images = realloc(split->images, (size_t)next * IMAGE);
  if (images != NULL) split->images = images;
  int32_t *labels = realloc(split->labels, (size_t)next * sizeof *labels);
  if (labels != NULL) split->labels = labels;
  if (images == NULL || labels == NULL)
    return csa_fail(CSA_MEMORY, "data: %lld images: the host has no more memory", (long long)next);
  memset(split->images + *room * IMAGE, 0, (size_t)(next - *room) * IMAGE);
  *room = next;
  return CSA_OK;
}

static csa_status read_entries(csa_split *split, const idx_file *images, const idx_file *labels, int64_t wanted) {
  uint8_t grey[PLANE], label;
  int64_t room = 0;
  while (split->count < wanted) {
    CSA_TRY(make_room(split, &room, wanted));
    CSA_TRY(read_bytes(images, grey, (unsigned)(images->rows * images->cols)));
    CSA_TRY(read_bytes(labels, &label, 1));
    place(split->images + split->count * IMAGE, grey, images->rows, images->cols);
    split->labels[split->count++] = label;
  }
  if (wanted < images->count) return CSA_OK;
  CSA_TRY(check_end(images));
  return check_end(labels);
}

static csa_status read_split(csa_split *split, const char *folder, const char *prefix, int64_t limit) {
  idx_file images = {0}, labels = {0};
  char name[64];
  csa_status status;
  snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
  CSA_GO(open_file(&images, folder, name, MAGIC_IMAGES));
  snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
  CSA_GO(open_file(&labels, folder, name, MAGIC_LABELS));
  if (labels.count != images.count) {
    status = csa_fail(CSA_INPUT, "data: %s: byte 4: %lld labels for %lld images", labels.path, (long long)labels.count,
                      (long long)images.count);
    goto done;
  }
  CSA_GO(read_entries(split, &images, &labels, limit > 0 && limit < images.count ? limit : images.count));
done:
  if (images.file != NULL) gzclose(images.file);
  if (labels.file != NULL) gzclose(labels.file);
  return status;
}

static int largest_label(const csa_split *split) {
  int32_t largest = 0;
  for (int64_t i = 0; i < split->count; i++)
    if (split->labels[i] > largest) largest = split->labels[i];
  return largest;
}

/* Xiao, Rasul and Vollgraf 2017 */
static const char *const fashion[] = {"t-shirt", "trouser", "pullover", "dress", "coat",
                                      "sandal",  "shirt",   "sneaker",  "bag",   "ankle boot"};

/* The names belong to a folder, not to all that lies below one called so. */
static bool is_fashion(const char *folder) {
  const char *last = folder;
  for (const char *at = folder; *at != '\0'; at++)
    if (at[0] == '/' && at[1] != '\0' && at[1] != '/') last = at + 1;
  return strstr(last, "fashion") != NULL;
}

static csa_status name_classes(csa_dataset *d, const char *folder) {
  const int test = largest_label(&d->test), train = largest_label(&d->train),
            classes = (test > train ? test : train) + 1;
  if (!is_fashion(folder) || classes > 10)
    return csa_dataset_number_classes(d, classes > CLASSES_LEAST ? classes : CLASSES_LEAST);
  CSA_TRY(csa_new(&d->class_names, 10, sizeof *d->class_names));
  for (d->classes = 0; d->classes < 10; d->classes++)
    CSA_TRY(csa_copy_text(&d->class_names[d->classes], fashion[d->classes]));
  return CSA_OK;
}

static csa_status open_idx(csa_dataset *d, const char *folder, csa_dataset_limits limits) {
  d->channels = 3;
  d->height = d->width = SIDE;
  CSA_TRY(csa_copy_text(&d->format, csa_format_idx.name));
  CSA_TRY(read_split(&d->train, folder, "train", limits.train));
  CSA_TRY(read_split(&d->test, folder, "t10k", limits.test));
  return name_classes(d, folder);
}

const csa_format csa_format_idx = {"IDX", "train-images-idx3-ubyte, train-labels-idx1-ubyte and t10k-…, plain or .gz",
                                   recognises, open_idx};
