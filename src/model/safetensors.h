/* The safetensors format: a little-endian 64-bit length, a JSON header of that length, then raw data. Reading believes
 * nothing that it has not checked. */
#ifndef CSA_MODEL_SAFETENSORS_H
#define CSA_MODEL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "core/shape.h"
#include "core/status.h"

/* Half precision is known, so that files with some of it open, but no function converts it. */
typedef enum { CSA_ST_F32, CSA_ST_F64, CSA_ST_I32, CSA_ST_I64, CSA_ST_U8, CSA_ST_F16, CSA_ST_BF16 } csa_st_dtype;

typedef struct {
  char *name;
  csa_st_dtype dtype;
  csa_shape shape;
  const uint8_t *data; /* in the file's memory, of any alignment */
  size_t size;         /* bytes */
} csa_st_tensor;

typedef struct csa_safetensors csa_safetensors;

/* Reads a file; CSA_INPUT, with file and tensor named, if it breaks the format's rules in any way or holds types that
 * are not listed above. */
csa_status csa_safetensors_open(csa_safetensors **file, const char *path);
void csa_safetensors_close(csa_safetensors *file); /* accepts NULL */

/* As given to open. */
const char *csa_safetensors_path(const csa_safetensors *file);

size_t csa_safetensors_count(const csa_safetensors *file);
const csa_st_tensor *csa_safetensors_at(const csa_safetensors *file, size_t index);

/* The tensor called `name`, or NULL. */
const csa_st_tensor *csa_safetensors_find(const csa_safetensors *file, const char *name);

/* The text under `key` in __metadata__, or NULL. */
const char *csa_safetensors_metadata(const csa_safetensors *file, const char *key);

/* Copies a tensor's values. A missing one, one of another type or (where `shape` is not NULL) of another shape is
 * CSA_INPUT. f32 takes F32; i64 takes I64 and I32. */
csa_status csa_safetensors_f32(const csa_safetensors *file, const char *name, const csa_shape *shape, float *values);
csa_status csa_safetensors_i64(const csa_safetensors *file, const char *name, const csa_shape *shape, int64_t *values);

/* The same without copying: whether f32 would succeed; CSA_INPUT also where a value is not finite, which is named. */
csa_status csa_safetensors_check_f32(const csa_safetensors *file, const char *name, const csa_shape *shape);

/* Builds a file in memory. Tensors and metadata are written in the order in which they were added, so that the same
 * calls give the same bytes. Data and texts are copied. A name that is there already is CSA_FAILED; close accepts NULL.
 */
typedef struct csa_safetensors_writer csa_safetensors_writer;
csa_status csa_safetensors_writer_begin(csa_safetensors_writer **writer);
csa_status csa_safetensors_writer_metadata(csa_safetensors_writer *writer, const char *key, const char *text);
csa_status csa_safetensors_writer_add(csa_safetensors_writer *writer, const char *name, csa_st_dtype dtype,
                                      csa_shape shape, const void *data);
csa_status csa_safetensors_writer_write(csa_safetensors_writer *writer, const char *path);
void csa_safetensors_writer_close(csa_safetensors_writer *writer);

#endif
