/* The disguising layer does what it is trusted with: a device that looks small, and refuses what a small one would.
 * CMake sets OPENCL_LAYERS, and CLSATTN_DISGUISE to the limits below. */
#include "device/device.h"
#include "testing.h"

#define LOCAL 32768
#define GROUP 64
#define ALLOC ((size_t)64 << 20)

static const char source[] =
    "kernel void small(global float *x) { x[get_global_id(0)] = 1.0f; }\n"
    "kernel void large(global float *x, const int n) {\n"
    "  local float held[8300];\n"
    "  for (int i = (int)get_local_id(0); i < 8300; i += (int)get_local_size(0)) held[i] = x[0];\n"
    "  barrier(CLK_LOCAL_MEM_FENCE);\n"
    "  x[get_global_id(0)] = held[8299 - n];\n"
    "}\n";

static csa_device *device;

static int open_device(void **state) {
  (void)state;
  assert_ok(csa_device_open(&device, NULL));
  return 0;
}

static int close_device(void **state) {
  (void)state;
  csa_device_close(device);
  return 0;
}

static void test_looks_small(void **state) {
  (void)state;
  const csa_device_info *info = &device->info;
  assert_int_equal(info->type, CSA_GPU);
  assert_int_equal(info->local_bytes, LOCAL);
  assert_int_equal(info->max_work_group, GROUP);
  assert_int_equal(info->max_alloc_bytes, ALLOC);
  assert_false(info->fp16 || info->subgroups);
}

static void test_refuses_buffers(void **state) {
  (void)state;
  cl_int error;
  cl_mem fits = clCreateBuffer(device->context, CL_MEM_READ_WRITE, ALLOC, NULL, &error);
  assert_int_equal(error, CL_SUCCESS);
  clReleaseMemObject(fits);
  assert_null(clCreateBuffer(device->context, CL_MEM_READ_WRITE, ALLOC + 1, NULL, &error));
  assert_int_equal(error, CL_INVALID_BUFFER_SIZE);
}

static cl_int launch(cl_kernel kernel, size_t local) {
  const size_t global = 2 * local;
  return clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL);
}

static void test_refuses_launches(void **state) {
  (void)state;
  const char *text = source;
  const cl_int n = 0;
  cl_int error;
  cl_program program = clCreateProgramWithSource(device->context, 1, &text, NULL, &error);
  assert_int_equal(clBuildProgram(program, 1, &device->info.id, "", NULL, NULL), CL_SUCCESS);
  cl_kernel small = clCreateKernel(program, "small", NULL), large = clCreateKernel(program, "large", NULL);
  cl_mem x = clCreateBuffer(device->context, CL_MEM_READ_WRITE, 4096, NULL, &error);
  size_t group = 0;
  assert_int_equal(clSetKernelArg(small, 0, sizeof x, &x) | clSetKernelArg(large, 0, sizeof x, &x) |
                       clSetKernelArg(large, 1, sizeof n, &n),
                   CL_SUCCESS);
  clGetKernelWorkGroupInfo(small, device->info.id, CL_KERNEL_WORK_GROUP_SIZE, sizeof group, &group, NULL);
  assert_int_equal(group, GROUP);
  assert_int_equal(launch(small, GROUP), CL_SUCCESS);
  assert_int_equal(launch(small, 2 * GROUP), CL_INVALID_WORK_GROUP_SIZE);
  assert_int_equal(launch(large, GROUP), CL_OUT_OF_RESOURCES);
  assert_ok(csa_device_finish(device));
  clReleaseMemObject(x);
  clReleaseKernel(small);
  clReleaseKernel(large);
  clReleaseProgram(program);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_looks_small), cmocka_unit_test(test_refuses_buffers),
                                     cmocka_unit_test(test_refuses_launches)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
