/* What config.json says of a device of a run, and of the kernels chosen for it. */
#ifndef CSA_TRAIN_CONFIG_DEVICE_H
#define CSA_TRAIN_CONFIG_DEVICE_H

#include <jansson.h>

#include "train/config.h"

/* New references, NULL without memory or where a name is not UTF-8. */
json_t *csa_config_device_to_json(const csa_config_device *device);
json_t *csa_choices_to_json(const csa_choices *choices);

/* Takes over those that are there; the tuning, which is of one device, is not. */
csa_status csa_choices_apply(const json_t *object, csa_choices *choices);

/* What is missing or of the wrong kind is CSA_INPUT and named. *tuning becomes the one in `choices`, to be released
 * even after a failure. */
csa_status csa_config_device_from_json(const json_t *object, csa_config_device *device);
csa_status csa_choices_from_json(const json_t *object, csa_choices *choices, csa_tuning **tuning);

#endif
