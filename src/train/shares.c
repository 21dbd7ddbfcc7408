#include "train/shares.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/ranks.h"

/* Rounds down, at least to 1, and gives what is left to those who lack most; ties to the first. */
static void round_shares(csa_shares *s, const double *weights, int batch) {
  double sum = 0.0;
  int left = batch;
  for (int i = 0; i < s->count; i++) sum += weights[i];
  for (int i = 0; i < s->count; i++) {
    s->images[i] = (int)floor(batch * (weights[i] / sum));
    if (s->images[i] < 1) s->images[i] = 1;
    left -= s->images[i];
  }
  while (left != 0) { /* less than 0 where many were raised to 1 */
    int most = -1;
    double worst = 0.0;
    for (int i = 0; i < s->count; i++) {
      const double lacks = batch * (weights[i] / sum) - s->images[i], off = left > 0 ? lacks : -lacks;
      if ((most >= 0 && off <= worst) || (left < 0 && s->images[i] == 1)) continue;
      most = i;
      worst = off;
    }
    s->images[most] += left > 0 ? 1 : -1;
    left += left > 0 ? -1 : 1;
  }
}

csa_status csa_shares_create(csa_shares *s, const double *weights, int count, int batch) {
  *s = (csa_shares){.count = count};
  if (batch < count)
    return csa_fail(CSA_USAGE, "--batch: %d: fewer images than the %d devices that share them", batch, count);
  CSA_TRY(csa_new(&s->images, (size_t)count, sizeof *s->images));
  round_shares(s, weights, batch);
  return CSA_OK;
}

void csa_shares_fini(csa_shares *s) {
  free(s->images);
  *s = (csa_shares){0};
}

/* Of a smaller batch: rounded down, which leaves each below its whole share, and the rest by one to the first. */
void csa_shares_part(const csa_shares *s, int batch, int index, int *first, int *images) {
  int whole = 0, left = batch;
  for (int i = 0; i < s->count; i++) whole += s->images[i];
  for (int i = 0; i < s->count; i++) left -= (int)((int64_t)batch * s->images[i] / whole);
  *first = *images = 0;
  for (int i = 0; i < s->count; i++) {
    *images = (int)((int64_t)batch * s->images[i] / whole);
    if (left-- > 0) ++*images;
    if (i == index) return;
    *first += *images;
  }
}

int csa_shares_turn(int images, int parts) { return (images + parts - 1) / parts; }

static csa_status read_weights(const char *text, int count, double *weights) {
  const char *at = text;
  for (int i = 0; i < count; i++) {
    char *end;
    weights[i] = strtod(at, &end);
    const bool last = i == count - 1;
    if (end == at || isspace((unsigned char)*at) || !(weights[i] > 0.0 && weights[i] < 1e9) ||
        *end != (last ? '\0' : ','))
      return csa_fail(CSA_USAGE, "--shares: %s: must be a number above 0 for each device, %d with commas between", text,
                      count);
    at = end + 1;
  }
  return CSA_OK;
}

static double units_of(const csa_device *d) { return d->info.compute_units > 0 ? d->info.compute_units : 1; }

csa_status csa_shares_weights(const char *text, csa_device *const *devices, int count, const char *model,
                              double *weights, bool *measured) {
  *measured = true;
  if (text[0] != '\0') return read_weights(text, count, weights);
  for (int i = 0; i < count; i++) {
    const csa_tuning_entry *entry = csa_tuning_find(devices[i]->tuning, "train", model);
    weights[i] = csa_tuned_value(entry, "IMAGES_PER_S", 0);
    *measured = *measured && weights[i] > 0.0;
  }
  for (int i = 0; i < count && !*measured; i++) weights[i] = units_of(devices[i]);
  return CSA_OK;
}

/* What a rank brings along. */
typedef struct {
  int count, said;
  bool measured;
  double weights[CSA_REPLICAS_MAX], units[CSA_REPLICAS_MAX];
} contribution;

/* All are weighed by the same. */
static csa_status weigh(const contribution *ranks, csa_weights_of_all *all) {
  bool measured = true;
  *all = (csa_weights_of_all){0};
  for (int r = 0; r < csa_ranks_count(); r++) {
    if (r == csa_ranks_own()) all->first = all->count;
    all->count += ranks[r].count;
    measured &= ranks[r].measured;
    if (ranks[r].said != ranks[0].said)
      return csa_fail(CSA_USAGE, "--shares: said to some ranks only: either all need it, or none");
  }
  CSA_TRY(csa_new(&all->weights, (size_t)all->count, sizeof *all->weights));
  all->by_units = !measured;
  for (int r = 0, at = 0; r < csa_ranks_count(); at += ranks[r++].count)
    memcpy(all->weights + at, measured ? ranks[r].weights : ranks[r].units, (size_t)ranks[r].count * sizeof(double));
  return CSA_OK;
}

csa_status csa_shares_gather(const char *text, csa_device *const *devices, int count, const char *model,
                             csa_weights_of_all *all) {
  contribution *ranks;
  CSA_TRY(csa_new(&ranks, (size_t)csa_ranks_count(), sizeof *ranks));
  contribution *own = &ranks[csa_ranks_own()];
  own->count = count;
  own->said = text[0] != '\0';
  for (int i = 0; i < count; i++) own->units[i] = units_of(devices[i]);
  csa_status status = csa_shares_weights(text, devices, count, model, own->weights, &own->measured);
  if (status == CSA_OK) status = csa_ranks_gather(ranks, sizeof *ranks);
  if (status == CSA_OK) status = weigh(ranks, all);
  free(ranks);
  return status;
}

const char *csa_shares_text(const csa_shares *s, int first, int count, char text[CSA_SETTING_BYTES]) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = first; i < first + count && used < CSA_SETTING_BYTES; i++)
    used += (size_t)snprintf(text + used, CSA_SETTING_BYTES - used, "%s%d", i > first ? "," : "", s->images[i]);
  return text;
}
