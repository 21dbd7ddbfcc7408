#include "device/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

csa_status csa_tuning_create(csa_tuning **out, const csa_tuning *copied) {
  csa_tuning *tuning = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_new(&tuning, 1, sizeof *tuning));
  tuning->trial = copied != NULL && copied->trial;
  for (size_t i = 0; copied != NULL && i < copied->count; i++) {
    if (copied->entries[i].count == 0) continue;
    CSA_GO(csa_tuning_put(tuning, &copied->entries[i]));
    tuning->entries[tuning->count - 1].uses = 0;
  }
  *out = tuning;
  tuning = NULL;
done:
  csa_tuning_destroy(tuning);
  return status;
}

void csa_tuning_destroy(csa_tuning *tuning) {
  if (tuning == NULL) return;
  free(tuning->entries);
  free(tuning);
}

csa_tuning_entry *csa_tuning_find(const csa_tuning *tuning, const char *kernel, const char *shape) {
  for (size_t i = 0; i < tuning->count; i++)
    if (strcmp(tuning->entries[i].kernel, kernel) == 0 && strcmp(tuning->entries[i].shape, shape) == 0)
      return &tuning->entries[i];
  return NULL;
}

csa_status csa_tuning_put(csa_tuning *tuning, const csa_tuning_entry *entry) {
  csa_tuning_entry *found = csa_tuning_find(tuning, entry->kernel, entry->shape);
  if (found == NULL) {
    CSA_TRY(csa_grow(&tuning->entries, tuning->count, &tuning->capacity, sizeof *tuning->entries));
    found = &tuning->entries[tuning->count++];
  }
  if (found != entry) *found = *entry;
  return CSA_OK;
}

void csa_tuning_set(csa_tuning_entry *entry, const char *name, int value) {
  int i = 0;
  while (i < entry->count && strcmp(entry->values[i].name, name) != 0) i++;
  if (i == CSA_TUNING_VALUES) return;
  if (i == entry->count) entry->count++;
  snprintf(entry->values[i].name, sizeof entry->values[i].name, "%s", name);
  entry->values[i].value = value;
}

bool csa_tuning_same(const csa_tuning_entry *a, const csa_tuning_entry *b) {
  if (a->count != b->count) return false;
  for (int i = 0; i < a->count; i++)
    if (csa_tuned_value(b, a->values[i].name, -1) != a->values[i].value) return false;
  return true;
}

csa_tuning_entry *csa_tuned(const csa_plan *plan, const char *kernel, const char *shape) {
  csa_tuning_entry *found = csa_tuning_find(plan->tuning, kernel, shape);
  if (found == NULL) {
    csa_tuning_entry asked = {.count = 0};
    snprintf(asked.kernel, sizeof asked.kernel, "%s", kernel);
    snprintf(asked.shape, sizeof asked.shape, "%s", shape);
    if (csa_tuning_put(plan->tuning, &asked) != CSA_OK) return NULL; /* only whoever tunes would miss it */
    found = &plan->tuning->entries[plan->tuning->count - 1];
  }
  found->uses++;
  return found;
}

int csa_tuned_value(const csa_tuning_entry *entry, const char *name, int fallback) {
  for (int i = 0; entry != NULL && i < entry->count; i++)
    if (strcmp(entry->values[i].name, name) == 0) return entry->values[i].value;
  return fallback;
}

int csa_tuning_used(const csa_tuning *tuning) {
  int used = 0;
  for (size_t i = 0; i < tuning->count; i++) used += tuning->entries[i].count > 0 && tuning->entries[i].uses > 0;
  return used;
}

void csa_tuned_refuse(const csa_plan *plan, csa_tuning_entry *entry, const char *why) {
  if (!plan->tuning->trial)
    csa_log("tuning: %s %s: on %s %s; the defaults are used", entry->kernel, entry->shape, plan->device->info.name,
            why);
  entry->count = 0;
}
