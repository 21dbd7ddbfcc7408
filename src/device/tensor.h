/* Tensors as a plan sees them: a name, a shape, a role that decides how long it lives, and, once placed, a buffer and
 * an offset. A tensor may be a view of a part of another. */
#ifndef CSA_DEVICE_TENSOR_H
#define CSA_DEVICE_TENSOR_H

#include "core/shape.h"
#include "device/device.h"

#define CSA_TENSOR_NAME 96

/* Elements of a tensor. Kernels count in ints; the last work-items, and a loop's last turn, reach beyond the end. */
#define CSA_ELEMENTS_MAX (INT32_MAX - (1 << 17))

typedef enum { CSA_F32, CSA_F16, CSA_I32, CSA_U8 } csa_dtype;

/* Each role has an arena of its own. The first four live as long as the plan; transient tensors live from the first to
 * the last launch that touches them, and share memory. */
typedef enum { CSA_PARAMETER, CSA_GRADIENT, CSA_OPTIMIZER, CSA_DATA, CSA_TRANSIENT, CSA_ROLES } csa_role;

typedef struct csa_tensor {
  char name[CSA_TENSOR_NAME];
  csa_role role;
  csa_dtype dtype;
  csa_shape shape;
  struct csa_tensor *base; /* a view: of this tensor, from element `start` on */
  int64_t start;
  int first, last; /* the launches between which it lives; first > last: never touched */
  int buffer;      /* number of its buffer in the arena of its role */
  uint64_t offset; /* elements from the buffer's start */
  cl_mem memory;   /* the buffer; NULL until the plan is allocated */
} csa_tensor;

/* Bytes of one element. */
static inline size_t csa_dtype_size(csa_dtype type) { return type == CSA_U8 ? 1 : type == CSA_F16 ? 2 : 4; }

static inline uint64_t csa_tensor_bytes(const csa_tensor *t) {
  return (uint64_t)csa_elements(t->shape) * csa_dtype_size(t->dtype);
}

/* Copies all of a tensor from or to host memory of the same type and order; waits for it. */
csa_status csa_tensor_upload(csa_device *device, const csa_tensor *tensor, const void *from);
csa_status csa_tensor_download(csa_device *device, const csa_tensor *tensor, void *to);

/* Copies all of a tensor to another of the same type and shape, on any device, by way of the host. */
csa_status csa_tensor_copy(csa_device *from_device, const csa_tensor *from, csa_device *to_device,
                           const csa_tensor *to);

/* The same for `count` elements from element `first` on. */
csa_status csa_tensor_upload_part(csa_device *device, const csa_tensor *tensor, int64_t first, int64_t count,
                                  const void *from);
csa_status csa_tensor_download_part(csa_device *device, const csa_tensor *tensor, int64_t first, int64_t count,
                                    void *to);

/* The same with floats on the host, whether the device keeps floats or halves. */
csa_status csa_tensor_write_floats(csa_device *device, const csa_tensor *tensor, const float *from);
csa_status csa_tensor_read_floats(csa_device *device, const csa_tensor *tensor, int64_t first, int64_t count,
                                  float *to);

/* The same as doubles; what is read is on the heap, and the caller's. */
csa_status csa_tensor_write_doubles(csa_device *device, const csa_tensor *tensor, const double *from);
csa_status csa_tensor_read_doubles(csa_device *device, const csa_tensor *tensor, double **to);

#endif
