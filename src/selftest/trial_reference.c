/* What src/reference makes of a trial: for every layer which function, and how far float32 may be off. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/reference.h"
#include "selftest/trial.h"

/* Winograd's F(4x4, 3x3) loses a digit: sums of terms that are larger than they are. */
#define WINOGRAD_LOSS 12.0

static csa_status attention(const csa_trial *t, csa_expectation *e) {
  const csa_shape in = t->layer->in[0]->shape, out = t->layer->out->shape;
  const int64_t d = in.dim[2]; /* of the first two parameters, the query's rows come before the others */
  const csa_ref_attention s = {in.dim[0], out.dim[1], in.dim[1], d, t->layer->config.heads};
  const csa_ref_mha_params p = {t->param[0],     t->param[1], t->param[0] + d * d,
                                t->param[1] + d, t->param[2], t->param[3]};
  const csa_ref_mha_grads g = {e->dparam[0],     e->dparam[1], e->dparam[0] + d * d,
                               e->dparam[1] + d, e->dparam[2], e->dparam[3]};
  CSA_TRY(csa_ref_mha_forward(&s, &p, t->in, t->residual, e->out));
  return csa_ref_mha_backward(&s, &p, t->in, t->dout, e->din, &g);
}

static csa_status nonlocal(const csa_trial *t, csa_expectation *e) {
  const csa_shape in = t->layer->in[0]->shape;
  const int64_t c = in.dim[3], r = t->layer->config.reduction, d = c / r; /* theta's rows come before phi's and g's */
  const csa_ref_nonlocal s = {in.dim[0], in.dim[1], in.dim[2], c, r};
  const csa_ref_nonlocal_params p = {t->param[0],     t->param[1], t->param[0] + d * c,
                                     t->param[1] + d, t->param[2], t->param[3]};
  const csa_ref_nonlocal_grads g = {e->dparam[0],     e->dparam[1], e->dparam[0] + d * c,
                                    e->dparam[1] + d, e->dparam[2], e->dparam[3]};
  CSA_TRY(csa_ref_nonlocal_forward(&s, &p, t->in, e->out));
  return csa_ref_nonlocal_backward(&s, &p, t->in, t->dout, e->din, &g);
}

static csa_status conv2d(const csa_trial *t, csa_expectation *e) {
  const csa_layer *l = t->layer;
  const csa_shape in = l->in[0]->shape;
  const csa_ref_conv2d s = {in.dim[0],     in.dim[1],        in.dim[2],     in.dim[3],
                            l->config.out, l->config.kernel, l->config.relu};
  csa_ref_conv2d_forward(&s, t->in, t->param[0], t->param[1], e->out);
  for (int64_t i = 0; t->residual != NULL && i < csa_elements(l->out->shape); i++) e->out[i] += t->residual[i];
  csa_ref_conv2d_backward(&s, t->in, t->param[0], t->out, t->dout, e->din, e->dparam[0], e->dparam[1]);
  if (t->graph->plan->choices.conv == CSA_CONV_WINOGRAD) {
    e->tolerance.out *= WINOGRAD_LOSS;
    e->tolerance.din *= WINOGRAD_LOSS;
    e->tolerance.dparam *= WINOGRAD_LOSS;
  }
  return CSA_OK;
}

static csa_status linear(const csa_trial *t, csa_expectation *e) {
  const csa_layer *l = t->layer;
  const csa_ref_linear s = {csa_rows(l->out->shape), csa_cols(l->in[0]->shape), l->config.out, l->config.relu};
  csa_ref_linear_forward(&s, t->in, t->param[0], t->param[1], t->residual, e->out);
  csa_ref_linear_backward(&s, t->in, t->param[0], t->out, t->dout, e->din, e->dparam[0], e->dparam[1]);
  return CSA_OK;
}

static csa_status layernorm(const csa_trial *t, csa_expectation *e) {
  const csa_shape shape = t->layer->out->shape;
  const csa_ref_layernorm s = {csa_rows(shape), csa_cols(shape), t->layer->config.relu};
  csa_ref_layernorm_forward(&s, t->in, t->param[0], t->param[1], e->out);
  csa_ref_layernorm_backward(&s, t->in, t->param[0], t->out, t->dout, e->din, e->dparam[0], e->dparam[1]);
  return CSA_OK;
}

/* The ReLU, which a residual hides in the output, is the reference's own: nothing was rounded before it. */
static csa_status batchnorm(const csa_trial *t, csa_expectation *e) {
  const csa_shape shape = t->layer->out->shape;
  const int64_t rows = csa_rows(shape), active = rows / shape.dim[0] * t->state.active, cols = csa_cols(shape);
  const csa_ref_batchnorm s = {rows, active, cols, t->layer->config.relu, t->state.training != 0};
  csa_ref_batchnorm_forward(&s, t->in, t->param[0], t->param[1], t->param[2], t->param[3], e->dparam[2], e->dparam[3],
                            e->out);
  csa_ref_batchnorm_backward(&s, t->in, t->param[0], t->param[2], t->param[3], e->out, t->dout, e->din, e->dparam[0],
                             e->dparam[1]);
  for (int64_t i = 0; t->residual != NULL && i < csa_elements(shape); i++) e->out[i] += t->residual[i];
  return CSA_OK;
}

static csa_status dropout(const csa_trial *t, csa_expectation *e) {
  const csa_layer *l = t->layer;
  const int64_t n = csa_elements(l->out->shape);
  const uint64_t seed = t->state.seed[0] | (uint64_t)t->state.seed[1] << 32;
  const double rate = t->state.training != 0 ? (double)l->config.rate : 0.0;
  const csa_ref_dropout_size s = {
      n, n / l->out->shape.dim[0], t->state.first, rate, {seed, csa_rng_of_layer(l->number), t->state.step}};
  csa_ref_dropout(&s, t->in, e->out);
  csa_ref_dropout(&s, t->dout, e->din);
  for (int64_t i = 0; t->residual != NULL && i < n; i++) e->out[i] += t->residual[i];
  return CSA_OK;
}

/* Parameters: the class token, then the positions. */
static csa_status tokens(const csa_trial *t, csa_expectation *e) {
  const csa_shape in = t->layer->in[0]->shape;
  const csa_ref_tokens s = {in.dim[0], in.dim[1], in.dim[2]};
  csa_ref_tokens_forward(&s, t->in, t->param[0], t->param[1], e->out);
  csa_ref_tokens_backward(&s, t->dout, e->din, e->dparam[0], e->dparam[1]);
  return CSA_OK;
}

static csa_status take_first(const csa_trial *t, csa_expectation *e) {
  const csa_shape in = t->layer->in[0]->shape;
  csa_ref_select_forward(in.dim[0], in.dim[1], in.dim[2], t->in, e->out);
  csa_ref_select_backward(in.dim[0], in.dim[1], in.dim[2], t->dout, e->din);
  return CSA_OK;
}

static csa_status patches(const csa_trial *t, csa_expectation *e) {
  const csa_shape in = t->layer->in[0]->shape;
  const csa_layer_config *c = &t->layer->config;
  const csa_ref_patches s = {in.dim[0], in.dim[1], in.dim[2], in.dim[3], c->patch, c->grid};
  csa_ref_patches_forward(&s, t->in, e->out);
  csa_ref_patches_backward(&s, t->dout, e->din);
  return CSA_OK;
}

static csa_ref_pool pool_of(const csa_trial *t) {
  const csa_shape in = t->layer->in[0]->shape;
  return (csa_ref_pool){in.dim[0], in.dim[1], in.dim[2], in.dim[3]};
}

static csa_status pool(const csa_trial *t, csa_expectation *e) {
  const csa_ref_pool s = pool_of(t);
  csa_ref_pool_forward(&s, t->in, e->out);
  csa_ref_pool_backward(&s, t->in, t->dout, e->din);
  return CSA_OK;
}

static csa_status average(const csa_trial *t, csa_expectation *e) {
  const csa_ref_pool s = pool_of(t);
  csa_ref_average_forward(&s, t->in, e->out);
  csa_ref_average_backward(&s, t->dout, e->din);
  return CSA_OK;
}

static const struct {
  const csa_layer_ops *ops;
  csa_status (*expect)(const csa_trial *, csa_expectation *);
  double out, din, dparam; /* tolerances */
} references[] = {
    {&csa_layer_attention, attention, 1e-5, 3e-5, 3e-5}, {&csa_layer_average, average, 1e-6, 1e-7, 0.0},
    {&csa_layer_batchnorm, batchnorm, 3e-6, 1e-5, 1e-5}, {&csa_layer_conv2d, conv2d, 5e-6, 5e-6, 1e-5},
    {&csa_layer_layernorm, layernorm, 2e-6, 1e-5, 5e-6}, {&csa_layer_dropout, dropout, 1e-6, 1e-6, 0.0},
    {&csa_layer_linear, linear, 2e-6, 2e-6, 5e-6},       {&csa_layer_nonlocal, nonlocal, 1e-5, 3e-5, 3e-5},
    {&csa_layer_patches, patches, 0.0, 0.0, 0.0},        {&csa_layer_pool, pool, 0.0, 0.0, 0.0},
    {&csa_layer_select, take_first, 0.0, 0.0, 0.0},      {&csa_layer_tokens, tokens, 1e-6, 0.0, 2e-6},
};

csa_status csa_trial_expect(const csa_trial *t, csa_expectation *e) {
  const csa_layer *l = t->layer;
  size_t i = 0;
  *e = (csa_expectation){0};
  while (i < sizeof references / sizeof references[0] && references[i].ops != l->ops) i++;
  if (i == sizeof references / sizeof references[0])
    return csa_fail(CSA_USAGE, "trial: layer %s: src/selftest/trial_reference.c has no reference for it", l->ops->name);
  CSA_TRY(csa_new(&e->out, (size_t)csa_elements(l->out->shape), sizeof(double)));
  CSA_TRY(csa_new(&e->din, (size_t)csa_elements(l->in[0]->shape), sizeof(double)));
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++)
    if (l->param[slot] != NULL)
      CSA_TRY(csa_new(&e->dparam[slot], (size_t)csa_elements(l->param[slot]->shape), sizeof(double)));
  e->tolerance.out = references[i].out;
  e->tolerance.din = references[i].din;
  e->tolerance.dparam = references[i].dparam;
  CSA_TRY(references[i].expect(t, e));
  if (t->graph->plan->choices.precision == CSA_PRECISION_F16) {
    e->tolerance.out = fmax(e->tolerance.out, CSA_TRIAL_HALF_TOLERANCE);
    e->tolerance.din = fmax(e->tolerance.din, CSA_TRIAL_HALF_TOLERANCE);
    e->tolerance.dparam = fmax(e->tolerance.dparam, CSA_TRIAL_HALF_TOLERANCE);
  }
  return CSA_OK;
}

void csa_expectation_fini(csa_expectation *e) {
  free(e->out);
  free(e->din);
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) free(e->dparam[slot]);
}

/* What a layer is set to, by its kind. */
static int settings(const csa_trial_case *c, char *text, size_t size) {
  const csa_shape in = c->in;
  const csa_layer_config *s = &c->config;
  char shape[64];
  if (c->ops == &csa_layer_attention)
    return snprintf(text, size, "heads %d x %lld, %lld tokens%s", s->heads, (long long)(in.dim[2] / s->heads),
                    (long long)in.dim[1], s->class_only ? ", of the first" : "");
  if (c->ops == &csa_layer_conv2d)
    return snprintf(text, size, "%d x %d, %lld -> %d, of %lld x %lld", s->kernel, s->kernel, (long long)in.dim[3],
                    s->out, (long long)in.dim[1], (long long)in.dim[2]);
  if (c->ops == &csa_layer_dropout)
    return snprintf(text, size, "of %g, %s", (double)s->rate, csa_shape_text(in, shape));
  if (c->ops == &csa_layer_linear) return snprintf(text, size, "%lld -> %d", (long long)csa_cols(in), s->out);
  if (c->ops == &csa_layer_nonlocal)
    return snprintf(text, size, "non-local, %lld / %d channels, of %lld x %lld", (long long)in.dim[3], s->reduction,
                    (long long)in.dim[1], (long long)in.dim[2]);
  if (c->ops == &csa_layer_patches)
    return snprintf(text, size, "%s of %d, of %lld x %lld", s->grid ? "squares" : "runs", s->patch,
                    (long long)in.dim[1], (long long)in.dim[2]);
  return snprintf(text, size, "%s", csa_shape_text(in, shape));
}

const char *csa_trial_text(const csa_trial_case *c, char text[CSA_TRIAL_TEXT]) {
  const int used = settings(c, text, CSA_TRIAL_TEXT);
  snprintf(text + used, (size_t)(CSA_TRIAL_TEXT - used), "%s%s%s%s%s", c->config.relu ? ", ReLU" : "",
           c->residual.rank > 0 ? ", residual" : "", c->joins ? ", joined" : "", c->accumulate ? ", added" : "",
           c->evaluates ? ", in evaluation" : "");
  return text;
}
