#include "scaling/costs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opencl/layer.h"

#define SLOTS 4096 /* of either table, more than a run has of both */
#define ARGUMENTS 64
#define HEAD "# slow: costs of kernels, 1\n"

typedef struct {
  cl_kernel id;
  uint64_t made; /* name and options */
  uint64_t arguments[ARGUMENTS];
  char name[64];
} kernel_entry;

static kernel_entry *kernels[SLOTS];
static slow_cost *costs[SLOTS];

uint64_t slow_hash(uint64_t hash, const void *bytes, size_t size) {
  const unsigned char *byte = bytes;
  for (size_t i = 0; i < size; i++) hash = (hash ^ byte[i]) * 1099511628211u;
  return hash;
}

/* A handle that was released comes back as another kernel: its entry is made anew then. */
static kernel_entry *kernel_find(cl_kernel id, bool make) {
  const size_t start = (size_t)slow_hash(SLOW_HASH_START, &id, sizeof id);
  for (size_t i = 0; i < SLOTS; i++) {
    kernel_entry **slot = &kernels[(start + i) % SLOTS];
    if (*slot != NULL && (*slot)->id == id) return *slot;
    if (*slot != NULL) continue;
    if (!make || (*slot = calloc(1, sizeof **slot)) == NULL) return NULL;
    (*slot)->id = id;
    return *slot;
  }
  return NULL;
}

/* Options say more than a name does: most shapes are macros. */
static uint64_t hash_options(uint64_t hash, cl_program program) {
  cl_uint count = 0;
  cl_device_id *devices = NULL;
  size_t size = 0;
  char *options = NULL;
  if (next->clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof count, &count, NULL) != CL_SUCCESS || count == 0)
    return hash;
  devices = calloc(count, sizeof *devices);
  if (devices != NULL &&
      next->clGetProgramInfo(program, CL_PROGRAM_DEVICES, count * sizeof *devices, devices, NULL) == CL_SUCCESS &&
      next->clGetProgramBuildInfo(program, devices[0], CL_PROGRAM_BUILD_OPTIONS, 0, NULL, &size) == CL_SUCCESS)
    options = calloc(size + 1, 1);
  if (options != NULL &&
      next->clGetProgramBuildInfo(program, devices[0], CL_PROGRAM_BUILD_OPTIONS, size, options, NULL) == CL_SUCCESS)
    hash = slow_hash(hash, options, strlen(options));
  free(options);
  free(devices);
  return hash;
}

void slow_kernel_made(cl_kernel id, cl_program program, const char *name) {
  kernel_entry *kernel = kernel_find(id, true);
  if (kernel == NULL) return;
  memset(kernel->arguments, 0, sizeof kernel->arguments);
  snprintf(kernel->name, sizeof kernel->name, "%s", name);
  kernel->made = hash_options(slow_hash(SLOW_HASH_START, name, strlen(name)), program);
}

/* Numbers up to 4 bytes; what is as long as a buffer's handle may be one, and differs from run to run. */
void slow_kernel_argument(cl_kernel id, cl_uint index, size_t size, const void *value) {
  kernel_entry *kernel = kernel_find(id, false);
  if (kernel == NULL || index >= ARGUMENTS || size > 4 || value == NULL) return;
  kernel->arguments[index] = slow_hash(SLOW_HASH_START + index, value, size);
}

static slow_cost *cost_entry(uint64_t key) {
  for (size_t i = 0; i < SLOTS; i++) {
    slow_cost **slot = &costs[(key + i) % SLOTS];
    if (*slot != NULL && (*slot)->key == key) return *slot;
    if (*slot != NULL) continue;
    if ((*slot = calloc(1, sizeof **slot)) != NULL) (*slot)->key = key;
    return *slot;
  }
  return NULL;
}

slow_cost *slow_cost_find(cl_kernel id, uint64_t device, cl_uint dimensions, const size_t *global,
                          const size_t *local) {
  const kernel_entry *kernel = kernel_find(id, true);
  if (kernel == NULL) return NULL;
  uint64_t key = slow_hash(device, &kernel->made, sizeof kernel->made);
  size_t items = 1;
  key = slow_hash(key, kernel->arguments, sizeof kernel->arguments);
  key = slow_hash(key, global, dimensions * sizeof *global);
  if (local != NULL) key = slow_hash(key, local, dimensions * sizeof *local);
  for (cl_uint i = 0; i < dimensions; i++) items *= global[i];
  slow_cost *cost = cost_entry(key);
  if (cost == NULL || cost->name[0] != '\0') return cost;
  cost->global = items;
  snprintf(cost->name, sizeof cost->name, "%s", kernel->name[0] != '\0' ? kernel->name : "unnamed");
  return cost;
}

/* A driver may still compile at the first launch. */
void slow_cost_add(slow_cost *cost, int64_t duration) {
  if (cost->given) return;
  if (cost->first == 0) {
    cost->first = duration;
    return;
  }
  if (cost->least == 0 || duration < cost->least) cost->least = duration;
  cost->sum += duration;
  cost->seen++;
}

int64_t slow_cost_value(const slow_cost *cost) {
  if (cost->given) return cost->sum / cost->seen;
  return cost->least > 0 ? cost->least : cost->first;
}

bool slow_costs_read(const char *path, bool given) {
  char line[256], name[64], end;
  uint64_t key;
  int64_t least, mean;
  unsigned seen;
  size_t global;
  FILE *file = fopen(path, "r");
  if (file == NULL) return true;
  bool good = fgets(line, sizeof line, file) != NULL && strcmp(line, HEAD) == 0;
  while (good && fgets(line, sizeof line, file) != NULL) {
    good = sscanf(line, "%" SCNx64 " %" SCNd64 " %" SCNd64 " %u %zu %63s%c", &key, &least, &mean, &seen, &global, name,
                  &end) == 7 &&
           end == '\n' && least > 0 && mean >= least && mean < INT64_MAX / UINT32_MAX && seen > 0;
    slow_cost *cost = good ? cost_entry(key) : NULL;
    if (cost == NULL) break;
    cost->least = least;
    cost->sum = mean * seen;
    cost->seen = seen;
    cost->global = global;
    cost->given = given;
    snprintf(cost->name, sizeof cost->name, "%s", name);
  }
  good = good && !ferror(file);
  fclose(file);
  return good;
}

bool slow_costs_write(const char *path) {
  char temporary[4096];
  const int length = snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
  FILE *file = length < (int)sizeof temporary ? fopen(temporary, "w") : NULL;
  if (file == NULL) return false;
  fputs(HEAD, file);
  for (size_t i = 0; i < SLOTS; i++) {
    const slow_cost *cost = costs[i];
    if (cost == NULL || cost->first + cost->least == 0) continue;
    const unsigned seen = cost->seen > 0 ? cost->seen : 1;
    const int64_t least = cost->seen > 0 ? cost->least : cost->first;
    const int64_t mean = cost->seen > 0 ? cost->sum / cost->seen : cost->first;
    fprintf(file, "%016" PRIx64 " %" PRId64 " %" PRId64 " %u %zu %s\n", cost->key, least, mean, seen, cost->global,
            cost->name);
  }
  const bool written = !ferror(file);
  if (fclose(file) == 0 && written && rename(temporary, path) == 0) return true;
  remove(temporary);
  return false;
}

void slow_costs_free(void) {
  for (size_t i = 0; i < SLOTS; i++) {
    free(kernels[i]);
    free(costs[i]);
    kernels[i] = NULL;
    costs[i] = NULL;
  }
}
