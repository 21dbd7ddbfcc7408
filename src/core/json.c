#include "core/json.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static atomic_bool starved;

static void *allocate(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL) atomic_store(&starved, true);
  return memory;
}

void csa_json_watch(void) { json_set_alloc_funcs(allocate, free); }

csa_status csa_json_check(void) {
  return atomic_load(&starved) ? csa_fail(CSA_MEMORY, "json: the host has no more memory") : CSA_OK;
}
