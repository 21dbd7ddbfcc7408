#include "device/tensor.h"

#include <assert.h>
#include <stdlib.h>

#include "core/half.h"

csa_status csa_tensor_upload_part(csa_device *device, const csa_tensor *tensor, int64_t first, int64_t count,
                                  const void *from) {
  const size_t size = csa_dtype_size(tensor->dtype);
  if (count == 0) return CSA_OK;
  return csa_cl_check(
      clEnqueueWriteBuffer(device->queue, tensor->memory, CL_TRUE, (size_t)(tensor->offset + (uint64_t)first) * size,
                           (size_t)count * size, from, 0, NULL, NULL),
      tensor->name, "clEnqueueWriteBuffer");
}

csa_status csa_tensor_download_part(csa_device *device, const csa_tensor *tensor, int64_t first, int64_t count,
                                    void *to) {
  const size_t size = csa_dtype_size(tensor->dtype);
  if (count == 0) return CSA_OK;
  return csa_cl_check(
      clEnqueueReadBuffer(device->queue, tensor->memory, CL_TRUE, (size_t)(tensor->offset + (uint64_t)first) * size,
                          (size_t)count * size, to, 0, NULL, NULL),
      tensor->name, "clEnqueueReadBuffer");
}

csa_status csa_tensor_upload(csa_device *device, const csa_tensor *tensor, const void *from) {
  return csa_tensor_upload_part(device, tensor, 0, csa_elements(tensor->shape), from);
}

csa_status csa_tensor_download(csa_device *device, const csa_tensor *tensor, void *to) {
  return csa_tensor_download_part(device, tensor, 0, csa_elements(tensor->shape), to);
}

csa_status csa_tensor_copy(csa_device *from_device, const csa_tensor *from, csa_device *to_device,
                           const csa_tensor *to) {
  void *bytes = NULL;
  csa_status status;
  CSA_GO(csa_new(&bytes, (size_t)csa_tensor_bytes(from), 1));
  CSA_GO(csa_tensor_download(from_device, from, bytes));
  status = csa_tensor_upload(to_device, to, bytes);
done:
  free(bytes);
  return status;
}

csa_status csa_tensor_write_floats(csa_device *device, const csa_tensor *tensor, const float *from) {
  const size_t count = (size_t)csa_elements(tensor->shape);
  uint16_t *halves = NULL;
  assert(tensor->dtype == CSA_F32 || tensor->dtype == CSA_F16);
  if (tensor->dtype == CSA_F32) return csa_tensor_upload(device, tensor, from);
  CSA_TRY(csa_new(&halves, count, sizeof *halves));
  for (size_t i = 0; i < count; i++) halves[i] = csa_half_from_float(from[i]);
  const csa_status status = csa_tensor_upload(device, tensor, halves);
  free(halves);
  return status;
}

csa_status csa_tensor_read_floats(csa_device *device, const csa_tensor *tensor, int64_t first, int64_t count,
                                  float *to) {
  uint16_t *halves = NULL;
  assert(tensor->dtype == CSA_F32 || tensor->dtype == CSA_F16);
  if (tensor->dtype == CSA_F32) return csa_tensor_download_part(device, tensor, first, count, to);
  CSA_TRY(csa_new(&halves, (size_t)count, sizeof *halves));
  const csa_status status = csa_tensor_download_part(device, tensor, first, count, halves);
  for (int64_t i = 0; i < count && status == CSA_OK; i++) to[i] = csa_half_to_float(halves[i]);
  free(halves);
  return status;
}

csa_status csa_tensor_write_doubles(csa_device *device, const csa_tensor *tensor, const double *from) {
  const int64_t count = csa_elements(tensor->shape);
  float *floats = NULL;
  CSA_TRY(csa_new(&floats, (size_t)count, sizeof *floats));
  for (int64_t i = 0; i < count; i++) floats[i] = (float)from[i];
  const csa_status status = csa_tensor_write_floats(device, tensor, floats);
  free(floats);
  return status;
}

csa_status csa_tensor_read_doubles(csa_device *device, const csa_tensor *tensor, double **to) {
  const int64_t count = csa_elements(tensor->shape);
  float *floats = NULL;
  csa_status status;
  CSA_GO(csa_new(&floats, (size_t)count, sizeof *floats));
  CSA_GO(csa_new(to, (size_t)count, sizeof **to));
  CSA_GO(csa_tensor_read_floats(device, tensor, 0, count, floats));
  for (int64_t i = 0; i < count; i++) (*to)[i] = (double)floats[i];
done:
  free(floats);
  return status;
}
