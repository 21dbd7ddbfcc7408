/* An OpenCL layer for oclgrind 21.10, which takes what clEnqueueWriteBuffer and clEnqueueFillBuffer wrote for
 * uninitialised, but believes kernels, and buffers that are made with their content: so uploads and fills become such a
 * buffer and a kernel that copies from it. A line on stderr proves that the layer is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl/layer.h"

static const char source[] =
    "kernel void upload(global const uchar *from, global uchar *to, const ulong start) {\n"
    "  to[start + get_global_id(0)] = from[get_global_id(0)];\n"
    "}\n";

/* Of such a buffer, too, it believes only what malloc gives as fresh pages of zeros, as it does for so many bytes. */
#define CONTENT_LEAST ((size_t)256 << 10)

/* The kernel, for the queue's context. */
static cl_kernel make_kernel(cl_command_queue queue, cl_context *context) {
  const char *text = source;
  cl_int error;
  next->clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof *context, context, NULL);
  cl_program program = next->clCreateProgramWithSource(*context, 1, &text, NULL, &error);
  if (error != CL_SUCCESS || next->clBuildProgram(program, 0, NULL, "", NULL, NULL) != CL_SUCCESS) return NULL;
  cl_kernel kernel = next->clCreateKernel(program, "upload", &error);
  next->clReleaseProgram(program); /* the kernel keeps it */
  return kernel;
}

static cl_int upload(cl_command_queue queue, cl_mem buffer, size_t offset, size_t size, const void *from, cl_uint waits,
                     const cl_event *wait_list, cl_event *event) {
  cl_context context = NULL;
  cl_kernel kernel = make_kernel(queue, &context);
  const cl_ulong start = offset;
  const size_t one = 1, length = size > CONTENT_LEAST ? size : CONTENT_LEAST;
  cl_int error = CL_OUT_OF_RESOURCES;
  char *copy = calloc(length, 1);
  if (copy == NULL || kernel == NULL) return error;
  memcpy(copy, from, size);
  cl_mem content = next->clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, length, copy, &error);
  free(copy);
  if (content == NULL) return error;
  error = next->clSetKernelArg(kernel, 0, sizeof content, &content);
  if (error == CL_SUCCESS) error = next->clSetKernelArg(kernel, 1, sizeof buffer, &buffer);
  if (error == CL_SUCCESS) error = next->clSetKernelArg(kernel, 2, sizeof start, &start);
  if (error == CL_SUCCESS)
    error = next->clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &size, &one, waits, wait_list, event);
  if (error == CL_SUCCESS) error = next->clFinish(queue);
  next->clReleaseMemObject(content);
  next->clReleaseKernel(kernel);
  return error;
}

static CL_API_ENTRY cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                                    size_t offset, size_t size, const void *from, cl_uint waits,
                                                    const cl_event *wait_list, cl_event *event) {
  (void)blocking; /* always */
  return upload(queue, buffer, offset, size, from, waits, wait_list, event);
}

static CL_API_ENTRY cl_int CL_API_CALL fill_buffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                                   size_t pattern_size, size_t offset, size_t size, cl_uint waits,
                                                   const cl_event *wait_list, cl_event *event) {
  char *content = malloc(size);
  if (content == NULL) return CL_OUT_OF_HOST_MEMORY;
  for (size_t i = 0; i < size; i += pattern_size) memcpy(content + i, pattern, pattern_size);
  const cl_int error = upload(queue, buffer, offset, size, content, waits, wait_list, event);
  free(content);
  return error;
}

bool layer_enter(struct _cl_icd_dispatch *own) {
  own->clEnqueueWriteBuffer = write_buffer;
  own->clEnqueueFillBuffer = fill_buffer;
  fputs("uploads: go by kernels\n", stderr);
  return true;
}
