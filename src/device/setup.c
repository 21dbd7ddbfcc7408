#include "device/setup.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device/cache.h"
#include "device/plan.h"

#define DISPLAY_CLASS 0x03 /* of PCI: graphics cards */
#define PROBE 1000         /* elements of the kernel that is tried */

#define DRIVER_FOR_THE_CPU "for the CPU: apt-get install pocl-opencl-icd"

/* Graphics cards by their makers: what OpenCL devices of theirs are called here, and what brings them. */
static const struct {
  unsigned vendor;
  const char *name, *prefix, *todo;
} makers[] = {
    {0x10de, "NVIDIA", "nv", "apt-get install nvidia-driver nvidia-opencl-icd (Debian: non-free), and restart"},
    {0x1002, "AMD", "amd", "apt-get install mesa-opencl-icd or rocm-opencl-icd; newer cards: AMD's own ROCm packages"},
    {0x8086, "Intel", "intel", "apt-get install intel-opencl-icd"},
};
#define MAKERS (sizeof makers / sizeof makers[0])

static csa_status add(csa_findings *f, csa_finding_level level, const char *what, const char *todo, const char *format,
                      ...) __attribute__((format(printf, 5, 6)));
static csa_status add(csa_findings *f, csa_finding_level level, const char *what, const char *todo, const char *format,
                      ...) {
  va_list args;
  CSA_TRY(csa_grow(&f->list, f->count, &f->capacity, sizeof *f->list));
  csa_finding *finding = &f->list[f->count++];
  *finding = (csa_finding){.level = level};
  snprintf(finding->what, sizeof finding->what, "%s", what);
  snprintf(finding->todo, sizeof finding->todo, "%s", todo);
  va_start(args, format);
  vsnprintf(finding->why, sizeof finding->why, format, args);
  va_end(args);
  return CSA_OK;
}

void csa_findings_fini(csa_findings *f) {
  free(f->list);
  *f = (csa_findings){0};
}

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), wanted = strlen(end);
  return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* The first line of a file, without its end; empty if there is none. */
static void first_line(const char *path, char *line, int size) {
  FILE *file = fopen(path, "r");
  line[0] = '\0';
  if (file == NULL) return;
  if (fgets(line, size, file) == NULL) line[0] = '\0';
  line[strcspn(line, "\r\n")] = '\0';
  fclose(file);
}

/* A driver's library must load; `what` names it. It stays loaded: OpenCL's loader has it, too. */
static csa_status check_library(csa_findings *f, const char *what, const char *library) {
  if (dlopen(library, RTLD_LAZY | RTLD_LOCAL) != NULL) return add(f, CSA_FINDING_OK, what, "", "%s loads", library);
  const char *error = dlerror();
  return add(f, CSA_FINDING_PROBLEM, what, "install the driver's package again (dpkg -S with this file names it)",
             "its library does not load: %s", error != NULL ? error : library);
}

/* A .icd file holds the name of a driver's library. */
static csa_status check_icd(csa_findings *f, const char *path) {
  char library[PATH_MAX];
  if (access(path, R_OK) != 0)
    return add(f, CSA_FINDING_PROBLEM, path, DRIVER_FOR_THE_CPU, "cannot be read: %s", strerror(errno));
  first_line(path, library, sizeof library);
  if (library[0] == '\0')
    return add(f, CSA_FINDING_PROBLEM, path, "install its package again, or remove the file", "names no library");
  return check_library(f, path, library);
}

static csa_status check_folder(csa_findings *f, const char *folder, const char *why_here) {
  int found = 0;
  DIR *open = opendir(folder);
  csa_status status = CSA_OK;
  for (const struct dirent *entry; open != NULL && status == CSA_OK && (entry = readdir(open)) != NULL;) {
    char path[PATH_MAX + 260];
    if (!ends_with(entry->d_name, ".icd")) continue;
    snprintf(path, sizeof path, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", entry->d_name);
    status = check_icd(f, path);
    found++;
  }
  if (open != NULL) closedir(open);
  if (found > 0 || status != CSA_OK) return status;
  return add(f, CSA_FINDING_PROBLEM, folder, DRIVER_FOR_THE_CPU, "no driver is registered here%s", why_here);
}

static bool is_set(const char *text) { return text != NULL && text[0] != '\0'; }

/* Looks where ocl-icd looks: $OCL_ICD_VENDORS is a folder, an .icd file (without a slash: of the usual folder, if it
 * is there) or a library. */
static csa_status check_drivers(csa_findings *f, const csa_host *host) {
  char usual[PATH_MAX], file[2 * PATH_MAX];
  const char *given = host->vendors;
  struct stat info;
  if (is_set(host->vendor_path))
    snprintf(usual, sizeof usual, "%s", host->vendor_path);
  else
    snprintf(usual, sizeof usual, "%s/etc/OpenCL/vendors", host->root);
  if (!is_set(given)) return check_folder(f, usual, is_set(host->vendor_path) ? " (OPENCL_VENDOR_PATH says so)" : "");
  if (stat(given, &info) == 0 && S_ISDIR(info.st_mode))
    return check_folder(f, given, " (OCL_ICD_VENDORS names this place)");
  if (!ends_with(given, ".icd")) return check_library(f, "OCL_ICD_VENDORS", given);
  snprintf(file, sizeof file, "%s/%s", usual, given);
  return check_icd(f, strchr(given, '/') == NULL && access(file, R_OK) == 0 ? file : given);
}

/* The list's notes, a line for each platform that shows no device, as findings. */
static csa_status check_platforms(csa_findings *f, const csa_device_list *devices) {
  for (const char *line = devices != NULL ? devices->notes : ""; *line != '\0';) {
    const int length = (int)strcspn(line, "\n"), indent = (int)strspn(line, " ");
    CSA_TRY(add(f, CSA_FINDING_WARNING, "OpenCL platform", "", "%.*s", length - indent, line + indent));
    line += length + (line[length] == '\n');
  }
  return CSA_OK;
}

static unsigned read_hex(const char *folder, const char *name) {
  char path[2 * PATH_MAX], text[32];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  first_line(path, text, sizeof text);
  return (unsigned)strtoul(text, NULL, 16);
}

static bool is_seen(const csa_device_list *devices, const char *prefix) {
  for (int i = 0; devices != NULL && i < devices->count; i++)
    if (devices->devices[i].type == CSA_GPU && strncmp(devices->devices[i].name, prefix, strlen(prefix)) == 0)
      return true;
  return false;
}

static bool exists(const char *root, const char *path) {
  char whole[PATH_MAX];
  snprintf(whole, sizeof whole, "%s%s", root, path);
  return access(whole, F_OK) == 0;
}

static csa_status check_card(csa_findings *f, const csa_host *host, const csa_device_list *devices, const char *folder,
                             const char *slot) {
  const unsigned vendor = read_hex(folder, "vendor");
  for (size_t i = 0; i < MAKERS; i++) {
    char what[64];
    if (vendor != makers[i].vendor) continue;
    snprintf(what, sizeof what, "%s card at %.32s", makers[i].name, slot);
    if (is_seen(devices, makers[i].prefix)) return add(f, CSA_FINDING_OK, what, "", "OpenCL shows it");
    if (vendor == 0x10de && !exists(host->root, "/dev/nvidia0"))
      return add(f, CSA_FINDING_WARNING, what, makers[i].todo, "NVIDIA's kernel driver is not loaded: no /dev/nvidia0");
    return add(f, CSA_FINDING_WARNING, what, makers[i].todo, "no OpenCL device of this maker is there");
  }
  return CSA_OK;
}

static csa_status check_cards(csa_findings *f, const csa_host *host, const csa_device_list *devices) {
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s/sys/bus/pci/devices", host->root);
  DIR *open = opendir(folder);
  csa_status status = CSA_OK;
  for (const struct dirent *entry; open != NULL && status == CSA_OK && (entry = readdir(open)) != NULL;) {
    char card[PATH_MAX + 260];
    if (entry->d_name[0] == '.') continue;
    snprintf(card, sizeof card, "%s/%s", folder, entry->d_name);
    if (read_hex(card, "class") >> 16 == DISPLAY_CLASS) status = check_card(f, host, devices, card, entry->d_name);
  }
  if (open != NULL) closedir(open);
  if (status == CSA_OK && exists(host->root, "/dev/dxg"))
    status = add(f, CSA_FINDING_WARNING, "/dev/dxg", DRIVER_FOR_THE_CPU,
                 "this is Windows' Linux (WSL): its GPUs speak OpenCL only through their makers' WSL drivers");
  return status;
}

static csa_status check_permission(csa_findings *f, const csa_host *host, const char *path) {
  char whole[PATH_MAX], todo[128];
  struct stat file;
  snprintf(whole, sizeof whole, "%s%s", host->root, path);
  if (stat(whole, &file) != 0) return CSA_OK;
  if (host->access(whole, R_OK | W_OK) == 0) return add(f, CSA_FINDING_OK, path, "", "may be used");
  const struct group *group = getgrgid(file.st_gid);
  snprintf(todo, sizeof todo, "usermod -aG %s USER as root, then log in again",
           group != NULL ? group->gr_name : "GROUP");
  return add(f, CSA_FINDING_PROBLEM, path, todo, "no permission: it belongs to group %s (%u), mode %03o",
             group != NULL ? group->gr_name : "?", (unsigned)file.st_gid, (unsigned)(file.st_mode & 0777));
}

static csa_status check_permissions(csa_findings *f, const csa_host *host) {
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s/dev/dri", host->root);
  DIR *open = opendir(folder);
  csa_status status = CSA_OK;
  for (const struct dirent *entry; open != NULL && status == CSA_OK && (entry = readdir(open)) != NULL;) {
    char path[300];
    if (strncmp(entry->d_name, "renderD", 7) != 0) continue;
    snprintf(path, sizeof path, "/dev/dri/%s", entry->d_name);
    status = check_permission(f, host, path);
  }
  if (open != NULL) closedir(open);
  return status == CSA_OK ? check_permission(f, host, "/dev/kfd") : status;
}

csa_status csa_setup_check_host(csa_findings *f, const csa_host *host, const csa_device_list *devices) {
  CSA_TRY(check_drivers(f, host));
  CSA_TRY(check_platforms(f, devices));
  CSA_TRY(check_cards(f, host, devices));
  return check_permissions(f, host);
}

/* c = a + b on the device, through everything that training goes through. */
static csa_status compute(csa_device *device, csa_plan **plan) {
  float a[PROBE], b[PROBE], c[PROBE] = {0.0f};
  const int n = PROBE;
  csa_tensor *of_a, *of_b, *of_c;
  CSA_TRY(csa_plan_create(plan, device, (csa_choices){0}));
  csa_plan *p = *plan;
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_F32, csa_shape1(n), &of_a, "a"));
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_F32, csa_shape1(n), &of_b, "b"));
  CSA_TRY(csa_plan_tensor(p, CSA_DATA, CSA_F32, csa_shape1(n), &of_c, "c"));
  CSA_TRY(csa_launch(p, csa_kernel_portable(p, "join_add", "%s", ""), csa_items(n),
                     CSA_ARGS((const csa_tensor *)of_a, (const csa_tensor *)of_b, of_c, n)));
  CSA_TRY(csa_plan_place(p));
  CSA_TRY(csa_plan_bind(p));
  for (int i = 0; i < n; i++) {
    a[i] = (float)i;
    b[i] = 0.25f * (float)(n - 3 * i);
  }
  CSA_TRY(csa_tensor_upload(device, of_a, a));
  CSA_TRY(csa_tensor_upload(device, of_b, b));
  CSA_TRY(csa_plan_run(p, 0, p->node_count));
  CSA_TRY(csa_tensor_download(device, of_c, c));
  for (int i = 0; i < n; i++)
    if (c[i] != a[i] + b[i])
      return csa_fail(CSA_DEVICE, "element %d of a sum is %g, not %g", i, (double)c[i], (double)(a[i] + b[i]));
  return CSA_OK;
}

static csa_status try_device(const csa_device_info *info) {
  char number[32];
  csa_device *device = NULL;
  csa_plan *plan = NULL;
  snprintf(number, sizeof number, "%d:%d", info->platform_number, info->device_number);
  csa_status status = csa_device_open(&device, number);
  if (status == CSA_OK) status = compute(device, &plan);
  csa_plan_destroy(plan);
  csa_device_close(device);
  return status;
}

/* "OpenCL 1.2 ..." -> 102 */
static int version_number(const char *version) {
  int major = 0, minor = 0;
  return sscanf(version, "OpenCL %d.%d", &major, &minor) == 2 ? 100 * major + minor : 0;
}

static csa_status check_processors(csa_findings *f, const csa_device_info *info) {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (info->type != CSA_CPU || processors <= info->compute_units) return CSA_OK;
  return add(f, CSA_FINDING_WARNING, info->name, "unset POCL_MAX_PTHREAD_COUNT, if it is set",
             "uses %d of %ld processors", info->compute_units, processors);
}

static csa_status check_device(csa_findings *f, const csa_device_info *info) {
  cl_bool compiler = CL_TRUE;
  clGetDeviceInfo(info->id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
  if (version_number(info->version) < 102)
    return add(f, CSA_FINDING_PROBLEM, info->name, "install a newer driver", "%s: %s; 1.2 is needed", info->device,
               info->version);
  if (!compiler)
    return add(f, CSA_FINDING_PROBLEM, info->name, "install the full driver", "%s: has no compiler for kernels",
               info->device);
  if (try_device(info) != CSA_OK)
    return add(f, CSA_FINDING_PROBLEM, info->name, "install another version of its driver, and report this", "%s: %s",
               info->device, csa_last_error());
  if (f->working++ == 0 || (info->type == CSA_GPU && !f->usable_is_a_gpu)) {
    snprintf(f->usable, sizeof f->usable, "%s", info->name);
    f->usable_is_a_gpu = info->type == CSA_GPU;
  }
  CSA_TRY(add(f, CSA_FINDING_OK, info->name, "", "%s: compiles and computes (%s, driver %s)", info->device,
              info->version, info->driver));
  return check_processors(f, info);
}

static csa_status check_cache(csa_findings *f) {
  char folder[CSA_CACHE_FOLDER];
  if (csa_cache_folder(folder) == CSA_OK) return add(f, CSA_FINDING_OK, folder, "", "keeps compiled kernels");
  return add(f, CSA_FINDING_WARNING, folder[0] != '\0' ? folder : "cache", "set XDG_CACHE_HOME to a folder of your own",
             "compiled kernels cannot be kept there: every start compiles them again");
}

csa_status csa_setup_check_devices(csa_findings *f, const csa_device_list *devices) {
  CSA_TRY(check_cache(f));
  for (int i = 0; i < devices->count; i++) CSA_TRY(check_device(f, &devices->devices[i]));
  return CSA_OK;
}
