/* Looks at a machine's OpenCL set-up from the outside in: drivers registered, cards present, permissions, devices that
 * work; and says what to do about what is amiss. */
#ifndef CSA_DEVICE_SETUP_H
#define CSA_DEVICE_SETUP_H

#include "device/device.h"

typedef enum { CSA_FINDING_OK, CSA_FINDING_WARNING, CSA_FINDING_PROBLEM } csa_finding_level;

typedef struct {
  csa_finding_level level;
  char what[128]; /* "/etc/OpenCL/vendors/pocl.icd" */
  char why[384];  /* how it is; never empty */
  char todo[256]; /* what to do; empty where nothing is */
} csa_finding;

typedef struct {
  csa_finding *list;
  size_t count, capacity;
  int working;          /* devices that computed what they should */
  char usable[16];      /* short name of the default among them: a GPU before a CPU */
  bool usable_is_a_gpu; /* that it is one */
} csa_findings;

/* What is looked at: files below `root` ("" for the machine itself) with the eyes of a user. */
typedef struct {
  const char *root;
  const char *vendors;     /* $OCL_ICD_VENDORS: a folder, an .icd file or a library; NULL or empty: `vendor_path` */
  const char *vendor_path; /* $OPENCL_VENDOR_PATH, a folder; NULL or empty: /etc/OpenCL/vendors below root */
  int (*access)(const char *path, int mode); /* POSIX access(), which knows groups and access control lists */
} csa_host;

/* Drivers' .icd files, platforms without devices, cards on the PCI bus beside `devices` (NULL: none are known), their
 * device files. */
csa_status csa_setup_check_host(csa_findings *findings, const csa_host *host, const csa_device_list *devices);

/* The cache of compiled kernels; every device: its version, its compiler, a small kernel whose numbers are checked. */
csa_status csa_setup_check_devices(csa_findings *findings, const csa_device_list *devices);

void csa_findings_fini(csa_findings *findings);

#endif
