#include "device/opencl.h"

#include <stdio.h>

typedef struct {
  cl_int code;
  const char *name;
} error_name;

/* What those mean that befall a program which does nothing wrong; others are between us and the driver. */
static const struct {
  cl_int code;
  const char *text;
} meanings[] = {
    {CL_DEVICE_NOT_FOUND, "the platform has no such device"},
    {CL_DEVICE_NOT_AVAILABLE, "the device does not answer"},
    {CL_COMPILER_NOT_AVAILABLE, "the driver comes without a compiler"},
    {CL_MEM_OBJECT_ALLOCATION_FAILURE, "the device has no room for it"},
    {CL_OUT_OF_RESOURCES, "the device has failed, or has no room for it"},
    {CL_OUT_OF_HOST_MEMORY, "the driver gets no memory from the host"},
    {CL_PROFILING_INFO_NOT_AVAILABLE, "the driver took no times"},
    {CL_BUILD_PROGRAM_FAILURE, "the driver's compiler refuses the program"},
    {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "what was queued before has failed on the device"},
    {CL_INVALID_BINARY, "not a binary of this driver and device"},
    {CL_INVALID_BUFFER_SIZE, "larger than the device's buffers may be"},
    {-1001, "no driver is installed"},
};

#define NAMED(code) \
  { (code), #code }

static const error_name errors[] = {
    NAMED(CL_SUCCESS),
    NAMED(CL_DEVICE_NOT_FOUND),
    NAMED(CL_DEVICE_NOT_AVAILABLE),
    NAMED(CL_COMPILER_NOT_AVAILABLE),
    NAMED(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    NAMED(CL_OUT_OF_RESOURCES),
    NAMED(CL_OUT_OF_HOST_MEMORY),
    NAMED(CL_PROFILING_INFO_NOT_AVAILABLE),
    NAMED(CL_MEM_COPY_OVERLAP),
    NAMED(CL_BUILD_PROGRAM_FAILURE),
    NAMED(CL_MAP_FAILURE),
    NAMED(CL_MISALIGNED_SUB_BUFFER_OFFSET),
    NAMED(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    NAMED(CL_COMPILE_PROGRAM_FAILURE),
    NAMED(CL_LINKER_NOT_AVAILABLE),
    NAMED(CL_LINK_PROGRAM_FAILURE),
    NAMED(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
    NAMED(CL_INVALID_VALUE),
    NAMED(CL_INVALID_DEVICE_TYPE),
    NAMED(CL_INVALID_PLATFORM),
    NAMED(CL_INVALID_DEVICE),
    NAMED(CL_INVALID_CONTEXT),
    NAMED(CL_INVALID_QUEUE_PROPERTIES),
    NAMED(CL_INVALID_COMMAND_QUEUE),
    NAMED(CL_INVALID_HOST_PTR),
    NAMED(CL_INVALID_MEM_OBJECT),
    NAMED(CL_INVALID_BINARY),
    NAMED(CL_INVALID_BUILD_OPTIONS),
    NAMED(CL_INVALID_PROGRAM),
    NAMED(CL_INVALID_PROGRAM_EXECUTABLE),
    NAMED(CL_INVALID_KERNEL_NAME),
    NAMED(CL_INVALID_KERNEL_DEFINITION),
    NAMED(CL_INVALID_KERNEL),
    NAMED(CL_INVALID_ARG_INDEX),
    NAMED(CL_INVALID_ARG_VALUE),
    NAMED(CL_INVALID_ARG_SIZE),
    NAMED(CL_INVALID_KERNEL_ARGS),
    NAMED(CL_INVALID_WORK_DIMENSION),
    NAMED(CL_INVALID_WORK_GROUP_SIZE),
    NAMED(CL_INVALID_WORK_ITEM_SIZE),
    NAMED(CL_INVALID_GLOBAL_OFFSET),
    NAMED(CL_INVALID_EVENT_WAIT_LIST),
    NAMED(CL_INVALID_EVENT),
    NAMED(CL_INVALID_OPERATION),
    NAMED(CL_INVALID_BUFFER_SIZE),
    NAMED(CL_INVALID_GLOBAL_WORK_SIZE),
    NAMED(CL_INVALID_PROPERTY),
    NAMED(CL_INVALID_COMPILER_OPTIONS),
    NAMED(CL_INVALID_LINKER_OPTIONS),
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
};

const char *csa_cl_error_name(cl_int error) {
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
    if (errors[i].code == error) return errors[i].name;
  static _Thread_local char number[32];
  snprintf(number, sizeof number, "OpenCL error %d", error);
  return number;
}

const char *csa_cl_error_meaning(cl_int error) {
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
    if (meanings[i].code == error) return meanings[i].text;
  return "the driver refuses the call; another version of it may not";
}

csa_status csa_cl_check(cl_int error, const char *what, const char *call) {
  if (error == CL_SUCCESS) return CSA_OK;
  const int memory = error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY;
  const char *todo = memory || error == CL_OUT_OF_RESOURCES ? "\n  a smaller --batch takes less of the device" : "";
  return csa_fail(memory ? CSA_MEMORY : CSA_DEVICE, "%s: %s: %s (%s)%s", what, call, csa_cl_error_name(error),
                  csa_cl_error_meaning(error), todo);
}
