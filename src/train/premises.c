#include "train/premises.h"

#include <string.h>

csa_status csa_premises_data(const csa_config *c, const csa_dataset *d) {
  const csa_architecture *a = &c->architecture;
  if (d->height != a->image || d->width != a->image || d->channels != a->channels)
    return csa_fail(CSA_INPUT, "data: %s: images are %d x %d with %d channels, but the model takes %d x %d with %d",
                    c->data, d->height, d->width, d->channels, a->image, a->image, a->channels);
  if (d->classes > a->classes)
    return csa_fail(CSA_INPUT, "data: %s: %d classes, but the model tells only %d apart", c->data, d->classes,
                    a->classes);
  if (c->data_hash[0] != '\0' && strcmp(c->data_hash, d->hash) != 0)
    return csa_fail(
        CSA_INPUT,
        "data: %s: not what the run was started with (hash %s, now %s)\n  give it back those, or begin a new run",
        c->data, c->data_hash, d->hash);
  return CSA_OK;
}

/* Names some of the parameters there are. */
static csa_status no_parameter(const csa_graph *g, const char *pattern) {
  const csa_parameters *all = &g->parameters;
  return csa_fail(CSA_USAGE, "--freeze: %s: the model has no such parameter\n  there are %s, %s, ... %s", pattern,
                  all->list[0].name, all->list[1].name, all->list[all->count - 1].name);
}

csa_status csa_premises_freeze(const csa_graph *g, const char *list) {
  size_t trained = 0;
  while (*list != '\0') {
    char pattern[CSA_SETTING_BYTES];
    const size_t length = strcspn(list, ",");
    bool found = false;
    snprintf(pattern, sizeof pattern, "%.*s", (int)length, list);
    for (size_t i = 0; i < g->parameters.count && !found; i++)
      found = csa_name_listed(pattern, g->parameters.list[i].name);
    if (!found) return no_parameter(g, pattern);
    list += length + (list[length] == ',');
  }
  for (size_t i = 0; i < g->parameters.count; i++) trained += !g->parameters.list[i].fixed;
  return trained > 0 ? CSA_OK : csa_fail(CSA_USAGE, "--freeze: nothing is left to train");
}

csa_status csa_premises_split(const csa_config *c, const csa_dataset *d, int64_t *held) {
  *held = (int64_t)(c->val_split * (double)d->train.count + 0.5);
  if (c->patience > 0 && c->val_split == 0.0)
    return csa_fail(CSA_USAGE, "--patience: %d: nothing is held back to validate on; --val-split 0.1 would",
                    c->patience);
  if (c->val_split == 0.0 || (*held > 0 && *held < d->train.count)) return CSA_OK;
  return csa_fail(CSA_INPUT, "--val-split: %g: of %lld training images that leaves none to %s", c->val_split,
                  (long long)d->train.count, *held > 0 ? "train on" : "validate on");
}
