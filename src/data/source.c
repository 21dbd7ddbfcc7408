#include "data/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MEMBERS_MAX 1002 /* a thousand training files, one to test on, one with names */

csa_status csa_source_add(csa_source *s, const char *path, const char *separator, const char *name,
                          csa_member **member) {
  const size_t size = strlen(path) + strlen(separator) + strlen(name) + 1;
  if (csa_source_find(s, name) != NULL) return csa_fail(CSA_INPUT, "data: %s: %s is in it twice", path, name);
  if (s->count == MEMBERS_MAX)
    return csa_fail(CSA_INPUT, "data: %s: has more than %d files of a data set", path, MEMBERS_MAX);
  CSA_TRY(csa_grow(&s->members, s->count, &s->capacity, sizeof *s->members));
  csa_member *m = &s->members[s->count++];
  *m = (csa_member){0};
  *member = m;
  CSA_TRY(csa_copy_text(&m->name, name));
  CSA_TRY(csa_new(&m->label, size, 1));
  snprintf(m->label, size, "%s%s%s", path, separator, name);
  return CSA_OK;
}

static csa_status add_file(csa_source *s, const char *folder, const char *name) {
  csa_member *m;
  struct stat info;
  CSA_TRY(csa_source_add(s, folder, "/", name, &m));
  if (stat(m->label, &info) != 0) return csa_fail(CSA_INPUT, "data: %s: %s", m->label, strerror(errno));
  if (!S_ISREG(info.st_mode)) return csa_fail(CSA_INPUT, "data: %s: not a regular file", m->label);
  m->size = info.st_size;
  return CSA_OK;
}

csa_status csa_source_open(csa_source *s, const char *path, bool (*wanted)(const char *name)) {
  *s = (csa_source){0};
  DIR *open = opendir(path);
  if (open == NULL && errno == ENOTDIR) return csa_archive_read(s, path, wanted);
  if (open == NULL) return csa_fail(CSA_INPUT, "data: %s: %s", path, strerror(errno));
  csa_status status = CSA_OK;
  for (const struct dirent *entry; status == CSA_OK && (entry = readdir(open)) != NULL;)
    if (wanted(entry->d_name)) status = add_file(s, path, entry->d_name);
  closedir(open);
  return status;
}

void csa_source_close(csa_source *s) {
  for (size_t i = 0; i < s->count; i++) {
    free(s->members[i].name);
    free(s->members[i].label);
    free(s->members[i].bytes);
  }
  free(s->members);
  *s = (csa_source){0};
}

const csa_member *csa_source_find(const csa_source *s, const char *name) {
  for (size_t i = 0; i < s->count; i++)
    if (strcmp(s->members[i].name, name) == 0) return &s->members[i];
  return NULL;
}

csa_status csa_member_open(const csa_member *m, FILE **stream) {
  *stream = m->bytes != NULL ? fmemopen(m->bytes, (size_t)m->size, "r") : fopen(m->label, "rb");
  return *stream != NULL ? CSA_OK : csa_fail(CSA_INPUT, "data: %s: %s", m->label, strerror(errno));
}
