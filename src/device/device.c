#include "device/device.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "device/program.h"
#include "device/tune.h"

#define PLATFORMS_MAX 32
#define DEVICES_MAX 64
#define SUB_GROUP_SIZES_INTEL 0x4108 /* CL_DEVICE_SUB_GROUP_SIZES_INTEL */
#define OPENCL_C_FEATURES 0x106f     /* CL_DEVICE_OPENCL_C_FEATURES of OpenCL 3.0: rows of a version and a name */

/* Questions to one device. One that it does not know has no answer; any other failure is kept. */
typedef struct {
  cl_device_id id;
  cl_int error; /* the first */
  size_t size;  /* of the last answer */
} questions;

static bool ask(questions *q, cl_device_info what, size_t size, void *value) {
  q->size = 0;
  const cl_int error = clGetDeviceInfo(q->id, what, size, value, &q->size);
  if (error != CL_SUCCESS && error != CL_INVALID_VALUE && q->error == CL_SUCCESS) q->error = error;
  return error == CL_SUCCESS;
}

static void text_info(questions *q, cl_device_info what, char *text, size_t size) {
  if (!ask(q, what, size, text)) snprintf(text, size, "?");
  text[size - 1] = '\0';
}

static uint64_t number_info(questions *q, cl_device_info what, size_t size) {
  union {
    cl_uint u;
    cl_ulong ul;
    size_t s;
  } value = {.ul = 0};
  if (!ask(q, what, size, &value)) return 0;
  return size == sizeof(cl_uint) ? value.u : value.ul;
}

static bool has_extension(questions *q, const char *name) {
  if (!ask(q, CL_DEVICE_EXTENSIONS, 0, NULL) || q->size == 0) return false;
  const size_t size = q->size;
  char *all = calloc(size + 1, 1);
  bool found = false;
  if (all == NULL) q->error = CL_OUT_OF_HOST_MEMORY;
  if (all != NULL && ask(q, CL_DEVICE_EXTENSIONS, size, all)) {
    char *rest = NULL;
    for (char *word = strtok_r(all, " ", &rest); word != NULL && !found; word = strtok_r(NULL, " ", &rest))
      found = strcmp(word, name) == 0;
  }
  free(all);
  return found;
}

/* Names are for people, so here, and only here, the vendor counts. */
static const char *gpu_prefix(cl_uint vendor_id, const char *vendor) {
  static const struct {
    cl_uint id;
    const char *word, *prefix;
  } known[] = {{0x10de, "NVIDIA", "nv"},
               {0x1002, "AMD", "amd"},
               {0x1002, "Advanced Micro", "amd"},
               {0x8086, "Intel", "intel"},
               {0x13b5, "ARM", "arm"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (vendor_id == known[i].id) return known[i].prefix;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strncasecmp(vendor, known[i].word, strlen(known[i].word)) == 0) return known[i].prefix;
  return "dev";
}

/* Sub-groups are an extension that takes OpenCL C 2.0, and an optional feature of 3.0. */
static int subgroups_c(questions *q, const char *version) {
  struct {
    cl_uint version;
    char name[64];
  } features[64];
  char c_version[128] = "";
  int major = 0;
  if (sscanf(version, "OpenCL %d", &major) != 1) return 0;
  (void)ask(q, CL_DEVICE_OPENCL_C_VERSION, sizeof c_version, c_version);
  if (major < 3) return has_extension(q, "cl_khr_subgroups") && strncmp(c_version, "OpenCL C 2", 10) == 0 ? 2 : 0;
  if (!ask(q, OPENCL_C_FEATURES, sizeof features, features)) return 0;
  for (size_t i = 0; i < q->size / sizeof features[0]; i++)
    if (strcmp(features[i].name, "__opencl_c_subgroups") == 0) return 3;
  return 0;
}

static int narrowest_subgroup(questions *q) {
  size_t widths[16], least = 0;
  if (!has_extension(q, "cl_intel_required_subgroup_size") || !ask(q, SUB_GROUP_SIZES_INTEL, sizeof widths, widths))
    return 0;
  for (size_t i = 0; i < q->size / sizeof widths[0]; i++)
    if (least == 0 || widths[i] < least) least = widths[i];
  return (int)least;
}

/* All of it but the number in the name; the code of a question that failed. Half of the answers would be a device that
 * is not there: with other kernels, and other figures. */
static cl_int describe(csa_device_info *info, cl_platform_id platform, cl_device_id id) {
  questions q = {.id = id};
  info->platform_id = platform;
  info->id = id;
  q.error = clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform, info->platform, NULL);
  text_info(&q, CL_DEVICE_NAME, info->device, sizeof info->device);
  text_info(&q, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
  text_info(&q, CL_DEVICE_VERSION, info->version, sizeof info->version);
  text_info(&q, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
  const uint64_t type = number_info(&q, CL_DEVICE_TYPE, sizeof(cl_ulong));
  info->type = type & CL_DEVICE_TYPE_CPU ? CSA_CPU : type & CL_DEVICE_TYPE_GPU ? CSA_GPU : CSA_ACCELERATOR;
  const cl_uint vendor_id = (cl_uint)number_info(&q, CL_DEVICE_VENDOR_ID, sizeof(cl_uint));
  snprintf(info->name, sizeof info->name, "%s",
           info->type == CSA_CPU   ? "cpu"
           : info->type == CSA_GPU ? gpu_prefix(vendor_id, info->vendor)
                                   : "dev");
  info->compute_units = (int)number_info(&q, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(cl_uint));
  info->global_bytes = number_info(&q, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong));
  info->local_bytes = number_info(&q, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong));
  info->max_alloc_bytes = number_info(&q, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong));
  info->max_work_group = (size_t)number_info(&q, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
  info->float_width = (int)number_info(&q, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof(cl_uint));
  const size_t alignment = (size_t)number_info(&q, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof(cl_uint)) / 8;
  info->alignment = alignment > 128 ? alignment : 128;
  info->fp16 = has_extension(&q, "cl_khr_fp16");
  info->subgroups_c = subgroups_c(&q, info->version);
  info->subgroups = info->subgroups_c > 0;
  info->narrowest_subgroup = narrowest_subgroup(&q);
  return q.error;
}

/* Numbers every short name: the n-th device with the same prefix gets n. */
static void name_devices(csa_device_list *list) {
  for (int i = 0; i < list->count; i++) {
    csa_device_info *info = &list->devices[i];
    const size_t length = strlen(info->name);
    int number = 0;
    for (int j = 0; j < i; j++)
      if (strncmp(list->devices[j].name, info->name, length) == 0 &&
          isdigit((unsigned char)list->devices[j].name[length]))
        number++;
    snprintf(info->name + length, sizeof info->name - length, "%d", number);
  }
}

static void note(csa_device_list *list, int number, const char *platform, const char *what, cl_int error) {
  const size_t used = strlen(list->notes);
  snprintf(list->notes + used, sizeof list->notes - used, "  platform %d (%s) %s: %s%s%s%s\n", number, platform, what,
           error == CL_SUCCESS ? "it reports none" : csa_cl_error_name(error), error == CL_SUCCESS ? "" : " (",
           error == CL_SUCCESS ? "" : csa_cl_error_meaning(error), error == CL_SUCCESS ? "" : ")");
}

static csa_status add_platform(csa_device_list *list, int number, cl_platform_id platform) {
  cl_device_id ids[DEVICES_MAX];
  cl_uint count = 0;
  char name[128] = "?";
  const cl_int error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, DEVICES_MAX, ids, &count);
  if (error != CL_SUCCESS || count == 0) {
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL);
    note(list, number, name, "shows no device", error);
    return CSA_OK;
  }
  count = count < DEVICES_MAX ? count : DEVICES_MAX;
  csa_device_info *grown = realloc(list->devices, (size_t)(list->count + (int)count) * sizeof *grown);
  if (grown == NULL) return csa_fail(CSA_MEMORY, "devices: the host has no more memory");
  list->devices = grown;
  for (cl_uint i = 0; i < count; i++) {
    csa_device_info *info = &list->devices[list->count];
    memset(info, 0, sizeof *info);
    info->platform_number = number;
    info->device_number = (int)i;
    const cl_int failed = describe(info, platform, ids[i]);
    if (failed == CL_SUCCESS)
      list->count++;
    else
      note(list, number, info->platform, "has a device that does not say what it is", failed);
  }
  return CSA_OK;
}

csa_status csa_device_list_init(csa_device_list *list) {
  memset(list, 0, sizeof *list);
  cl_platform_id platforms[PLATFORMS_MAX];
  cl_uint count = 0;
  const cl_int error = clGetPlatformIDs(PLATFORMS_MAX, platforms, &count);
  if (error != CL_SUCCESS || count == 0)
    return csa_fail(
        CSA_DEVICE,
        "devices: no OpenCL platform was found: %s (%s)\n"
        "  for the CPU: apt-get install pocl-opencl-icd\n"
        "  for a GPU: install its vendor's OpenCL driver (NVIDIA: nvidia-opencl-icd, Intel: intel-opencl-icd,\n"
        "  AMD: rocm-opencl-icd or mesa-opencl-icd); `clsattn devices --check` looks for the reason",
        csa_cl_error_name(error), csa_cl_error_meaning(error));
  list->platforms = (int)(count < PLATFORMS_MAX ? count : PLATFORMS_MAX);
  for (int i = 0; i < list->platforms; i++) {
    const csa_status status = add_platform(list, i, platforms[i]);
    if (status != CSA_OK) {
      csa_device_list_fini(list);
      return status;
    }
  }
  name_devices(list);
  return CSA_OK;
}

void csa_device_list_fini(csa_device_list *list) {
  free(list->devices);
  memset(list, 0, sizeof *list);
}

const char *csa_device_type_text(csa_device_type type) {
  return type == CSA_CPU ? "cpu" : type == CSA_GPU ? "gpu" : "accelerator";
}

/* The first device of `type`, or -1. */
static int first_of(const csa_device_list *list, csa_device_type type) {
  for (int i = 0; i < list->count; i++)
    if (list->devices[i].type == type) return i;
  return -1;
}

static int find(const csa_device_list *list, const char *name) {
  for (int i = 0; i < list->count; i++) {
    char numbers[32];
    snprintf(numbers, sizeof numbers, "%d:%d", list->devices[i].platform_number, list->devices[i].device_number);
    if (strcmp(list->devices[i].name, name) == 0 || strcmp(numbers, name) == 0) return i;
  }
  return -1;
}

/* `from`: what named it. */
static csa_status no_such_device(const csa_device_list *list, const char *from, const char *name) {
  char there[2048] = "";
  size_t used = 0;
  for (int i = 0; i < list->count && used < sizeof there; i++)
    used += (size_t)snprintf(there + used, sizeof there - used, "\n  %-8s %d:%d  %s", list->devices[i].name,
                             list->devices[i].platform_number, list->devices[i].device_number, list->devices[i].device);
  const size_t notes = strlen(list->notes); /* without the last line's end */
  return csa_fail(CSA_DEVICE, "%s: %s: %s%s%s%s%.*s%s", from, name,
                  list->count > 0 ? "no such device; there are" : "no device at all", list->count > 0 ? ":" : "", there,
                  notes > 0 ? "\n" : "", (int)(notes > 0 ? notes - 1 : 0), list->notes,
                  list->count > 0 ? "\n  is one missing? clsattn devices --check" : "");
}

csa_status csa_device_choose(const csa_device_list *list, const char *name, int *index) {
  const char *from = name != NULL ? "device" : "CLSATTN_DEVICE";
  if (name == NULL) name = getenv("CLSATTN_DEVICE");
  if (name != NULL && name[0] != '\0') {
    *index = find(list, name);
    if (*index < 0 && strchr(name, ',') != NULL)
      return csa_fail(CSA_USAGE,
                      "%s: %s: one device is wanted here, not several\n"
                      "  several are for clsattn train, and for verify with a FILE",
                      from, name);
    return *index >= 0 ? CSA_OK : no_such_device(list, from, name);
  }
  *index = first_of(list, CSA_GPU);
  if (*index < 0) *index = first_of(list, CSA_CPU);
  return *index >= 0 ? CSA_OK : no_such_device(list, "device", "default (first GPU, else first CPU)");
}

csa_status csa_device_open_listed(csa_device **out, const csa_device_list *list, int index) {
  csa_device *device = NULL;
  cl_int error;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_new(&device, 1, sizeof *device));
  device->info = list->devices[index];
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->info.platform_id, 0};
  device->context = clCreateContext(properties, 1, &device->info.id, NULL, NULL, &error);
  CSA_GO(csa_cl_check(error, device->info.name, "clCreateContext"));
  device->queue = clCreateCommandQueue(device->context, device->info.id, 0, &error);
  CSA_GO(csa_cl_check(error, device->info.name, "clCreateCommandQueue"));
  CSA_GO(csa_program_table_create(&device->programs));
  CSA_GO(csa_tuning_load(&device->tuning, &device->info));
  *out = device;
  device = NULL;
done:
  csa_device_close(device);
  return status;
}

csa_status csa_device_open(csa_device **out, const char *name) {
  csa_device_list list;
  int index;
  *out = NULL;
  CSA_TRY(csa_device_list_init(&list));
  csa_status status = csa_device_choose(&list, name, &index);
  if (status == CSA_OK) status = csa_device_open_listed(out, &list, index);
  csa_device_list_fini(&list);
  return status;
}

void csa_device_close(csa_device *device) {
  if (device == NULL) return;
  csa_program_table_destroy(device->programs);
  csa_tuning_destroy(device->tuning);
  if (device->queue != NULL) {
    clFinish(device->queue);
    clReleaseCommandQueue(device->queue);
  }
  if (device->context != NULL) clReleaseContext(device->context);
  free(device);
}

int csa_device_vector(const csa_device_info *info) {
  return info->float_width >= 16 ? 16 : info->float_width >= 8 ? 8 : 4;
}

csa_status csa_device_finish(csa_device *device) {
  return csa_cl_check(clFinish(device->queue), device->info.name, "clFinish");
}

bool csa_device_answers(csa_device *device) {
  cl_int word = 0, error;
  cl_mem memory = clCreateBuffer(device->context, CL_MEM_READ_WRITE, sizeof word, NULL, &error);
  if (memory == NULL) return false;
  const bool answers =
      clEnqueueWriteBuffer(device->queue, memory, CL_TRUE, 0, sizeof word, &word, 0, NULL, NULL) == CL_SUCCESS &&
      clEnqueueReadBuffer(device->queue, memory, CL_TRUE, 0, sizeof word, &word, 0, NULL, NULL) == CL_SUCCESS;
  clReleaseMemObject(memory);
  return answers && clFinish(device->queue) == CL_SUCCESS;
}
