/* OpenCL devices: which there are, what they are called and can do, and one opened for work. */
#ifndef CSA_DEVICE_DEVICE_H
#define CSA_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "device/opencl.h"

/* Type, not vendor, decides what runs on a device. */
typedef enum { CSA_CPU, CSA_GPU, CSA_ACCELERATOR } csa_device_type;

typedef struct {
  char name[16];       /* short name: nv0, amd0, intel0, arm0, cpu0, dev0 */
  int platform_number; /* PLATFORM:DEVICE names the device too */
  int device_number;
  cl_platform_id platform_id;
  cl_device_id id;
  char platform[128];
  char device[128];
  char vendor[128];
  char version[128];
  char driver[128];
  csa_device_type type;
  int compute_units;
  uint64_t global_bytes, local_bytes, max_alloc_bytes;
  size_t max_work_group;
  size_t alignment; /* of a tensor in a buffer, bytes */
  int float_width;  /* native vector width, floats */
  bool fp16, subgroups;
  int subgroups_c;        /* the version of OpenCL C that has them: 2 or 3; 0 without */
  int narrowest_subgroup; /* the least width that a kernel may ask for (cl_intel_required_subgroup_size); 0: it may not
                           */
} csa_device_info;

typedef struct {
  csa_device_info *devices;
  int count;
  int platforms;
  char notes[1024]; /* a line for each platform or device that is left out, and why; else empty */
} csa_device_list;

/* Every device of every platform, in ICD order. No platform at all is CSA_DEVICE, and says how to install PoCL;
 * platforms without devices, and devices that do not say what they are, are noted and passed over. Released by
 * csa_device_list_fini. */
csa_status csa_device_list_init(csa_device_list *list);
void csa_device_list_fini(csa_device_list *list);

/* Its place in the list, by short name or PLATFORM:DEVICE; NULL: $CLSATTN_DEVICE, else the first GPU, else the first
 * CPU. One that is not there is CSA_DEVICE, and the sentence lists those that are; several names are CSA_USAGE. */
csa_status csa_device_choose(const csa_device_list *list, const char *name, int *index);

/* "cpu", "gpu", "accelerator" */
const char *csa_device_type_text(csa_device_type type);

/* Floats of the vectors that the kernels of cl/cpu/ work in there: 16, 8 or 4. */
int csa_device_vector(const csa_device_info *info);

/* A device at work: its context, one in-order queue, the programs built for it (owned by device/program.c), and what is
 * known of its kernels' best parameters. One without all these, of which only `info` is known, serves to record plans,
 * with no OpenCL call; they cannot be bound. */
struct csa_device {
  csa_device_info info;
  cl_context context;
  cl_command_queue queue;
  struct csa_program_table *programs;
  struct csa_tuning *tuning;
};

/* Opens one of a list, which need not live as long; csa_device_open, of clsattn.h, makes a list of its own. */
csa_status csa_device_open_listed(csa_device **device, const csa_device_list *list, int index);

/* Waits until all that was queued is done. */
csa_status csa_device_finish(csa_device *device);

/* Whether it still does what it is told. */
bool csa_device_answers(csa_device *device);

#endif
