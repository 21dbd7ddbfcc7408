#include "device/tensor.h"

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
