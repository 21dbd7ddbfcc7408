#include "model/optimizer.h"

#include <math.h>

#include "model/guard.h"
#include "model/scaler.h"

#define BETA1 0.9 /* in double, as PyTorch has them: 1 - BETA2 would lose digits in float */
#define BETA2 0.999
#define EPSILON 1e-8f
#define MOMENTUM 0.9f
#define GROUPS 64 /* that add up the squares of a run of gradients */

const char *const csa_optimizer_names[] = {[CSA_ADAM] = "adam", [CSA_ADAMW] = "adamw", [CSA_SGD] = "sgd", NULL};

/* Neighbours in the flat tensor that are updated alike. */
typedef struct {
  int64_t start, count;
  float decay;
} run;

static bool decays(csa_decay which, const csa_parameter *p) {
  const int rank = p->value->shape.rank; /* a token or positions have 3 */
  return which == CSA_DECAY_ALL || rank == 2 || rank == 4;
}

static bool is_one(const csa_parameter *p, bool buffers) { return buffers ? p->buffer : !p->fixed; }

/* The run, of what is updated or of buffers, that begins with parameter *next or later; *next becomes the first behind
 * it. False: there is no more. A parameter's padding, zeros with a gradient of zero, belongs to it. */
static bool next_run(const csa_graph *g, const csa_optimizer_config *c, bool buffers, size_t *next, run *r) {
  const csa_parameters *all = &g->parameters;
  while (*next < all->count && !is_one(&all->list[*next], buffers)) (*next)++;
  if (*next == all->count) return false;
  const bool decay = decays(c->decay, &all->list[*next]);
  *r = (run){.start = all->list[*next].value->start, .decay = decay ? c->weight_decay : 0.0f};
  do (*next)++;
  while (*next < all->count && is_one(&all->list[*next], buffers) && decays(c->decay, &all->list[*next]) == decay);
  const int64_t end = *next < all->count ? all->list[*next].value->start : csa_elements(all->values->shape);
  r->count = end - r->start;
  return true;
}

/* The parts of `flat` and of the gradients that a run is about. */
static csa_status view(csa_plan *p, const run *r, csa_tensor *flat, csa_tensor **part) {
  return csa_plan_view(p, flat, r->start, csa_shape1(r->count), part);
}

static csa_status record_clip(csa_graph *g, const csa_optimizer_config *c) {
  csa_plan *p = g->plan;
  csa_tensor *parts, *gradients, *own;
  run r;
  int runs = 0;
  for (size_t next = 0; next_run(g, c, false, &next, &r);) runs++;
  const int count = runs * GROUPS;
  if (runs == 0) return CSA_OK;
  snprintf(p->label, sizeof p->label, "clip");
  CSA_TRY(csa_plan_scratch(p, csa_shape1(count), &parts));
  for (size_t next = 0, number = 0; next_run(g, c, false, &next, &r); number++) {
    CSA_TRY(view(p, &r, g->parameters.gradients, &gradients));
    CSA_TRY(csa_plan_view(p, parts, (int64_t)number * GROUPS, csa_shape1(GROUPS), &own));
    CSA_TRY(csa_launch(p, csa_kernel_named(p, "clip_squares", "%s", csa_plan_group_sums(p)), csa_groups(GROUPS),
                       CSA_ARGS((const csa_tensor *)gradients, own, (int)r.count, GROUPS)));
  }
  return csa_launch(p, csa_kernel_named(p, "clip_factor", "%s", csa_plan_group_sums(p)), csa_groups(1),
                    CSA_ARGS((const csa_tensor *)parts, count, c->clip_norm, p->step));
}

static csa_status record_run(csa_optimizer *o, csa_graph *g, const run *r) {
  csa_plan *p = g->plan;
  csa_tensor *values, *gradients, *first, *second;
  const csa_tensor *step = p->step;
  const int n = (int)r->count;
  CSA_TRY(view(p, r, g->parameters.values, &values));
  CSA_TRY(view(p, r, g->parameters.gradients, &gradients));
  CSA_TRY(view(p, r, o->first, &first));
  const csa_tensor *dvalues = gradients;
  if (o->config.kind == CSA_SGD)
    return csa_launch(p, csa_kernel_named(p, "optimizer_sgd", "%s", ""), csa_items(n),
                      CSA_ARGS(values, dvalues, first, step, n, MOMENTUM, r->decay));
  CSA_TRY(view(p, r, o->second, &second));
  return csa_launch(p, csa_kernel_named(p, "optimizer_adam", "%s", o->config.kind == CSA_ADAMW ? "-DDECOUPLED" : ""),
                    csa_items(n),
                    CSA_ARGS(values, dvalues, first, second, step, n, (float)BETA1, (float)(1.0 - BETA1), (float)BETA2,
                             (float)(1.0 - BETA2), EPSILON, r->decay));
}

/* Running statistics move towards what the step has seen. */
static csa_status record_buffers(csa_graph *g, const csa_optimizer_config *c) {
  csa_plan *p = g->plan;
  csa_tensor *values, *seen;
  const csa_tensor *step = p->step;
  run r;
  for (size_t next = 0; next_run(g, c, true, &next, &r);) {
    snprintf(p->label, sizeof p->label, "running statistics");
    CSA_TRY(view(p, &r, g->parameters.values, &values));
    CSA_TRY(view(p, &r, g->parameters.gradients, &seen));
    CSA_TRY(csa_launch(p, csa_kernel_named(p, "optimizer_buffers", "%s", ""), csa_items(r.count),
                       CSA_ARGS(values, (const csa_tensor *)seen, step, (int)r.count, CSA_BUFFER_MOMENTUM)));
  }
  return CSA_OK;
}

static csa_status record_ema(csa_optimizer *o, csa_graph *g) {
  csa_plan *p = g->plan;
  const csa_tensor *values = g->parameters.values, *step = p->step;
  const int n = (int)csa_elements(values->shape);
  CSA_TRY(csa_plan_tensor(p, CSA_OPTIMIZER, CSA_F32, values->shape, &o->mean, "moving average"));
  snprintf(p->label, sizeof p->label, "moving average");
  return csa_launch(p, csa_kernel_named(p, "ema_update", "%s", ""), csa_items(n),
                    CSA_ARGS(values, o->mean, step, n, o->config.ema));
}

csa_status csa_optimizer_record(csa_optimizer *o, csa_graph *graph, csa_optimizer_config config) {
  csa_plan *p = graph->plan;
  const csa_shape shape = graph->parameters.values->shape;
  run r;
  *o = (csa_optimizer){.config = config};
  csa_plan_record(p, CSA_UPDATE);
  CSA_TRY(csa_guard_record(graph, config.stop));
  CSA_TRY(csa_scaler_end(graph, (float)(1.0 - BETA1), (float)(1.0 - BETA2)));
  if (config.clip_norm > 0.0f) CSA_TRY(record_clip(graph, &config));
  snprintf(p->label, sizeof p->label, "%s", csa_optimizer_names[config.kind]);
  CSA_TRY(csa_plan_tensor(p, CSA_OPTIMIZER, CSA_F32, shape, &o->first, "first moment"));
  if (config.kind != CSA_SGD) CSA_TRY(csa_plan_tensor(p, CSA_OPTIMIZER, CSA_F32, shape, &o->second, "second moment"));
  for (size_t next = 0; next_run(graph, &config, false, &next, &r);) CSA_TRY(record_run(o, graph, &r));
  CSA_TRY(record_buffers(graph, &config));
  return config.ema > 0.0f ? record_ema(o, graph) : CSA_OK;
}

csa_status csa_optimizer_record_swap(csa_plan *p, const csa_optimizer *o, csa_graph *graph) {
  const int n = (int)csa_elements(o->mean->shape);
  snprintf(p->label, sizeof p->label, "moving average");
  return csa_launch(p, csa_kernel_named(p, "ema_swap", "%s", ""), csa_items(n),
                    CSA_ARGS(graph->parameters.values, o->mean, n));
}

void csa_optimizer_step(const csa_optimizer *o, int64_t step, csa_step_state *state) {
  state->lr = o->config.lr;
  state->correction1 = (float)(1.0 - pow(BETA1, (double)step));
  state->correction2 = (float)sqrt(1.0 - pow(BETA2, (double)step));
  state->training = 1;
  state->step = (cl_uint)(step - 1);
}
