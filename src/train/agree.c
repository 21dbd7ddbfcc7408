#include "train/agree.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "model/weights.h"
#include "train/ranks.h"
#include "train/settings.h"

/* An object by the names that users know things by. NULL without memory. */
static json_t *describe(const csa_config *c, const csa_dataset *d, json_t *sizes) {
  json_t *root = json_pack(
      "{s:s, s:s, s:s, s:s*, s:O, s:s, s:s}", "clsattn", csa_version(), "its commit", csa_commit(), "--model",
      c->architecture.model, "--patches", csa_architecture_patches_text(&c->architecture), "the model's sizes", sizes,
      "--data (its hash)", d->hash, "--precision", csa_precision_text(c->replicas[0].choices.precision));
  bool ok = root != NULL;
  for (int i = 0; i < CSA_SETTINGS && ok; i++) {
    char option[CSA_SETTING_OPTION];
    if (strcmp(csa_settings[i].key, "shares") == 0 || strcmp(csa_settings[i].key, "threads") == 0) continue;
    ok = json_object_set_new(root, csa_setting_option(&csa_settings[i], option),
                             csa_setting_to_json(&csa_settings[i], c)) == 0;
  }
  if (ok) return root;
  json_decref(root);
  return NULL;
}

static csa_status differs(const char *key, const json_t *own, const json_t *first) {
  char *here = json_dumps(own, JSON_ENCODE_ANY | JSON_COMPACT),
       *there = json_dumps(first, JSON_ENCODE_ANY | JSON_COMPACT);
  csa_fail(CSA_USAGE,
           "ranks: %s: %s here, %s on rank 0\n  all ranks train the same thing: only --device, --shares, "
           "--threads, --kernels, --gemm, --conv and paths may differ",
           key, here != NULL ? here : "?", there != NULL ? there : "?");
  free(here);
  free(there);
  return CSA_USAGE;
}

static csa_status compare(json_t *own, const json_t *first) {
  const char *key;
  json_t *value;
  json_object_foreach(own, key, value) {
    const json_t *other = json_object_get(first, key);
    if (other == NULL || json_equal(value, other) == 0) return differs(key, value, other);
  }
  return CSA_OK;
}

/* Rank 0's text on all of them, on the heap. */
static csa_status share_text(const char *own, char **first) {
  int64_t length = (int64_t)strlen(own);
  CSA_TRY(csa_ranks_share(&length, sizeof length));
  CSA_TRY(csa_new(first, (size_t)length + 1, 1));
  if (csa_ranks_own() == 0) memcpy(*first, own, (size_t)length);
  return csa_ranks_share(*first, (size_t)length);
}

csa_status csa_agree_settings(const csa_config *c, const csa_dataset *d) {
  json_t *sizes = NULL, *own = NULL, *first = NULL;
  char *text = NULL, *shared = NULL;
  csa_status status;
  if (csa_ranks_count() == 1) return CSA_OK;
  CSA_GO(csa_architecture_sizes(&c->architecture, &sizes));
  own = describe(c, d, sizes);
  text = own != NULL ? json_dumps(own, JSON_COMPACT) : NULL;
  if (text == NULL) CSA_GO(csa_fail(CSA_MEMORY, "ranks: the host has no more memory"));
  CSA_GO(share_text(text, &shared));
  first = json_loads(shared, 0, NULL);
  CSA_GO(compare(own, first));
done:
  free(text);
  free(shared);
  json_decref(first);
  json_decref(own);
  json_decref(sizes);
  return status;
}

static csa_status compare_hashes(uint64_t own, uint64_t *all, int64_t step) {
  all[csa_ranks_own()] = own;
  CSA_TRY(csa_ranks_gather(all, sizeof *all));
  for (int i = 1; i < csa_ranks_count(); i++)
    if (all[i] != all[0])
      return csa_fail(CSA_FAILED,
                      "ranks: after step %lld the parameters of rank %d are not those of rank 0\n"
                      "  a device, memory or the network is not to be trusted; the last checkpoint is from before",
                      (long long)step, i);
  return CSA_OK;
}

csa_status csa_agree_parameters(csa_graph *graph, int64_t step) {
  const csa_tensor *flat = graph->parameters.values;
  float *values = NULL;
  uint64_t *all = NULL;
  csa_status status;
  if (csa_ranks_count() == 1) return CSA_OK;
  CSA_GO(csa_new(&all, (size_t)csa_ranks_count(), sizeof *all));
  CSA_GO(csa_weights_download(graph, flat, &values));
  status = compare_hashes(XXH3_64bits(values, (size_t)csa_elements(flat->shape) * sizeof *values), all, step);
done:
  free(values);
  free(all);
  return status;
}
