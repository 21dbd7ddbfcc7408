#include "measure/tuner_race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "device/apart.h"
#include "device/gemm_override.h"
#include "measure/candidates.h"
#include "train/config.h"

#define PATIENCE 120.0 /* seconds for one trial: some parameters compile for minutes */
#define WORTH 1.05     /* times as fast: what is compared ran in other processes */

/* What a trial finds out: seconds of a step's products. */
typedef struct {
  double native_s, clblast_s;
} race;

/* --- the process apart --- */

/* The product by the project's own kernels, at their best, and by CLBlast, in turns. */
static csa_status race_one(csa_device *device, csa_kernels kernels, const char *shape, race *r) {
  csa_contender *both = NULL;
  csa_subject s = {.device = device,
                   .choices = {.kernels = kernels, .gemm = CSA_GEMM_NATIVE},
                   .base = device->tuning,
                   .deadline = csa_seconds() + PATIENCE,
                   .all = true};
  csa_status status;
  const csa_tuning_entry *tuned;
  if (!csa_gemm_parse_shape(shape, &s.product, s.types)) return csa_fail(CSA_INPUT, "tune: %s: no product", shape);
  const bool cpu = csa_choices_resolve(s.choices, &device->info).kernels == CSA_KERNELS_CPU;
  snprintf(s.kernel, sizeof s.kernel, "%s", cpu ? "gemm_panels" : "gemm_tile");
  CSA_TRY(csa_new(&both, 2, sizeof *both));
  tuned = csa_tuning_find(device->tuning, s.kernel, shape);
  if (tuned != NULL) both[0].entry = *tuned;
  both[1].provider = CSA_GEMM_CLBLAST;
  CSA_GO(csa_contest_run(&s, both, 2, false));
  if (both[1].fault[0] != '\0') {
    status = csa_fail(CSA_FAILED, "%s: %s", shape, both[1].fault);
    goto done;
  }
  *r = (race){both[0].seconds, both[1].seconds};
done:
  free(both);
  return status;
}

static csa_status race_all(const char *device_name, const json_t *request, race *total) {
  csa_device *device = NULL;
  json_t *products, *product, *entries;
  const char *kernels, *shape;
  size_t i;
  csa_status status;
  csa_kernels family;
  int uses;
  race one = {0};
  CSA_GO(csa_device_open(&device, device_name));
  if (json_unpack((json_t *)(uintptr_t)request, "{s:s, s:o, s:o}", "kernels", &kernels, "entries", &entries, "products",
                  &products) != 0) {
    status = csa_fail(CSA_USAGE, "tune: a request that cannot be read");
    goto done;
  }
  CSA_GO(csa_kernels_parse(kernels, &family));
  for (int k = 0; csa_clblast_kernels[k] != NULL; k++) { /* the file may have some that are to be beaten */
    csa_tuning_entry *known = csa_tuning_find(device->tuning, csa_clblast_kernels[k], "");
    if (known != NULL) known->count = 0;
  }
  CSA_GO(csa_tuning_from_json(device->tuning, entries));
  json_array_foreach(products, i, product) {
    if (json_unpack(product, "[s, i]", &shape, &uses) != 0) continue;
    CSA_GO(race_one(device, family, shape, &one));
    total->native_s += uses * one.native_s;
    total->clblast_s += uses * one.clblast_s;
  }
done:
  csa_device_close(device);
  return status;
}

csa_status csa_race_serve(const char *device) {
  race total = {0};
  json_t *request = json_loadf(stdin, 0, NULL);
  const csa_status status = race_all(device, request, &total);
  json_t *answer = status == CSA_OK ? json_pack("{s:f, s:f}", "native_s", total.native_s, "clblast_s", total.clblast_s)
                                    : json_pack("{s:s}", "fault", csa_last_error());
  json_dumpf(answer, stdout, JSON_COMPACT);
  json_decref(answer);
  json_decref(request);
  return CSA_OK;
}

/* --- the tuner --- */

typedef struct {
  csa_device *device;
  const csa_tuner *tuner;
  const csa_product_use *products;
  int count;
  double deadline;
} contest;

static char *request_of(const contest *c, const csa_tuning *entries) {
  json_t *products = json_array();
  for (int i = 0; i < c->count; i++)
    json_array_append_new(products, json_pack("[s, i]", c->products[i].shape, c->products[i].uses));
  json_t *root = json_pack("{s:s, s:o, s:o}", "kernels", csa_kernels_text(c->tuner->choices.kernels), "entries",
                           csa_tuning_to_json(entries, false), "products", products);
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  return text;
}

static csa_status read_answer(const char *text, race *r) {
  const char *why = NULL;
  json_t *answer = json_loads(text, 0, NULL);
  csa_status status = CSA_OK;
  if (json_unpack(answer, "{s:s}", "fault", &why) == 0)
    status = csa_fail(CSA_FAILED, "%s", why);
  else if (json_unpack(answer, "{s:F, s:F}", "native_s", &r->native_s, "clblast_s", &r->clblast_s) != 0)
    status = csa_fail(CSA_FAILED, "no answer");
  json_decref(answer);
  return status;
}

/* Races CLBlast with these parameters; CSA_FAILED where they do not count. */
static csa_status hold_race(const contest *c, const csa_tuning *entries, race *r) {
  char number[32], *output = NULL, *request;
  char *arguments[] = {(char[]){"clsattn"}, (char[]){"race"}, number, NULL};
  int result;
  const csa_subject times = {.stop = c->tuner->stop, .deadline = c->deadline};
  CSA_TRY(csa_subject_stopped(&times));
  snprintf(number, sizeof number, "%d:%d", c->device->info.platform_number, c->device->info.device_number);
  request = request_of(c, entries);
  if (request == NULL) return csa_fail(CSA_MEMORY, "tune: the host has no more memory");
  const double left = c->deadline - csa_seconds();
  const csa_apart apart = {.arguments = arguments, .input = request, .seconds = left < PATIENCE ? left : PATIENCE};
  csa_status status = csa_apart_run(&apart, &output, &result);
  if (status == CSA_OK) status = read_answer(output, r);
  free(request);
  free(output);
  return status == CSA_OK || csa_subject_stopped(&times) == CSA_OK ? status : CSA_INTERRUPTED;
}

static void tell(const contest *c, const char *kernel, const char *set) {
  char note[400];
  const char *why = csa_last_error(); /* its first line: the others are operands */
  snprintf(note, sizeof note, "%s %s: %.*s", kernel, set, (int)strcspn(why, "\n"), why);
  if (c->tuner->observer.on_note != NULL) c->tuner->observer.on_note(c->tuner->observer.user, note);
}

static csa_status keep(const contest *c, csa_tuned_result *result) {
  CSA_TRY(csa_tuning_put(c->device->tuning, &result->entry));
  CSA_TRY(csa_tuning_keep(c->device->tuning, &c->device->info));
  if (c->tuner->observer.on_result != NULL) c->tuner->observer.on_result(c->tuner->observer.user, result);
  return CSA_OK;
}

static const char *family_of(const contest *c) {
  return csa_choices_resolve(c->tuner->choices, &c->device->info).kernels == CSA_KERNELS_CPU ? "cpu" : "portable";
}

static double lead(const race *r) { return r->native_s / r->clblast_s; }

/* Tries every set of a kernel of CLBlast's, beside what `entries` say of the others; the best, where it is worth it,
 * goes there. *r: the race that it ran. */
static csa_status search_kernel(const contest *c, const char *kernel, csa_tuning *entries, race *r) {
  const csa_candidates *candidates = csa_candidates_of(kernel);
  csa_tuned_result result = {0};
  csa_tuning_entry entry = {0};
  race own = {0}, first = *r;
  if (c->tuner->observer.on_begin != NULL) c->tuner->observer.on_begin(c->tuner->observer.user, kernel, "", 0, 0);
  snprintf(entry.kernel, sizeof entry.kernel, "%s", kernel);
  result.entry = entry;
  for (int i = 0; candidates->sets[i] != NULL; i++) {
    const csa_tuning_entry tried = csa_candidate(&entry, candidates->sets[i]);
    CSA_TRY(csa_tuning_put(entries, &tried));
    const csa_status status = hold_race(c, entries, &own);
    result.tried++;
    if (status == CSA_FAILED) {
      result.wrong++;
      tell(c, kernel, candidates->sets[i]);
      continue;
    }
    CSA_TRY(status);
    if (lead(&own) <= lead(r) || lead(&own) <= WORTH * lead(&first)) continue;
    *r = own;
    result.entry = tried;
  }
  result.entry.gain = lead(r) / lead(&first);
  result.best_s = r->clblast_s;
  result.default_s = r->clblast_s * result.entry.gain;
  CSA_TRY(csa_tuning_put(entries, &result.entry));
  return keep(c, &result);
}

/* Who makes the products from now on. */
static csa_status decide(const contest *c, const race *r) {
  const bool clblast = lead(r) > 1.0;
  csa_tuned_result result = {.best_s = clblast ? r->clblast_s : r->native_s,
                             .default_s = clblast ? r->native_s : r->clblast_s};
  snprintf(result.entry.kernel, sizeof result.entry.kernel, "gemm");
  snprintf(result.entry.shape, sizeof result.entry.shape, "%s", family_of(c));
  csa_tuning_set(&result.entry, "CLBLAST", clblast);
  result.entry.gain = result.default_s / result.best_s;
  return keep(c, &result);
}

static csa_status contest_of(const contest *c, csa_tuning *entries) {
  race r = {0};
  CSA_TRY(hold_race(c, entries, &r)); /* as it is */
  for (int i = 0; csa_clblast_kernels[i] != NULL; i++) {
    const csa_tuning_entry *known = csa_tuning_find(c->device->tuning, csa_clblast_kernels[i], "");
    if (known == NULL || known->gain == 0.0 || c->tuner->again)
      CSA_TRY(search_kernel(c, csa_clblast_kernels[i], entries, &r));
  }
  return decide(c, &r);
}

csa_status csa_tune_clblast(csa_device *device, const csa_tuner *t, const csa_product_use *products, int count,
                            double deadline) {
  const contest c = {device, t, products, count, deadline};
  csa_tuned_result known_result = {.known = true};
  csa_tuning *entries;
  const csa_tuning_entry *decided = csa_tuning_find(device->tuning, "gemm", family_of(&c));
  if (decided != NULL && !t->again) {
    known_result.entry = *decided;
    if (t->observer.on_result != NULL) t->observer.on_result(t->observer.user, &known_result);
    return CSA_OK;
  }
  CSA_TRY(csa_tuning_create(&entries, NULL));
  csa_status status = CSA_OK;
  for (int i = 0; csa_clblast_kernels[i] != NULL && status == CSA_OK && !t->again; i++) {
    const csa_tuning_entry *known = csa_tuning_find(device->tuning, csa_clblast_kernels[i], "");
    if (known != NULL) status = csa_tuning_put(entries, known);
  }
  if (status == CSA_OK) status = contest_of(&c, entries);
  csa_tuning_destroy(entries);
  return status;
}
