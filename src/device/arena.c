#include "device/arena.h"

#include <stdbool.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b) {
  const csa_block *const x = *(csa_block *const *)a, *const y = *(csa_block *const *)b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x < y ? -1 : x > y; /* the order of declaration decides, so that plans repeat */
}

static int by_offset(const void *a, const void *b) {
  const csa_block *const x = *(csa_block *const *)a, *const y = *(csa_block *const *)b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool lives_meet(const csa_block *a, const csa_block *b) { return a->first <= b->last && b->first <= a->last; }

/* The lowest offset in `buffer` at which `block` is clear of all placed blocks that live at the same time.
 * `sorted` is room for their pointers. */
static uint64_t lowest_gap(const csa_block *block, csa_block *const *placed, size_t count, int buffer,
                           uint64_t alignment, csa_block **sorted) {
  size_t n = 0;
  for (size_t i = 0; i < count; i++)
    if (placed[i]->buffer == buffer && lives_meet(placed[i], block)) sorted[n++] = placed[i];
  qsort(sorted, n, sizeof *sorted, by_offset);
  uint64_t offset = 0;
  for (size_t i = 0; i < n; i++) {
    if (offset + block->bytes <= sorted[i]->offset) return offset;
    const uint64_t end = (sorted[i]->offset + sorted[i]->bytes + alignment - 1) / alignment * alignment;
    if (end > offset) offset = end;
  }
  return offset;
}

csa_status csa_arena_place(csa_block *blocks, size_t count, uint64_t alignment, uint64_t limit, csa_buffers *buffers) {
  csa_block **order = NULL, **sorted = NULL;
  csa_status status;
  buffers->count = 0;
  buffers->bytes = NULL;
  CSA_GO(csa_new(&order, count, sizeof *order));
  CSA_GO(csa_new(&sorted, count, sizeof *sorted));
  CSA_GO(csa_new(&buffers->bytes, count, sizeof *buffers->bytes)); /* at most one buffer a block */
  for (size_t i = 0; i < count; i++) order[i] = &blocks[i];
  qsort(order, count, sizeof *order, by_size);
  for (size_t i = 0; i < count; i++) {
    csa_block *block = order[i];
    if (block->bytes > limit) {
      status = csa_fail(
          CSA_MEMORY, "plan: a tensor of %llu bytes: the device allocates at most %llu at once; a smaller batch helps",
          (unsigned long long)block->bytes, (unsigned long long)limit);
      goto done;
    }
    int buffer = 0;
    uint64_t offset = lowest_gap(block, order, i, buffer, alignment, sorted);
    while (offset + block->bytes > limit) offset = lowest_gap(block, order, i, ++buffer, alignment, sorted);
    block->buffer = buffer;
    block->offset = offset;
    if (buffer >= buffers->count) buffers->count = buffer + 1;
    if (offset + block->bytes > buffers->bytes[buffer]) buffers->bytes[buffer] = offset + block->bytes;
  }
done:
  free(order);
  free(sorted);
  if (status != CSA_OK) {
    free(buffers->bytes);
    buffers->bytes = NULL;
    buffers->count = 0;
  }
  return status;
}
