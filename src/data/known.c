#include "data/known.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define FASHION_MNIST "/usr/share/datasets/fashion-mnist"

static const csa_known_dataset known[] = {
    {"cifar10", "60,000 photographs of 10 kinds of things, 32 x 32, in colour",
     "get it (170 MB): clsattn data fetch cifar10", true},
    {"cifar100", "60,000 photographs of 100 kinds of things, 32 x 32, in colour",
     "get it (169 MB): clsattn data fetch cifar100", true},
    {"fashion-mnist", "70,000 pictures of 10 kinds of clothes, 28 x 28, in grey",
     "apt-get install dataset-fashion-mnist", false},
};

const csa_known_dataset *csa_known_at(int index) {
  return index < (int)(sizeof known / sizeof known[0]) ? &known[index] : NULL;
}

const csa_known_dataset *csa_known_find(const char *name) {
  for (int i = 0; csa_known_at(i) != NULL; i++)
    if (strcmp(known[i].name, name) == 0) return &known[i];
  return NULL;
}

const char *csa_known_meant(const char *name) {
  static _Thread_local csa_meant meant;
  meant = (csa_meant){.text = name};
  for (int i = 0; csa_known_at(i) != NULL; i++) csa_meant_try(&meant, known[i].name);
  return meant.hint;
}

void csa_known_home(char path[PATH_MAX]) {
  const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  if (base != NULL && base[0] == '/')
    snprintf(path, PATH_MAX, "%s/clsattn", base);
  else
    snprintf(path, PATH_MAX, "%s/.local/share/clsattn", home != NULL ? home : "");
}

void csa_known_path(const char *name, char path[PATH_MAX]) {
  const csa_known_dataset *set = csa_known_find(name);
  const char *chosen = getenv("CLSATTN_DATA");
  if (set == NULL) {
    snprintf(path, PATH_MAX, "%s", name);
  } else if (!set->fetched) {
    snprintf(path, PATH_MAX, FASHION_MNIST);
  } else if (strcmp(name, "cifar10") == 0 && chosen != NULL && chosen[0] != '\0') {
    snprintf(path, PATH_MAX, "%s", chosen);
  } else {
    char home[PATH_MAX];
    csa_known_home(home);
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX - 16, home, name);
  }
}
