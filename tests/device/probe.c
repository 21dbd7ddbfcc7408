#include "device/probe.h"

#include <dirent.h>
#include <sys/stat.h>

#include "core/embedded.h"
#include "core/log.h"
#include "device/plan.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const char probe[] =
    "kernel void probe_fill(OUT(int, x), const int n) {\n"
    "  OPEN_OUT(int, x);\n"
    "  const int i = (int)get_global_id(0);\n"
    "  if (i < n) x[i] = VALUE;\n"
    "}\n";

char probe_said[8192];

static void keep(const char *line) {
  const size_t used = strlen(probe_said);
  snprintf(probe_said + used, sizeof probe_said - used, "%s\n", line);
}

void probe_forget(void) { probe_said[0] = '\0'; }

bool probe_logged(const char *text) { return strstr(probe_said, text) != NULL; }

csa_status probe_fill(int value, int *got) {
  csa_device *device = NULL;
  csa_plan *plan = NULL;
  csa_tensor *x;
  csa_status status;
  int values[5] = {0};
  CSA_GO(csa_device_open(&device, NULL));
  CSA_GO(csa_plan_create(&plan, device, (csa_choices){0}));
  CSA_GO(csa_plan_tensor(plan, CSA_DATA, CSA_I32, csa_shape1(5), &x, "x"));
  CSA_GO(csa_launch(plan, csa_kernel_named(plan, "probe_fill", "-DVALUE=%d", value), csa_items(5), CSA_ARGS(x, 5)));
  CSA_GO(csa_plan_place(plan));
  CSA_GO(csa_plan_bind(plan));
  CSA_GO(csa_plan_run(plan, 0, 1));
  CSA_GO(csa_tensor_download(device, x, values));
  *got = values[4];
done:
  csa_plan_destroy(plan);
  csa_device_close(device);
  return status;
}

void probe_assert(int value) {
  int got = -1;
  assert_ok(probe_fill(value, &got));
  assert_int_equal(got, value);
}

const char *probe_fresh_cache(void) {
  const char *home = test_folder();
  setenv("XDG_CACHE_HOME", home, 1);
  probe_forget();
  return test_path(home, "clsattn");
}

int probe_entries(const char *folder, char names[][64], int most) {
  DIR *open = opendir(folder);
  int count = 0;
  if (open == NULL) return 0;
  for (const struct dirent *e; (e = readdir(open)) != NULL;) {
    if (e->d_name[0] == '.') continue; /* the file to lock, too */
    assert_true(count < most);
    snprintf(names[count++], 64, "%.60s", e->d_name);
  }
  closedir(open);
  return count;
}

const char *probe_only_entry(const char *folder) {
  char names[4][64];
  assert_int_equal(probe_entries(folder, names, (int)LENGTH(names)), 1);
  assert_non_null(strstr(names[0], ".bin"));
  return test_path(folder, names[0]);
}

uint8_t *probe_read(const char *path, size_t *size) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  *size = (size_t)info.st_size;
  uint8_t *data = malloc(*size + 1);
  FILE *file = fopen(path, "rb");
  assert_non_null(data);
  assert_non_null(file);
  assert_int_equal(fread(data, 1, *size, file), *size);
  fclose(file);
  return data;
}

int probe_use(void **state) {
  (void)state;
  const char *folder = test_folder();
  for (const csa_embedded *t = csa_kernel_texts; t->name != NULL; t++)
    if (strcmp(t->name, "common.clh") == 0) test_write(test_path(folder, t->name), t->text, strlen(t->text));
  test_write(test_path(folder, "probe.cl"), probe, strlen(probe));
  setenv("CLSATTN_KERNEL_DIR", folder, 1);
  csa_log_to(keep);
  return 0;
}
