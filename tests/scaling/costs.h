/* What launches cost: for each (kernel, options, scalar arguments, sizes, kind of device) the least time that one took.
 */
#pragma once

#include <CL/cl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct slow_cost {
  uint64_t key;
  int64_t first, least, sum; /* nanoseconds; the first launch of a process counts only if it stays the only one */
  unsigned seen;
  bool given; /* by the file: stays as it is */
  size_t global;
  char name[64];
} slow_cost;

/* What a kernel is, as far as its cost goes: kept from clCreateKernel and clSetKernelArg on. */
void slow_kernel_made(cl_kernel kernel, cl_program program, const char *name);
void slow_kernel_argument(cl_kernel kernel, cl_uint index, size_t size, const void *value);

/* The entry of a launch on a device, made at the first call; NULL: no memory. It stays where it is. */
slow_cost *slow_cost_find(cl_kernel kernel, uint64_t device, cl_uint dimensions, const size_t *global,
                          const size_t *local);

/* Takes a duration into account; what a launch costs, 0 as long as nothing is known. */
void slow_cost_add(slow_cost *cost, int64_t duration);
int64_t slow_cost_value(const slow_cost *cost);

/* A file of costs: a line "KEY LEAST MEAN COUNT GLOBAL NAME" each, in nanoseconds. One that is missing has none; false:
 * it is not such a file. Written under another name first, so that nobody reads half of it. */
bool slow_costs_read(const char *path, bool given); /* given: measuring is over */
bool slow_costs_write(const char *path);
void slow_costs_free(void);

uint64_t slow_hash(uint64_t hash, const void *bytes, size_t size);
#define SLOW_HASH_START 14695981039346656037u
