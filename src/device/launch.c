#include "device/launch.h"

#include <stdlib.h>
#include <string.h>

#include "device/program.h"

#define OTHER_KERNELS \
  "\n  launch and kernel disagree; or CLSATTN_KERNEL_DIR is set, and its kernels are not those of this version"

static csa_status bad_argument(const csa_plan_node *node, cl_uint index, const char *wanted, const char *given) {
  char name[64] = "";
  if (clGetKernelArgInfo(node->bound, index, CL_KERNEL_ARG_NAME, sizeof name, name, NULL) != CL_SUCCESS) name[0] = '\0';
  return csa_fail(CSA_DEVICE,
                  "%s: kernel %s: its argument %u, %s, is %s in %s.cl, but the host passes %s" OTHER_KERNELS,
                  node->label, node->kernel.name, index + 1, name, wanted, node->kernel.file, given);
}

/* What OpenCL calls the type of an argument; a driver that keeps no such names is believed. */
static bool type_name(cl_kernel kernel, cl_uint index, char name[64]) {
  return clGetKernelArgInfo(kernel, index, CL_KERNEL_ARG_TYPE_NAME, 64, name, NULL) == CL_SUCCESS;
}

static const char *const pointers[] = {
    [CSA_F32] = "float*", [CSA_F16] = "half*", [CSA_I32] = "int*", [CSA_U8] = "uchar*"};

/* `storage` is a type of common.clh. */
static bool pointer_matches(const csa_plan_node *node, const char *name, csa_dtype type) {
  return strcmp(name, pointers[type]) == 0 || (type == node->kernel.storage && strcmp(name, "storage*") == 0);
}

static csa_status check_type(const csa_plan_node *node, cl_uint index, const csa_arg *arg) {
  char name[64];
  if (!type_name(node->bound, index, name)) return CSA_OK;
  switch (arg->kind) {
    case CSA_ARG_INT: return strcmp(name, "int") == 0 ? CSA_OK : bad_argument(node, index, name, "int");
    case CSA_ARG_FLOAT: return strcmp(name, "float") == 0 ? CSA_OK : bad_argument(node, index, name, "float");
    default: break;
  }
  const csa_dtype type = arg->value.in->dtype;
  return pointer_matches(node, name, type) ? CSA_OK : bad_argument(node, index, name, pointers[type]);
}

static csa_status set_argument(const csa_plan_node *node, cl_uint *index, const csa_arg *arg) {
  CSA_TRY(check_type(node, *index, arg));
  cl_int error;
  if (arg->kind == CSA_ARG_INT || arg->kind == CSA_ARG_FLOAT) {
    error = clSetKernelArg(node->bound, (*index)++, 4, &arg->value);
  } else {
    const csa_tensor *tensor = arg->value.in;
    const cl_ulong start = tensor->offset;
    error = clSetKernelArg(node->bound, (*index)++, sizeof tensor->memory, &tensor->memory);
    if (error == CL_SUCCESS) error = clSetKernelArg(node->bound, (*index)++, sizeof start, &start);
  }
  return csa_cl_check(error, node->kernel.name, "clSetKernelArg");
}

static cl_uint kernel_arguments(const csa_plan_node *node) {
  cl_uint count = 0;
  for (int i = 0; i < node->arg_count; i++) count += node->args[i].kind >= CSA_ARG_IN ? 2 : 1;
  return count;
}

/* Items go into groups of any size: of a kernel that the device takes fewer of at a time, into smaller ones. */
static csa_status fit_group(const csa_device *device, csa_plan_node *node) {
  size_t most = 0;
  if (node->work.by_group) return CSA_OK;
  CSA_TRY(csa_cl_check(
      clGetKernelWorkGroupInfo(node->bound, device->info.id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL),
      node->kernel.name, "clGetKernelWorkGroupInfo"));
  while (node->kernel.local > 1 && (size_t)node->kernel.local > most) node->kernel.local /= 2;
  return CSA_OK;
}

csa_status csa_plan_node_bind(csa_device *device, csa_plan_node *node) {
  if (node->call != NULL) return CSA_OK;
  cl_program program;
  cl_int error;
  CSA_TRY(csa_program_get(device, node->kernel.file, node->kernel.options, &program));
  node->bound = clCreateKernel(program, node->kernel.name, &error);
  if (error == CL_INVALID_KERNEL_NAME)
    return csa_fail(CSA_DEVICE, "%s: %s.cl has no kernel %s" OTHER_KERNELS, node->label, node->kernel.file,
                    node->kernel.name);
  CSA_TRY(csa_cl_check(error, node->kernel.name, "clCreateKernel"));
  cl_uint wanted = 0, index = 0;
  CSA_TRY(csa_cl_check(clGetKernelInfo(node->bound, CL_KERNEL_NUM_ARGS, sizeof wanted, &wanted, NULL),
                       node->kernel.name, "clGetKernelInfo"));
  if (wanted != kernel_arguments(node))
    return csa_fail(CSA_DEVICE, "%s: kernel %s takes %u arguments, but the host passes %u" OTHER_KERNELS, node->label,
                    node->kernel.name, wanted, kernel_arguments(node));
  for (int i = 0; i < node->arg_count; i++) CSA_TRY(set_argument(node, &index, &node->args[i]));
  return fit_group(device, node);
}

csa_status csa_plan_node_enqueue(csa_device *device, const csa_plan_node *node, cl_event *event) {
  if (node->call != NULL) return node->call(device, node, event);
  if (node->work.count == 0) return CSA_OK;
  const size_t local = (size_t)node->kernel.local, count = (size_t)node->work.count;
  const size_t global = node->work.by_group ? count * local : (count + local - 1) / local * local;
  const cl_int error = clEnqueueNDRangeKernel(device->queue, node->bound, 1, NULL, &global, &local, 0, NULL, event);
  const csa_status status = csa_cl_check(error, node->kernel.name, "clEnqueueNDRangeKernel");
  if (status == CSA_OK) return CSA_OK;
  return csa_fail_in(status, "%s: %zu work-items in groups of %zu", node->label, global, local);
}

void csa_plan_node_release(csa_plan_node *node) {
  if (node->bound != NULL) clReleaseKernel(node->bound);
  free(node->call_data);
  free(node->product);
  node->bound = NULL;
  node->call_data = NULL;
  node->product = NULL;
}
