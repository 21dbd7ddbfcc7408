#include "device/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/embedded.h"
#include "core/file.h"
#include "core/log.h"
#include "device/cache.h"

#define SOURCE_MAX ((uint64_t)1 << 22)

typedef struct {
  char key[33];
  cl_program program;
} entry;

struct csa_program_table {
  entry *entries;
  size_t count, capacity;
};

csa_status csa_program_table_create(struct csa_program_table **table) { return csa_new(table, 1, sizeof **table); }

void csa_program_table_destroy(struct csa_program_table *table) {
  if (table == NULL) return;
  for (size_t i = 0; i < table->count; i++) clReleaseProgram(table->entries[i].program);
  free(table->entries);
  free(table);
}

/* The folder that replaces the embedded kernels, or NULL. */
static const char *kernel_folder(void) {
  const char *folder = getenv("CLSATTN_KERNEL_DIR");
  if (folder == NULL || folder[0] == '\0') folder = CSA_KERNELS_FROM;
  return folder[0] != '\0' ? folder : NULL;
}

static const char *embedded(const char *file) {
  for (const csa_embedded *text = csa_kernel_texts; text->name != NULL; text++)
    if (strcmp(text->name, file) == 0) return text->text;
  return NULL;
}

static bool file_exists(const char *file) {
  char path[1024];
  const char *folder = kernel_folder();
  if (folder == NULL) return embedded(file) != NULL;
  snprintf(path, sizeof path, "%s/%s", folder, file);
  return access(path, R_OK) == 0;
}

bool csa_program_exists(const char *name) {
  char file[256];
  snprintf(file, sizeof file, "%s.cl", name);
  return file_exists(file);
}

/* The text of one file, on the heap. */
static csa_status read_text(const char *file, char **text) {
  const char *folder = kernel_folder();
  if (folder == NULL) {
    const char *found = embedded(file);
    if (found == NULL) return csa_fail(CSA_DEVICE, "kernel file %s: not in this build", file);
    return csa_copy_text(text, found);
  }
  char path[1024];
  size_t size = 0;
  snprintf(path, sizeof path, "%s/%s", folder, file);
  const csa_status status = csa_file_read(path, SOURCE_MAX, (uint8_t **)text, &size);
  if (status != CSA_INPUT) return status;
  char why[sizeof path + 256];
  snprintf(why, sizeof why, "%s", csa_last_error());
  return csa_fail(status, "%s\n  CLSATTN_KERNEL_DIR names the folder that kernels are read from, by its whole path",
                  why);
}

/* Appends a file, with a #line so that the compiler's messages name file and line. */
static csa_status append_file(char **source, const char *file) {
  char *text = NULL;
  CSA_TRY(read_text(file, &text));
  const size_t used = *source != NULL ? strlen(*source) : 0, size = used + strlen(file) + strlen(text) + 32;
  char *grown = realloc(*source, size);
  if (grown != NULL) {
    snprintf(grown + used, size - used, "#line 1 \"%s\"\n%s\n", file, text);
    *source = grown;
  }
  free(text);
  return grown != NULL ? CSA_OK : csa_fail(CSA_MEMORY, "program: %s: the host has no more memory", file);
}

csa_status csa_program_source(const char *name, char **source) {
  const bool cpu = strncmp(name, "cpu/", 4) == 0;
  char file[256], shared[256];
  snprintf(file, sizeof file, "%s.cl", name);
  snprintf(shared, sizeof shared, "%s.clh", cpu ? name + 4 : name); /* what both families have of it */
  *source = NULL;
  CSA_TRY(append_file(source, "common.clh"));
  if (cpu) CSA_TRY(append_file(source, "cpu/common.clh"));
  if (file_exists(shared)) CSA_TRY(append_file(source, shared));
  return append_file(source, file);
}

static csa_status build_failed(csa_device *device, const char *name, const char *options, cl_program program,
                               cl_int error) {
  size_t size = 0;
  char *log = NULL;
  if (clGetProgramBuildInfo(program, device->info.id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS) size = 0;
  CSA_TRY(csa_new(&log, size + 1, 1));
  if (size > 0) clGetProgramBuildInfo(program, device->info.id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
  csa_fail(
      CSA_DEVICE,
      "program %s.cl on %s: clBuildProgram: %s (%s)\n"
      "  what its compiler says follows; where no kernel was changed, try --kernels portable, another --device, or\n"
      "  another version of %s\n"
      "  options: %s\n%.8000s",
      name, device->info.name, csa_cl_error_name(error), csa_cl_error_meaning(error), device->info.platform, options,
      log);
  free(log);
  return CSA_DEVICE;
}

static csa_status build_source(csa_device *device, const char *name, const char *options, const char *source,
                               cl_program *out) {
  cl_int error;
  cl_program program = clCreateProgramWithSource(device->context, 1, &source, NULL, &error);
  CSA_TRY(csa_cl_check(error, name, "clCreateProgramWithSource"));
  error = clBuildProgram(program, 1, &device->info.id, options, NULL, NULL);
  if (error != CL_SUCCESS) {
    const csa_status status = build_failed(device, name, options, program, error);
    clReleaseProgram(program);
    return status;
  }
  *out = program;
  return CSA_OK;
}

/* A driver may refuse its own binary after an update; then the source is built. */
static bool build_binary(csa_device *device, const char *key, const char *options, cl_program *out) {
  uint8_t *binary = NULL;
  size_t size = 0;
  if (!csa_cache_load(key, &binary, &size)) return false;
  cl_int error, loaded = CL_SUCCESS;
  const unsigned char *binaries[] = {binary};
  cl_program program =
      clCreateProgramWithBinary(device->context, 1, &device->info.id, &size, binaries, &loaded, &error);
  free(binary);
  if (error == CL_SUCCESS) error = loaded;
  if (error == CL_SUCCESS) error = clBuildProgram(program, 1, &device->info.id, options, NULL, NULL);
  if (error == CL_SUCCESS) {
    *out = program;
    return true;
  }
  csa_log("cache: %s.bin was refused by the driver (%s) and is built again", key, csa_cl_error_name(error));
  if (program != NULL) clReleaseProgram(program);
  return false;
}

static void store_binary(const char *key, cl_program program) {
  size_t size = 0;
  if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS || size == 0) return;
  uint8_t *binary = NULL;
  if (csa_new(&binary, size, 1) != CSA_OK) return;
  unsigned char *binaries[] = {binary};
  if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binaries, binaries, NULL) == CL_SUCCESS)
    csa_cache_store(key, binary, size);
  free(binary);
}

static csa_status remember(struct csa_program_table *table, const char *key, cl_program program) {
  CSA_TRY(csa_grow(&table->entries, table->count, &table->capacity, sizeof *table->entries));
  entry *added = &table->entries[table->count++];
  memcpy(added->key, key, sizeof added->key);
  added->program = program;
  return CSA_OK;
}

/* A program that is wanted: its text, what it is built with, and its name in table and cache. */
typedef struct {
  char *source; /* on the heap */
  char options[1024];
  char key[33];
} recipe;

/* PoCL 3.1 gives back a loaded kernel by its name and group size alone, whatever grid it was loaded for; where three
 * devices use one at once, it may count the wrong one down too often, and aborts. Two have one count to spare: so every
 * pair has options, and by that kernels, of its own. */
static int pair_of(const csa_device_info *info) {
  return strcmp(info->platform, "Portable Computing Language") == 0 ? info->device_number / 2 : 0;
}

static csa_status recipe_of(const csa_device *device, const char *name, const char *options, recipe *r) {
  r->source = NULL;
  const char *standard = strstr(options, "-cl-std=") == NULL ? "-cl-std=CL1.2 " : ""; /* else what the options say */
  const int used = snprintf(r->options, sizeof r->options, "%s-cl-kernel-arg-info %s", standard, options);
  if (pair_of(&device->info) > 0)
    snprintf(r->options + used, sizeof r->options - (size_t)used, " -DPAIR=%d", pair_of(&device->info));
  CSA_TRY(csa_program_source(name, &r->source));
  csa_cache_key(r->key, &device->info, r->source, r->options);
  return CSA_OK;
}

static cl_program find(const struct csa_program_table *table, const char *key) {
  for (size_t i = 0; i < table->count; i++)
    if (strcmp(table->entries[i].key, key) == 0) return table->entries[i].program;
  return NULL;
}

csa_status csa_program_key(const csa_device *device, const char *name, const char *options, char key[33]) {
  recipe r;
  const csa_status status = recipe_of(device, name, options, &r);
  if (status == CSA_OK) memcpy(key, r.key, sizeof r.key);
  free(r.source);
  return status;
}

bool csa_program_is_ready(const csa_device *device, const char *name, const char *options) {
  recipe r;
  const bool ready =
      recipe_of(device, name, options, &r) == CSA_OK && (find(device->programs, r.key) != NULL || csa_cache_has(r.key));
  free(r.source);
  return ready;
}

csa_status csa_program_get(csa_device *device, const char *name, const char *options, cl_program *out) {
  recipe r;
  cl_program program = NULL;
  int held = -1;
  csa_status status;
  CSA_GO(recipe_of(device, name, options, &r));
  *out = find(device->programs, r.key);
  if (*out != NULL) goto done;
  held = csa_cache_hold(r.key);
  if (!build_binary(device, r.key, r.options, &program)) {
    CSA_GO(build_source(device, name, r.options, r.source, &program));
    store_binary(r.key, program);
  }
  CSA_GO(remember(device->programs, r.key, program));
  *out = program;
  program = NULL;
done:
  csa_cache_release(held);
  if (program != NULL) clReleaseProgram(program);
  free(r.source);
  return status;
}
