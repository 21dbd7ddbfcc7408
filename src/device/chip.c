#include "device/chip.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

/* Registered numbers of extensions that OpenCL 1.2's header does not have. */
#define PCI_BUS_INFO_KHR 0x410F
#define PCI_BUS_ID_NV 0x4008
#define PCI_SLOT_ID_NV 0x4009
#define PCI_DOMAIN_ID_NV 0x400A
#define TOPOLOGY_AMD 0x4037
#define TOPOLOGY_TYPE_PCIE_AMD 1

typedef struct {
  bool known, domain_known;
  cl_uint domain, bus, device, function;
} pci_address;

static bool ask(csa_device_query query, cl_device_id id, cl_device_info what, void *value, size_t size) {
  size_t got = 0;
  return query(id, what, size, value, &got) == CL_SUCCESS && got == size;
}

static pci_address khronos(csa_device_query query, cl_device_id id) {
  cl_uint v[4]; /* domain, bus, device, function */
  if (!ask(query, id, PCI_BUS_INFO_KHR, v, sizeof v)) return (pci_address){0};
  return (pci_address){true, true, v[0], v[1], v[2], v[3]};
}

/* The slot is device and function in one. Drivers from before the domain could be asked for leave it open. */
static pci_address nvidia(csa_device_query query, cl_device_id id) {
  cl_uint bus, slot, domain = 0;
  if (!ask(query, id, PCI_BUS_ID_NV, &bus, sizeof bus) || !ask(query, id, PCI_SLOT_ID_NV, &slot, sizeof slot))
    return (pci_address){0};
  const bool domain_known = ask(query, id, PCI_DOMAIN_ID_NV, &domain, sizeof domain);
  return (pci_address){true, domain_known, domain, bus, slot >> 3, slot & 7};
}

static pci_address amd(csa_device_query query, cl_device_id id) {
  struct {
    cl_uint type;
    cl_uchar unused[17], bus, device, function;
  } topology;
  _Static_assert(sizeof topology == 24, "as cl_ext.h has it");
  if (!ask(query, id, TOPOLOGY_AMD, &topology, sizeof topology) || topology.type != TOPOLOGY_TYPE_PCIE_AMD)
    return (pci_address){0};
  return (pci_address){true, false, 0, topology.bus, topology.device, topology.function};
}

/* The domain of the only card that has this address in any. */
static void find_domain(pci_address *a, const char *root) {
  char pattern[512];
  glob_t cards;
  snprintf(pattern, sizeof pattern, "%s/sys/bus/pci/devices/*:%02x:%02x.%x", root, a->bus, a->device, a->function);
  if (glob(pattern, GLOB_NOSORT, NULL, &cards) != 0) return;
  const char *name = strrchr(cards.gl_pathv[0], '/');
  if (cards.gl_pathc == 1 && name != NULL && sscanf(name + 1, "%x:", &a->domain) == 1) a->domain_known = true;
  globfree(&cards);
}

void csa_chip_find(const csa_device_info *info, csa_device_query query, const char *root, char chip[CSA_CHIP]) {
  pci_address a = {0};
  chip[0] = '\0';
  if (info->type == CSA_CPU) {
    snprintf(chip, CSA_CHIP, "host processor");
    return;
  }
  static pci_address (*const ways[])(csa_device_query, cl_device_id) = {khronos, nvidia, amd};
  for (size_t i = 0; i < sizeof ways / sizeof ways[0] && !a.known; i++) a = ways[i](query, info->id);
  if (a.known && !a.domain_known) find_domain(&a, root);
  if (a.known && a.domain_known)
    snprintf(chip, CSA_CHIP, "PCI %04x:%02x:%02x.%x", a.domain, a.bus, a.device, a.function);
}

bool csa_chip_same(const char *a, const char *b) { return a[0] != '\0' && strcmp(a, b) == 0; }
