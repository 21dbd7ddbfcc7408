/* Which chip a device is: two OpenCL implementations may show the same one, and then it must not count twice. */
#ifndef CSA_DEVICE_CHIP_H
#define CSA_DEVICE_CHIP_H

#include <stdbool.h>

#include "device/device.h"

#define CSA_CHIP 40

/* clGetDeviceInfo, or what stands in for it. */
typedef cl_int (*csa_device_query)(cl_device_id device, cl_device_info what, size_t size, void *value, size_t *got);

/* "host processor" for every CPU device; "PCI 0000:3b:00.0" where cl_khr_pci_bus_info, cl_nv_device_attribute_query or
 * AMD's topology say where the device sits; else empty: not known. AMD does not say the PCI domain: it is that of the
 * one card with such an address below `root` ("" for the machine itself); where there are several, it is not known. */
void csa_chip_find(const csa_device_info *info, csa_device_query query, const char *root, char chip[CSA_CHIP]);

/* Whether both are known and the same. */
bool csa_chip_same(const char *a, const char *b);

#endif
