#include "cli/device_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

static csa_status add(csa_device_set *set, const csa_device_list *list, int index) {
  csa_device *device;
  CSA_TRY(csa_device_open_listed(&device, list, index));
  set->devices[set->count++] = device;
  return CSA_OK;
}

static csa_status add_named(csa_device_set *set, const csa_device_list *list, const char *name) {
  int index;
  if (set->count == CSA_REPLICAS_MAX)
    return csa_fail(CSA_USAGE, "--device: %s: more than %d devices", name, CSA_REPLICAS_MAX);
  CSA_TRY(csa_device_choose(list, name, &index));
  for (int i = 0; i < set->count; i++)
    if (set->devices[i]->info.id == list->devices[index].id)
      return csa_fail(CSA_USAGE, "--device: %s: named twice", name);
  return add(set, list, index);
}

/* NULL: those of $CLSATTN_DEVICE. */
static csa_status add_all(csa_device_set *set, const csa_device_list *list, const char *names) {
  if (names == NULL) names = getenv("CLSATTN_DEVICE");
  if (names == NULL || names[0] == '\0') return add_named(set, list, ""); /* the default */
  while (true) {
    char name[64];
    const size_t length = strcspn(names, ",");
    if (length == 0 || length >= sizeof name)
      return csa_fail(CSA_USAGE, "--device: %s: must be names of devices with commas between", names);
    snprintf(name, sizeof name, "%.*s", (int)length, names);
    CSA_TRY(add_named(set, list, name));
    if (names[length] == '\0') return CSA_OK;
    names += length + 1;
  }
}

csa_status csa_device_set_open(csa_device_set *set, const char *names) {
  csa_device_list list;
  *set = (csa_device_set){0};
  CSA_TRY(csa_device_list_init(&list));
  const csa_status status = add_all(set, &list, names);
  csa_device_list_fini(&list);
  return status;
}

/* Devices may be alike: each stands for one of the run's. */
static int find(const csa_device_list *list, bool *taken, const csa_config_device *wanted) {
  for (int i = 0; i < list->count; i++)
    if (!taken[i] && csa_config_device_is(wanted, &list->devices[i])) {
      taken[i] = true;
      return i;
    }
  return -1;
}

static csa_status add_before(csa_device_set *set, const csa_device_list *list, const csa_config *config) {
  bool *taken = NULL;
  csa_status status;
  CSA_GO(csa_new(&taken, (size_t)list->count + 1, sizeof *taken));
  for (int i = 0; i < config->replica_count; i++) {
    const int index = find(list, taken, &config->replicas[i].device);
    if (index >= 0) CSA_GO(add(set, list, index));
  }
  if (set->count == 0) status = add_all(set, list, NULL);
done:
  free(taken);
  return status;
}

csa_status csa_device_set_reopen(csa_device_set *set, const csa_config *config) {
  csa_device_list list;
  *set = (csa_device_set){0};
  CSA_TRY(csa_device_list_init(&list));
  const csa_status status = add_before(set, &list, config);
  csa_device_list_fini(&list);
  return status;
}

void csa_device_set_close(csa_device_set *set) {
  for (int i = 0; i < set->count; i++) csa_device_close(set->devices[i]);
  set->count = 0;
}

void csa_device_set_adopt(const csa_device_set *set, csa_config *config) {
  const int count = config->replica_count;
  bool same = set->count == count;
  for (int i = 0; i < set->count; i++) {
    const bool known = i < count;
    const csa_config_device *before = &config->replicas[known ? i : 0].device;
    const csa_device_info *now = &set->devices[i]->info;
    if (known && csa_config_device_is(before, now)) continue;
    same = false;
    csa_log("the run was on %s (driver %s); kernels are chosen anew for %s (driver %s), so the last digits differ",
            before->device, before->driver, now->device, now->driver);
    if (!known) config->replicas[config->replica_count++] = (csa_config_replica){0};
    config->replicas[i].choices = (csa_choices){.precision = config->replicas[0].choices.precision};
  }
  if (same) return;
  if (set->count > 1 || count > 1)
    csa_log("the run was on %d device%s and goes on on %d: a batch is shared anew", count, count > 1 ? "s" : "",
            set->count);
  config->shares[0] = '\0';
}
