#include "model/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

#define FILE_LIMIT ((uint64_t)1 << 36)
#define HEADER_LIMIT 100000000u /* the format's own */

static const struct {
  const char *name;
  size_t size;
} dtypes[] = {
    [CSA_ST_F32] = {"F32", 4}, [CSA_ST_F64] = {"F64", 8}, [CSA_ST_I32] = {"I32", 4},  [CSA_ST_I64] = {"I64", 8},
    [CSA_ST_U8] = {"U8", 1},   [CSA_ST_F16] = {"F16", 2}, [CSA_ST_BF16] = {"BF16", 2}};
#define DTYPES (sizeof dtypes / sizeof dtypes[0])

struct csa_safetensors {
  char *path;
  uint8_t *bytes; /* the whole file */
  const uint8_t *data;
  size_t data_size;
  json_t *metadata; /* or NULL */
  csa_st_tensor *tensors;
  size_t count;
};

static csa_status bad(const csa_safetensors *f, const char *tensor, const char *why) {
  if (tensor == NULL) return csa_fail(CSA_INPUT, "weights: %s: %s", f->path, why);
  return csa_fail(CSA_INPUT, "weights: %s: tensor '%.200s': %s", f->path, tensor, why);
}

static csa_status no_safetensors(const csa_safetensors *f, const char *why) {
  return csa_fail(CSA_INPUT,
                  "weights: %s: not a safetensors file: %s\n  PyTorch's torch.save makes another kind; "
                  "safetensors.torch.save_file(model.state_dict(), PATH) makes this one",
                  f->path, why);
}

static csa_status read_dtype(const csa_safetensors *f, const json_t *entry, csa_st_tensor *t) {
  const char *text = json_string_value(json_object_get(entry, "dtype"));
  for (size_t i = 0; i < DTYPES && text != NULL; i++)
    if (strcmp(text, dtypes[i].name) == 0) {
      t->dtype = (csa_st_dtype)i;
      return CSA_OK;
    }
  return bad(f, t->name, "its dtype is none of F32, F64, I32, I64, U8, F16, BF16");
}

/* *bytes is the size that shape and dtype ask for. */
static csa_status read_shape(const csa_safetensors *f, const json_t *entry, csa_st_tensor *t, uint64_t *bytes) {
  const json_t *shape = json_object_get(entry, "shape");
  if (!json_is_array(shape) || json_array_size(shape) > CSA_RANK_MAX)
    return bad(f, t->name, "its shape is not a list of up to 5 sizes");
  *bytes = dtypes[t->dtype].size;
  t->shape.rank = (int)json_array_size(shape);
  for (int i = 0; i < t->shape.rank; i++) {
    const json_t *size = json_array_get(shape, (size_t)i);
    const json_int_t n = json_integer_value(size);
    if (!json_is_integer(size) || n < 0) return bad(f, t->name, "a size is not a number from 0 up");
    if (n > 0 && *bytes > (uint64_t)INT64_MAX / (uint64_t)n) return bad(f, t->name, "its sizes are too large");
    t->shape.dim[i] = n;
    *bytes *= (uint64_t)n;
  }
  return CSA_OK;
}

static csa_status read_tensor(const csa_safetensors *f, const char *name, const json_t *entry, csa_st_tensor *t) {
  uint64_t bytes = 0;
  CSA_TRY(csa_copy_text(&t->name, name));
  if (!json_is_object(entry) || json_object_size(entry) != 3)
    return bad(f, name, "its entry is not {dtype, shape, data_offsets}");
  CSA_TRY(read_dtype(f, entry, t));
  CSA_TRY(read_shape(f, entry, t, &bytes));
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *first = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(end))
    return bad(f, name, "its data_offsets are not two numbers");
  const json_int_t from = json_integer_value(first), to = json_integer_value(end);
  if (from < 0 || to < from || (uint64_t)to > f->data_size)
    return bad(f, name, "its data lies beyond the end of the file");
  if ((uint64_t)(to - from) != bytes) return bad(f, name, "its data has another size than its shape");
  t->data = f->data + from;
  t->size = (size_t)bytes;
  return CSA_OK;
}

static int by_place(const void *a, const void *b) {
  const csa_st_tensor *const x = *(const csa_st_tensor *const *)a, *const y = *(const csa_st_tensor *const *)b;
  if (x->data != y->data) return x->data < y->data ? -1 : 1;
  return x->size < y->size ? -1 : x->size > y->size;
}

/* The format's rule: tensors follow each other without overlap or hole, to the end of the file. */
static csa_status check_places(const csa_safetensors *f) {
  const csa_st_tensor **order = NULL;
  CSA_TRY(csa_new(&order, f->count, sizeof *order));
  for (size_t i = 0; i < f->count; i++) order[i] = &f->tensors[i];
  qsort(order, f->count, sizeof *order, by_place);
  const uint8_t *at = f->data;
  csa_status status = CSA_OK;
  for (size_t i = 0; i < f->count && status == CSA_OK; i++) {
    if (order[i]->data != at) status = bad(f, order[i]->name, "its data overlaps another's, or leaves a hole");
    at = order[i]->data + order[i]->size;
  }
  if (status == CSA_OK && at != f->data + f->data_size) status = bad(f, NULL, "bytes are left after the last tensor");
  free(order);
  return status;
}

static csa_status read_metadata(csa_safetensors *f, json_t *metadata) {
  const char *key;
  json_t *value;
  if (!json_is_object(metadata)) return bad(f, NULL, "__metadata__ is not an object");
  json_object_foreach(metadata, key, value) if (!json_is_string(value)) return bad(f, NULL,
                                                                                   "a metadata value is no text");
  f->metadata = json_incref(metadata);
  return CSA_OK;
}

static csa_status read_header(csa_safetensors *f, json_t *header) {
  const char *key;
  json_t *entry;
  CSA_TRY(csa_new(&f->tensors, json_object_size(header), sizeof *f->tensors));
  json_object_foreach(header, key, entry) {
    if (strcmp(key, "__metadata__") == 0)
      CSA_TRY(read_metadata(f, entry));
    else
      CSA_TRY(read_tensor(f, key, entry, &f->tensors[f->count++]));
  }
  return check_places(f);
}

static csa_status parse(csa_safetensors *f, size_t size) {
  uint64_t length = 0;
  if (size < 8) return no_safetensors(f, "too short");
  for (int i = 0; i < 8; i++) length |= (uint64_t)f->bytes[i] << (8 * i);
  if (length > HEADER_LIMIT || length > size - 8)
    return no_safetensors(f, "its header is longer than the file, or than 100 MB");
  if (length == 0 || f->bytes[8] != '{') return no_safetensors(f, "its header is not a JSON object");
  f->data = f->bytes + 8 + length;
  f->data_size = size - 8 - (size_t)length;
  json_error_t error;
  json_t *header = json_loadb((const char *)f->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  if (header == NULL)
    return csa_fail(CSA_INPUT, "weights: %s: not a safetensors file: its header is not valid JSON: %s at byte %d",
                    f->path, error.text, error.position);
  const csa_status status = read_header(f, header);
  json_decref(header);
  return status;
}

csa_status csa_safetensors_open(csa_safetensors **out, const char *path) {
  csa_safetensors *f = NULL;
  csa_status status;
  size_t size = 0;
  *out = NULL;
  CSA_GO(csa_new(&f, 1, sizeof *f));
  CSA_GO(csa_copy_text(&f->path, path));
  CSA_GO(csa_file_read(path, FILE_LIMIT, &f->bytes, &size));
  CSA_GO(parse(f, size));
  *out = f;
  f = NULL;
done:
  csa_safetensors_close(f);
  return status;
}

void csa_safetensors_close(csa_safetensors *file) {
  if (file == NULL) return;
  for (size_t i = 0; i < file->count; i++) free(file->tensors[i].name);
  json_decref(file->metadata);
  free(file->tensors);
  free(file->bytes);
  free(file->path);
  free(file);
}

const char *csa_safetensors_path(const csa_safetensors *file) { return file->path; }
size_t csa_safetensors_count(const csa_safetensors *file) { return file->count; }
const csa_st_tensor *csa_safetensors_at(const csa_safetensors *file, size_t index) { return &file->tensors[index]; }

const csa_st_tensor *csa_safetensors_find(const csa_safetensors *file, const char *name) {
  for (size_t i = 0; i < file->count; i++)
    if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
  return NULL;
}

const char *csa_safetensors_metadata(const csa_safetensors *file, const char *key) {
  return json_string_value(json_object_get(file->metadata, key));
}

/* The tensor, if it is there and has the shape. */
static csa_status wanted(const csa_safetensors *f, const char *name, const csa_shape *shape,
                         const csa_st_tensor **found) {
  char is[64], should[64], why[200];
  *found = csa_safetensors_find(f, name);
  if (*found == NULL) return bad(f, name, "missing");
  if (shape == NULL || csa_shape_equal((*found)->shape, *shape)) return CSA_OK;
  snprintf(why, sizeof why, "its shape is %s, expected %s", csa_shape_text((*found)->shape, is),
           csa_shape_text(*shape, should));
  return bad(f, name, why);
}

static csa_status other_dtype(const csa_safetensors *f, const csa_st_tensor *t, const char *expected) {
  return csa_fail(CSA_INPUT, "weights: %s: tensor '%.200s': its dtype is %s, expected %s", f->path, t->name,
                  dtypes[t->dtype].name, expected);
}

csa_status csa_safetensors_f32(const csa_safetensors *file, const char *name, const csa_shape *shape, float *values) {
  const csa_st_tensor *found;
  CSA_TRY(wanted(file, name, shape, &found));
  if (found->dtype != CSA_ST_F32) return other_dtype(file, found, "F32");
  if (found->size > 0) memcpy(values, found->data, found->size);
  return CSA_OK;
}

static csa_status not_finite(const csa_safetensors *f, const csa_st_tensor *t, int64_t at, float value) {
  char index[64];
  csa_shape place = {.rank = t->shape.rank};
  for (int d = place.rank - 1; d >= 0; at /= t->shape.dim[d--]) place.dim[d] = at % t->shape.dim[d];
  return csa_fail(CSA_INPUT,
                  "weights: %s: tensor '%.200s': its value at %s is %s\n"
                  "  the training that wrote it went wrong; take weights from before that",
                  f->path, t->name, csa_shape_text(place, index), isnan(value) ? "not a number" : "infinite");
}

csa_status csa_safetensors_check_f32(const csa_safetensors *file, const char *name, const csa_shape *shape) {
  const csa_st_tensor *found;
  CSA_TRY(wanted(file, name, shape, &found));
  if (found->dtype != CSA_ST_F32) return other_dtype(file, found, "F32");
  for (size_t i = 0; i < found->size / 4; i++) {
    float value;
    memcpy(&value, found->data + 4 * i, 4);
    if (!isfinite(value)) return not_finite(file, found, (int64_t)i, value);
  }
  return CSA_OK;
}

csa_status csa_safetensors_i64(const csa_safetensors *file, const char *name, const csa_shape *shape, int64_t *values) {
  const csa_st_tensor *found;
  CSA_TRY(wanted(file, name, shape, &found));
  if (found->dtype == CSA_ST_I64) {
    if (found->size > 0) memcpy(values, found->data, found->size);
    return CSA_OK;
  }
  if (found->dtype != CSA_ST_I32) return other_dtype(file, found, "I64 or I32");
  for (size_t i = 0; i < found->size / 4; i++) {
    int32_t value;
    memcpy(&value, found->data + 4 * i, 4);
    values[i] = value;
  }
  return CSA_OK;
}

struct csa_safetensors_writer {
  json_t *header, *metadata;
  uint8_t *data;
  size_t size, capacity;
};

csa_status csa_safetensors_writer_begin(csa_safetensors_writer **out) {
  csa_safetensors_writer *w;
  CSA_TRY(csa_new(&w, 1, sizeof *w));
  w->header = json_object();
  w->metadata = json_object();
  *out = w;
  if (w->header != NULL && w->metadata != NULL && json_object_set(w->header, "__metadata__", w->metadata) == 0)
    return CSA_OK;
  csa_safetensors_writer_close(w);
  *out = NULL;
  return csa_fail(CSA_MEMORY, "weights: the host has no more memory");
}

void csa_safetensors_writer_close(csa_safetensors_writer *writer) {
  if (writer == NULL) return;
  json_decref(writer->header);
  json_decref(writer->metadata);
  free(writer->data);
  free(writer);
}

csa_status csa_safetensors_writer_metadata(csa_safetensors_writer *w, const char *key, const char *text) {
  if (json_object_set_new(w->metadata, key, json_string(text)) == 0) return CSA_OK;
  return csa_fail(CSA_INPUT, "weights: metadata '%s': no memory, or not UTF-8", key);
}

static csa_status append(csa_safetensors_writer *w, const void *data, size_t size) {
  if (w->capacity - w->size < size) {
    const size_t capacity = 2 * w->capacity + size;
    uint8_t *grown = realloc(w->data, capacity);
    if (grown == NULL) return csa_fail(CSA_MEMORY, "weights: %zu bytes: the host has no more memory", capacity);
    w->data = grown;
    w->capacity = capacity;
  }
  if (size > 0) memcpy(w->data + w->size, data, size);
  w->size += size;
  return CSA_OK;
}

csa_status csa_safetensors_writer_add(csa_safetensors_writer *w, const char *name, csa_st_dtype dtype, csa_shape shape,
                                      const void *data) {
  if (json_object_get(w->header, name) != NULL)
    return csa_fail(CSA_FAILED, "weights: tensor '%s': there is one of this name already", name);
  json_t *sizes = json_array();
  bool whole = true;
  for (int i = 0; i < shape.rank; i++) whole &= json_array_append_new(sizes, json_integer(shape.dim[i])) == 0;
  const size_t first = w->size, bytes = (size_t)csa_elements(shape) * dtypes[dtype].size;
  const csa_status status = append(w, data, bytes);
  json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[dtype].name, "shape", sizes, "data_offsets",
                            (json_int_t)first, (json_int_t)w->size);
  const int stored = json_object_set_new(w->header, name, entry);
  if (status != CSA_OK) return status;
  return stored == 0 && whole ? CSA_OK : csa_fail(CSA_MEMORY, "weights: tensor '%s': no memory, or not UTF-8", name);
}

static csa_status write_parts(const csa_safetensors_writer *w, FILE *stream, const char *path, const char *header,
                              size_t length) {
  const size_t padded = (length + 7) / 8 * 8; /* so that data is aligned */
  uint8_t prefix[8];
  for (int i = 0; i < 8; i++) prefix[i] = (uint8_t)((uint64_t)padded >> (8 * i));
  const bool fine = fwrite(prefix, 1, 8, stream) == 8 && fwrite(header, 1, length, stream) == length &&
                    fwrite("       ", 1, padded - length, stream) == padded - length &&
                    (w->size == 0 || fwrite(w->data, 1, w->size, stream) == w->size);
  return fine ? CSA_OK : csa_fail(CSA_OUTPUT, "weights: %s: %s", path, strerror(errno));
}

csa_status csa_safetensors_writer_write(csa_safetensors_writer *w, const char *path) {
  csa_file_writer *file = NULL;
  csa_status status;
  char *header = json_dumps(w->header, JSON_COMPACT | JSON_PRESERVE_ORDER);
  if (header == NULL) return csa_fail(CSA_MEMORY, "weights: the host has no more memory");
  CSA_GO(csa_file_begin(&file, path));
  CSA_GO(write_parts(w, csa_file_stream(file), path, header, strlen(header)));
  status = csa_file_end(file);
  file = NULL;
done:
  csa_file_drop(file);
  free(header);
  return status;
}
