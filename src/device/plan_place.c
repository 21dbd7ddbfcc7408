/* Where the tensors of a recorded plan lie. */
#include <stdlib.h>

#include "device/arena.h"
#include "device/plan.h"

/* The workspace goes to CLBlast as a whole buffer, so it is an arena buffer of its own: it is the only tensor placed by
 * hand. */
static csa_status place_workspace(csa_plan *plan, csa_arena *arena) {
  if (plan->workspace == NULL) return CSA_OK;
  uint64_t *grown = realloc(arena->bytes, (size_t)(arena->count + 1) * sizeof *grown);
  if (grown == NULL) return csa_fail(CSA_MEMORY, "plan: the host has no more memory");
  arena->bytes = grown;
  arena->bytes[arena->count] = csa_tensor_bytes(plan->workspace);
  plan->workspace->buffer = arena->count++;
  plan->workspace->offset = 0;
  return CSA_OK;
}

static bool is_placed_with(const csa_plan *plan, const csa_tensor *tensor, csa_role role) {
  return tensor->role == role && tensor->base == NULL && tensor != plan->workspace;
}

static csa_status place_role(csa_plan *plan, csa_role role) {
  csa_block *blocks = NULL;
  csa_buffers buffers = {0};
  csa_status status;
  const bool whole_life = role != CSA_TRANSIENT || plan->keep_all;
  size_t count = 0, next = 0;
  CSA_GO(csa_new(&blocks, plan->tensor_count, sizeof *blocks));
  for (size_t i = 0; i < plan->tensor_count; i++) {
    const csa_tensor *t = plan->tensors[i];
    if (!is_placed_with(plan, t, role)) continue;
    const uint64_t bytes = csa_tensor_bytes(t);
    blocks[count++] =
        (csa_block){bytes > 0 ? bytes : 1, whole_life ? 0 : t->first, whole_life ? INT32_MAX : t->last, 0, 0};
  }
  CSA_GO(csa_arena_place(blocks, count, plan->device->info.alignment, plan->device->info.max_alloc_bytes, &buffers));
  for (size_t i = 0; i < plan->tensor_count; i++) {
    csa_tensor *t = plan->tensors[i];
    if (!is_placed_with(plan, t, role)) continue;
    t->buffer = blocks[next].buffer;
    t->offset = blocks[next++].offset / csa_dtype_size(t->dtype);
  }
  plan->arenas[role].bytes = buffers.bytes;
  plan->arenas[role].count = buffers.count;
  if (role == CSA_DATA) status = place_workspace(plan, &plan->arenas[role]);
done:
  free(blocks);
  return status;
}

static void place_views(csa_plan *plan) {
  for (size_t i = 0; i < plan->tensor_count; i++) {
    csa_tensor *t = plan->tensors[i];
    if (t->base == NULL) continue;
    t->buffer = t->base->buffer;
    t->offset = t->base->offset + (uint64_t)t->start;
  }
}

csa_status csa_plan_place(csa_plan *plan) {
  for (int role = 0; role < CSA_ROLES; role++) CSA_TRY(place_role(plan, (csa_role)role));
  place_views(plan);
  const uint64_t needed = csa_plan_bytes(plan), there = plan->device->info.global_bytes;
  if (needed > there)
    return csa_fail(CSA_MEMORY, "plan: %llu MiB are needed, but %s has %llu MiB; a smaller batch helps",
                    (unsigned long long)(needed >> 20), plan->device->info.name, (unsigned long long)(there >> 20));
  return CSA_OK;
}

uint64_t csa_arena_bytes(const csa_plan *plan, csa_role role) {
  uint64_t total = 0;
  for (int i = 0; i < plan->arenas[role].count; i++) total += plan->arenas[role].bytes[i];
  return total;
}

uint64_t csa_plan_bytes(const csa_plan *plan) {
  uint64_t total = 0;
  for (int role = 0; role < CSA_ROLES; role++) total += csa_arena_bytes(plan, (csa_role)role);
  return total;
}
