/* The devices that one run is on: those that --device names, or those of an earlier run. */
#ifndef CSA_CLI_DEVICE_SET_H
#define CSA_CLI_DEVICE_SET_H

#include "train/config.h"

typedef struct {
  csa_device *devices[CSA_REPLICAS_MAX];
  int count;
} csa_device_set;

/* Opens the devices of a list like "amd0,cpu0"; NULL: $CLSATTN_DEVICE, else the default. One that is named twice is
 * CSA_USAGE. Also after a failure csa_device_set_close releases what there is. */
csa_status csa_device_set_open(csa_device_set *set, const char *names);

/* Those that a run was on, as far as they are there; else the default. */
csa_status csa_device_set_reopen(csa_device_set *set, const csa_config *config);
void csa_device_set_close(csa_device_set *set);

/* Makes the choices of an earlier run fit: devices that are others than before choose kernels anew, other devices
 * altogether share anew; the log says so. */
void csa_device_set_adopt(const csa_device_set *set, csa_config *config);

#endif
