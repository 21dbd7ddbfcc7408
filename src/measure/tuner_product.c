/* Matrix products on trial. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "device/gemm_native.h"
#include "measure/tuner_trial.h"
#include "reference/reference.h"

#define ROWS 16              /* of C beside the reference */
#define REFERENCE_WORK 200e6 /* multiply-adds of the reference, at most */
#define REFERENCE_ERROR 1e-6 /* times the root of k: of the largest element */

/* Operands, results, and the plan's tuning, which holds one contender at a time. */
static csa_status declare(const csa_subject *s, csa_plan *plan, const csa_gemm_call *product, csa_gemm_call *call,
                          csa_tensor *c[2]) {
  csa_tensor *a, *b;
  const int64_t batch = product->batch;
  *call = *product;
  CSA_TRY(csa_plan_tensor(plan, CSA_PARAMETER, s->types[0], csa_shape1(batch * product->m * product->k), &a, "a"));
  CSA_TRY(csa_plan_tensor(plan, CSA_PARAMETER, s->types[1], csa_shape1(batch * product->k * product->n), &b, "b"));
  CSA_TRY(csa_plan_tensor(plan, CSA_DATA, s->types[2], csa_shape1(batch * product->m * product->n), &c[0], "c"));
  CSA_TRY(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape1(product->m), &c[1], "sums"));
  call->a = a;
  call->b = b;
  call->c = c[0];
  if (product->trans_a && batch == 1 && csa_gemm_native_sums(plan)) call->sums = c[1]; /* with every weight gradient */
  return CSA_OK;
}

static csa_status record(const csa_subject *s, csa_plan *plan, const csa_gemm_call *call, csa_tensor *c[2],
                         csa_contender *of) {
  csa_tuning_entry entry = of->entry;
  memcpy(entry.kernel, s->kernel, sizeof entry.kernel);
  csa_gemm_shape(entry.shape, call);
  CSA_TRY(csa_tuning_put(plan->tuning, &entry));
  of->plan = plan;
  of->parts = 1;
  of->first[0] = plan->node_count;
  plan->choices.gemm = of->provider != CSA_GEMM_AUTO ? of->provider : s->choices.gemm;
  CSA_TRY(csa_gemm(plan, call));
  of->end[0] = plan->node_count;
  of->results[0] = c[0];
  of->results[1] = c[1];
  of->result_count = call->sums != NULL ? 2 : 1;
  const csa_tuning_entry *left = csa_tuning_find(plan->tuning, entry.kernel, entry.shape);
  if (left->count != entry.count) snprintf(of->fault, sizeof of->fault, "the device cannot");
  return CSA_OK;
}

csa_status csa_contest_build_product(const csa_subject *s, const csa_gemm_call *product, csa_contender *all, int count,
                                     csa_plan **out) {
  const csa_tuning none = {.trial = true};
  csa_choices choices = s->choices;
  csa_plan *plan = NULL;
  csa_gemm_call call;
  csa_tensor *c[2];
  csa_status status;
  choices.tuning = s->base != NULL ? s->base : &none;
  *out = NULL;
  CSA_GO(csa_plan_create(&plan, s->device, choices));
  CSA_GO(declare(s, plan, product, &call, c));
  for (int i = 0; i < count; i++)
    if (all[i].fault[0] == '\0' || count == 1) CSA_GO(record(s, plan, &call, c, &all[i]));
  CSA_GO(csa_plan_place(plan));
  *out = plan;
  plan = NULL;
done:
  csa_plan_destroy(plan);
  return status;
}

double csa_contest_flops(const csa_gemm_call *p) { return 2.0 * p->m * p->n * p->k * p->batch; }

csa_status csa_contest_draw(csa_device *device, const csa_tensor *t, csa_rng rng, float **kept) {
  const int64_t count = csa_elements(t->shape);
  float *values = NULL;
  csa_status status;
  CSA_GO(csa_new(&values, (size_t)count + 4, sizeof *values));
  for (int64_t i = 0; i < count; i += 4) {
    uint32_t word[4];
    csa_rng_block(&rng, (uint64_t)(i / 4), word);
    for (int j = 0; j < 4; j++) values[i + j] = (float)(word[j] >> 8) * 0x1p-23f - 1.0f;
  }
  CSA_GO(csa_tensor_write_floats(device, t, values));
  if (kept == NULL) goto done;
  CSA_GO(csa_tensor_read_floats(device, t, 0, count, values));
  *kept = values;
  values = NULL;
done:
  free(values);
  return status;
}

/* Row `row` of C, or how far it is from the reference's: `apart`; `size`: its largest element. */
static void compare_row(const csa_gemm_call *g, int row, const float *a, const double *b, const float *c, double *a_row,
                        double *want, double *apart, double *size) {
  for (int p = 0; p < g->k; p++)
    a_row[p] = (double)(g->trans_a ? a[(int64_t)p * g->m + row] : a[(int64_t)row * g->k + p]);
  csa_ref_gemm(false, g->trans_b, 1, g->n, g->k, a_row, g->k, b, g->trans_b ? g->k : g->n, 0.0, want, g->n);
  for (int x = 0; x < g->n; x++) {
    const double d = fabs((double)c[(int64_t)row * g->n + x] - want[x]);
    if (!(d <= *apart)) *apart = d; /* NaN, too */
    if (fabs(want[x]) > *size) *size = fabs(want[x]);
  }
}

/* Some rows of the last product, the first and the last among them. */
static csa_status compare_rows(const csa_gemm_call *g, const float *a, const float *b, const float *c, bool half) {
  const int64_t last = g->batch - 1, size_b = (int64_t)g->k * g->n;
  const double most = REFERENCE_WORK / (double)size_b;
  const int wanted = most < 2.0 ? 2 : most < ROWS ? (int)most : ROWS, rows = g->m < wanted ? g->m : wanted;
  double *b_all = NULL, *a_row = NULL, *want = NULL, apart = 0.0, size = 1e-30;
  csa_status status;
  CSA_GO(csa_new(&b_all, (size_t)size_b, sizeof *b_all));
  CSA_GO(csa_new(&a_row, (size_t)g->k, sizeof *a_row));
  CSA_GO(csa_new(&want, (size_t)g->n, sizeof *want));
  for (int64_t i = 0; i < size_b; i++) b_all[i] = (double)b[last * g->batch_b + i];
  for (int i = 0; i < rows; i++) {
    const int row = rows > 1 ? (int)((int64_t)i * (g->m - 1) / (rows - 1)) : 0;
    compare_row(g, row, a + last * g->batch_a, b_all, c + last * g->batch_c, a_row, want, &apart, &size);
  }
  if (!(apart <= (REFERENCE_ERROR * sqrt((double)g->k) + (half ? 1e-3 : 0.0)) * size + 1e-6))
    status = csa_fail(CSA_FAILED,
                      "tune: %d x %d over %d: the default parameters compute wrongly: %.1e off, of %.1e\n"
                      "  clsattn verify tells more",
                      g->m, g->n, g->k, apart, size);
done:
  free(b_all);
  free(a_row);
  free(want);
  return status;
}

csa_status csa_contest_load_product(const csa_gemm_call *product, const csa_contender *first) {
  csa_device *device = first->plan->device;
  const csa_plan *plan = first->plan;
  const csa_tensor *a = plan->tensors[1], *b = plan->tensors[2], *c = first->results[0]; /* as declared */
  float *a_values = NULL, *b_values = NULL, *c_values = NULL;
  csa_status status;
  CSA_GO(csa_contest_draw(device, a, (csa_rng){17, CSA_RNG_TEST, 1}, &a_values));
  CSA_GO(csa_contest_draw(device, b, (csa_rng){17, CSA_RNG_TEST, 2}, &b_values));
  CSA_GO(csa_plan_run(first->plan, first->first[0], first->end[0]));
  CSA_GO(csa_new(&c_values, (size_t)csa_elements(c->shape), sizeof *c_values));
  CSA_GO(csa_tensor_read_floats(device, c, 0, csa_elements(c->shape), c_values));
  status = compare_rows(product, a_values, b_values, c_values, c->dtype == CSA_F16);
done:
  free(a_values);
  free(b_values);
  free(c_values);
  return status;
}
