/* Where blocks of memory go, given when each is in use: blocks whose lives do not meet may share a place. Pure
 * arithmetic; nothing is allocated here. */
#ifndef CSA_DEVICE_ARENA_H
#define CSA_DEVICE_ARENA_H

#include <stdint.h>

#include "core/status.h"

typedef struct {
  uint64_t bytes;
  int first, last; /* life, both ends included */
  int buffer;      /* out: which buffer */
  uint64_t offset; /* out: bytes from its start, a multiple of the alignment */
} csa_block;

typedef struct {
  uint64_t *bytes; /* [count], released with free() */
  int count;
} csa_buffers;

/* Places all blocks in buffers of at most `limit` bytes, the largest block first, each in the lowest gap that is free
 * during its life (first fit, decreasing). A block larger than the limit is CSA_MEMORY. */
csa_status csa_arena_place(csa_block *blocks, size_t count, uint64_t alignment, uint64_t limit, csa_buffers *buffers);

#endif
