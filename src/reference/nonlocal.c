/* Non-local attention (Wang et al. 2018, with pooled keys and values): queries are pixels, keys and values the 2 x 2
 * maxima of pixels; one head, and no scale: the attention of attention.c divides by sqrt(d), so queries are multiplied
 * by it. */
#include <math.h>
#include <stdlib.h>

#include "reference/reference.h"

/* What lies between the input and the result. */
typedef struct {
  csa_ref_linear theta, phi_g, o;
  csa_ref_pool pool;
  csa_ref_attention attention;
  double scale;
  double *q, *phi_g_out, *kv, *context; /* [rows, d], [rows, 2 d], [keys, 2 d], [rows, d]; q with the scale */
  double *dq, *dphi_g, *dkv, *dcontext, *dx_part;
} work;

static void work_fini(work *w) {
  double *all[] = {w->q, w->phi_g_out, w->kv, w->context, w->dq, w->dphi_g, w->dkv, w->dcontext, w->dx_part};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

static csa_status work_init(work *w, const csa_ref_nonlocal *s) {
  const int64_t d = s->channels / s->reduction, pixels = s->height * s->width, rows = s->images * pixels;
  const int64_t keys = (s->height / 2) * (s->width / 2);
  *w = (work){.theta = {rows, s->channels, d, false},
              .phi_g = {rows, s->channels, 2 * d, false},
              .o = {rows, d, s->channels, false},
              .pool = {s->images, s->height, s->width, 2 * d},
              .attention = {s->images, pixels, keys, d, 1},
              .scale = sqrt((double)d)};
  double **const narrow[] = {&w->q, &w->context, &w->dq, &w->dcontext};
  for (int i = 0; i < 4; i++) CSA_TRY(csa_new(narrow[i], (size_t)(rows * d), sizeof(double)));
  CSA_TRY(csa_new(&w->phi_g_out, (size_t)(rows * 2 * d), sizeof(double)));
  CSA_TRY(csa_new(&w->dphi_g, (size_t)(rows * 2 * d), sizeof(double)));
  CSA_TRY(csa_new(&w->kv, (size_t)(s->images * keys * 2 * d), sizeof(double)));
  CSA_TRY(csa_new(&w->dkv, (size_t)(s->images * keys * 2 * d), sizeof(double)));
  return csa_new(&w->dx_part, (size_t)(rows * s->channels), sizeof(double));
}

static csa_status inner_forward(work *w, const csa_ref_nonlocal_params *p, const double *x) {
  csa_ref_linear_forward(&w->theta, x, p->theta, p->theta_bias, NULL, w->q);
  csa_ref_linear_forward(&w->phi_g, x, p->phi_g, p->phi_g_bias, NULL, w->phi_g_out);
  csa_ref_pool_forward(&w->pool, w->phi_g_out, w->kv);
  for (int64_t i = 0; i < w->theta.rows * w->theta.out; i++) w->q[i] *= w->scale;
  return csa_ref_attention_forward(&w->attention, w->q, w->kv, w->context);
}

csa_status csa_ref_nonlocal_forward(const csa_ref_nonlocal *s, const csa_ref_nonlocal_params *p, const double *x,
                                    double *y) {
  work w;
  csa_status status;
  CSA_GO(work_init(&w, s));
  CSA_GO(inner_forward(&w, p, x));
  csa_ref_linear_forward(&w.o, w.context, p->o, p->o_bias, x, y);
done:
  work_fini(&w);
  return status;
}

csa_status csa_ref_nonlocal_backward(const csa_ref_nonlocal *s, const csa_ref_nonlocal_params *p, const double *x,
                                     const double *dy, double *dx, const csa_ref_nonlocal_grads *g) {
  work w;
  csa_status status;
  const int64_t elements = s->images * s->height * s->width * s->channels;
  CSA_GO(work_init(&w, s));
  CSA_GO(inner_forward(&w, p, x));
  csa_ref_linear_backward(&w.o, w.context, p->o, NULL, dy, w.dcontext, g->o, g->o_bias);
  CSA_GO(csa_ref_attention_backward(&w.attention, w.q, w.kv, w.dcontext, w.dq, w.dkv));
  for (int64_t i = 0; i < w.theta.rows * w.theta.out; i++) w.dq[i] *= w.scale;
  csa_ref_pool_backward(&w.pool, w.phi_g_out, w.dkv, w.dphi_g);
  csa_ref_linear_backward(&w.theta, x, p->theta, NULL, w.dq, dx, g->theta, g->theta_bias);
  csa_ref_linear_backward(&w.phi_g, x, p->phi_g, NULL, w.dphi_g, w.dx_part, g->phi_g, g->phi_g_bias);
  for (int64_t i = 0; i < elements; i++) dx[i] += w.dx_part[i] + dy[i];
done:
  work_fini(&w);
  return status;
}
