#include "verify/determinism.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  csa_sample sample;
  int64_t parameters; /* elements of the flat tensor */
  float *kept;        /* of the first time, for each step: loss and right predictions, gradients, parameters */
  float *now;         /* the same of one step */
} comparison;

static int64_t step_floats(const comparison *c) { return 2 + 2 * c->parameters; }

static csa_status build(comparison *c, const csa_side *side, const csa_sample_config *config) {
  CSA_TRY(csa_sample_create(&c->sample, side, config, false));
  c->parameters = csa_elements(c->sample.graph->parameters.values->shape);
  CSA_TRY(csa_new(&c->kept, (size_t)config->steps * (size_t)step_floats(c), sizeof *c->kept));
  return csa_new(&c->now, (size_t)step_floats(c), sizeof *c->now);
}

/* All that a step starts from is as at the beginning. */
static csa_status begin(comparison *c) {
  csa_graph *g = c->sample.graph;
  const csa_tensor *zeros[] = {c->sample.optimizer.first, c->sample.optimizer.second};
  memset(c->now, 0, (size_t)step_floats(c) * sizeof *c->now);
  for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) CSA_TRY(csa_tensor_upload(g->device, zeros[i], c->now));
  CSA_TRY(csa_schedule_reset(g));
  return csa_graph_initialize(g, c->sample.config->seed);
}

static csa_status step(comparison *c, int number, float *figures) {
  const csa_graph *g = c->sample.graph;
  CSA_TRY(csa_sample_step(&c->sample, number));
  CSA_TRY(csa_tensor_download_part(g->device, g->history, 0, 2, figures));
  CSA_TRY(csa_tensor_download(g->device, g->parameters.gradients, figures + 2));
  return csa_tensor_download(g->device, g->parameters.values, figures + 2 + c->parameters);
}

/* Whether the bits of two times `count` floats, `what` of `whose`, differ; the check then says where first. */
static bool differ(csa_check *check, int step, const char *what, const char *whose, const float *first,
                   const float *second, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits[2];
    memcpy(&bits[0], &first[i], sizeof bits[0]);
    memcpy(&bits[1], &second[i], sizeof bits[1]);
    if (bits[0] == bits[1]) continue;
    check->error = fabs((double)first[i] - (double)second[i]);
    check->ok = false;
    snprintf(check->name, sizeof check->name, "step %d: %s%.60s: element %lld of %lld is %.9g, then %.9g", step, what,
             whose, (long long)i, (long long)count, (double)first[i], (double)second[i]);
    return true;
  }
  return false;
}

/* Of each parameter. Gaps between them are nobody's, and what running statistics have in place of a gradient is in
 * them after the update. */
static bool flat_differs(csa_check *check, const comparison *c, int step, bool gradients, const float *first,
                         const float *second) {
  const char *what = gradients ? "gradient of " : "";
  const csa_parameters *all = &c->sample.graph->parameters;
  for (size_t i = 0; i < all->count; i++) {
    const csa_parameter *p = &all->list[i];
    const int64_t at = p->value->start;
    if (gradients && p->buffer) continue;
    if (differ(check, step, what, p->name, first + at, second + at, csa_elements(p->value->shape))) return true;
  }
  return false;
}

/* Enters a step's check; c->now is its second time. */
static csa_status compare(csa_verification *v, const comparison *c, int step) {
  const float *first = c->kept + (step - 1) * step_floats(c), *second = c->now;
  csa_check check = {.ok = true};
  snprintf(check.name, sizeof check.name, "step %d: loss, gradients and parameters, bit for bit", step);
  check.ok = !differ(&check, step, "loss", "", first, second, 2) &&
             !flat_differs(&check, c, step, true, first + 2, second + 2) &&
             !flat_differs(&check, c, step, false, first + 2 + c->parameters, second + 2 + c->parameters);
  return csa_verification_add(v, &check);
}

csa_status csa_determinism(csa_verification *v, const csa_side *side, const csa_sample_config *config) {
  comparison c = {0};
  csa_status status;
  *v = (csa_verification){.ok = true};
  CSA_GO(build(&c, side, config));
  CSA_GO(begin(&c));
  for (int i = 0; i < config->steps; i++) CSA_GO(step(&c, i + 1, c.kept + i * step_floats(&c)));
  CSA_GO(begin(&c));
  for (int i = 1; i <= config->steps && v->ok; i++) {
    CSA_GO(step(&c, i, c.now));
    CSA_GO(compare(v, &c, i));
  }
done:
  csa_graph_destroy(c.sample.graph);
  free(c.kept);
  free(c.now);
  return status;
}
