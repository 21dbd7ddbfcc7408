/* Matrix products of the self-test, through the one door, at the sizes that models ask for. */
#include <math.h>
#include <stdlib.h>

#include "core/half.h"
#include "device/reduce.h"
#include "reference/reference.h"
#include "selftest/cases.h"

#define DRAWN 65521              /* values that repeat through an operand: a prime, so that rows differ */
#define TERMS ((int64_t)4 << 20) /* multiply-adds that the host makes for one product */
#define SAMPLES_LEAST 64
#define TERM_ERROR 1e-6 /* of a sum of k terms of about 1: times sqrt(k) */

/* An operand: only the device has it as a whole. */
typedef struct {
  uint32_t stream;
  int64_t count;
  csa_tensor *tensor;
} operand;

typedef struct {
  csa_gemm_call call;              /* of the operands below */
  operand a, b, c, bias, residual; /* c: sums stand behind it, where they are wanted */
  csa_plan *plan;
} product;

/* Element i of an operand, in [-2, 2), from a multiplicative hash; its 11 bits fit a half. */
static float value_of(const operand *x, int64_t i) {
  const uint32_t hash = ((uint32_t)(i % DRAWN) + x->stream * 0x10001u) * 2654435761u;
  return (float)((int32_t)(hash >> 21) - 1024) * 0x1p-9f;
}

/* DRAWN values as the device has them. */
static csa_status block_of(const operand *x, void **block) {
  const bool half = x->tensor->dtype == CSA_F16;
  CSA_TRY(csa_new(block, DRAWN, sizeof(float)));
  for (int64_t i = 0; i < DRAWN; i++)
    if (half)
      ((uint16_t *)*block)[i] = csa_half_from_float(value_of(x, i));
    else
      ((float *)*block)[i] = value_of(x, i);
  return CSA_OK;
}

static csa_status upload(csa_device *device, const operand *x) {
  void *block = NULL;
  csa_status status = block_of(x, &block);
  for (int64_t i = 0; i < x->count && status == CSA_OK; i += DRAWN)
    status = csa_tensor_upload_part(device, x->tensor, i, x->count - i < DRAWN ? x->count - i : DRAWN, block);
  free(block);
  return status;
}

/* A matrix of rows `ld` apart, `batch` times. */
static int64_t room(int64_t rows, int64_t cols, int64_t ld, int64_t batch, int64_t stride) {
  return (batch - 1) * stride + (rows - 1) * ld + cols;
}

static void size_operands(product *p, const csa_gemm_call *g) {
  const int64_t extra = g->sums != NULL ? g->m : 0;
  const int rows_a = g->trans_a ? g->k : g->m, cols_a = g->trans_a ? g->m : g->k;
  const int rows_b = g->trans_b ? g->n : g->k, cols_b = g->trans_b ? g->k : g->n;
  p->a = (operand){1, room(rows_a, cols_a, g->lda, g->batch, g->batch_a), NULL};
  p->b = (operand){2, room(rows_b, cols_b, g->ldb, g->batch, g->batch_b), NULL};
  p->c = (operand){3, room(g->m, g->n, g->ldc, g->batch, g->batch_c) + extra, NULL};
  p->bias = (operand){4, g->n, NULL};
  p->residual = (operand){5, g->residual != NULL ? (int64_t)g->m * g->n : 1, NULL};
}

/* `like`: a tensor whose type it has; NULL: floats. */
static csa_status declare(csa_plan *plan, operand *x, const csa_tensor *like, const char *name) {
  return csa_plan_tensor(plan, CSA_DATA, like != NULL ? like->dtype : CSA_F32, csa_shape1(x->count), &x->tensor, "%s",
                         name);
}

static csa_status record(product *p, const csa_gemm_call *like) {
  csa_gemm_call *g = &p->call;
  CSA_TRY(declare(p->plan, &p->a, like->a, "A"));
  CSA_TRY(declare(p->plan, &p->b, like->b, "B"));
  CSA_TRY(declare(p->plan, &p->c, like->c, "C"));
  CSA_TRY(declare(p->plan, &p->bias, like->bias, "bias"));
  CSA_TRY(declare(p->plan, &p->residual, like->residual, "residual"));
  *g = *like;
  g->a = p->a.tensor;
  g->b = p->b.tensor;
  g->c = p->c.tensor;
  if (like->bias != NULL) g->bias = p->bias.tensor;
  if (like->residual != NULL) g->residual = p->residual.tensor;
  if (like->sums != NULL) {
    const int64_t start = p->c.count - g->m;
    CSA_TRY(csa_plan_view(p->plan, p->c.tensor, 0, csa_shape1(start), &g->c));
    CSA_TRY(csa_plan_view(p->plan, p->c.tensor, start, csa_shape1(g->m), &g->sums));
  }
  snprintf(p->plan->label, sizeof p->plan->label, "self-test");
  CSA_TRY(csa_gemm(p->plan, g));
  CSA_TRY(csa_plan_place(p->plan));
  return csa_plan_bind(p->plan);
}

static csa_status run(const product *p, float *got) {
  const operand *all[] = {&p->a, &p->b, &p->c, &p->bias, &p->residual};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) CSA_TRY(upload(p->plan->device, all[i]));
  CSA_TRY(csa_plan_run(p->plan, 0, p->plan->node_count));
  return csa_tensor_read_floats(p->plan->device, p->c.tensor, 0, p->c.count, got);
}

/* One element of C; `row` and `col` have room for k numbers each. */
static double element(const product *p, int64_t at, int64_t i, int64_t j, double *row, double *col) {
  const csa_gemm_call *g = &p->call;
  const int64_t a = at * g->batch_a, b = at * g->batch_b;
  double value = (double)value_of(&p->c, at * g->batch_c + i * g->ldc + j);
  for (int64_t k = 0; k < g->k; k++) {
    row[k] = (double)value_of(&p->a, a + (g->trans_a ? k * g->lda + i : i * g->lda + k));
    col[k] = (double)value_of(&p->b, b + (g->trans_b ? j * g->ldb + k : k * g->ldb + j));
  }
  csa_ref_gemm(false, false, 1, 1, g->k, row, g->k, col, 1, (double)g->beta, &value, 1);
  if (g->bias != NULL) value += (double)value_of(&p->bias, j);
  if (g->relu && value < 0.0) value = 0.0;
  if (g->residual != NULL) value += (double)value_of(&p->residual, i * g->n + j);
  return value;
}

/* Elements that are compared: with each row a column that goes round, with each column a row. */
static int64_t samples_of(const csa_gemm_call *g) {
  const int64_t all = (int64_t)g->m + g->n, fit = TERMS / g->k > SAMPLES_LEAST ? TERMS / g->k : SAMPLES_LEAST;
  return all < fit ? all : fit;
}

static void sample(const csa_gemm_call *g, int64_t number, int64_t count, int64_t *at, int64_t *i, int64_t *j) {
  const int64_t all = (int64_t)g->m + g->n, place = number * all / count, other = number * 7919;
  *at = number % g->batch;
  *i = place < g->m ? place : other % g->m;
  *j = place < g->m ? other % g->n : place - g->m;
}

static double tolerance_of(const product *p) {
  const double floats = TERM_ERROR * sqrt((double)p->call.k);
  return p->call.c->dtype == CSA_F16 ? fmax(floats, CSA_TRIAL_HALF_TOLERANCE) : floats;
}

static csa_status compare(csa_ledger *ledger, const product *p, const float *got, const char *what) {
  const csa_gemm_call *g = &p->call;
  const int64_t count = samples_of(g);
  double *row = NULL, *col = NULL, *mine = NULL, *want = NULL;
  csa_status status;
  CSA_GO(csa_new(&row, (size_t)g->k, sizeof *row));
  CSA_GO(csa_new(&col, (size_t)g->k, sizeof *col));
  CSA_GO(csa_new(&mine, (size_t)count, sizeof *mine));
  CSA_GO(csa_new(&want, (size_t)count, sizeof *want));
  for (int64_t s = 0; s < count; s++) {
    int64_t at, i, j;
    sample(g, s, count, &at, &i, &j);
    mine[s] = (double)got[at * g->batch_c + i * g->ldc + j];
    want[s] = element(p, at, i, j, row, col);
  }
  status =
      csa_ledger_probe(ledger, p->plan, g->c, csa_difference(mine, want, count, NULL), tolerance_of(p), "%s", what);
done:
  free(row), free(col), free(mine), free(want);
  return status;
}

static csa_status compare_sums(csa_ledger *ledger, const product *p, const float *got, const char *what) {
  const csa_gemm_call *g = &p->call;
  const int64_t start = p->c.count - g->m;
  double *mine = NULL, *want = NULL;
  csa_status status;
  if (g->sums == NULL) return CSA_OK;
  CSA_GO(csa_new(&mine, (size_t)g->m, sizeof *mine));
  CSA_GO(csa_new(&want, (size_t)g->m, sizeof *want));
  for (int64_t i = 0; i < g->m; i++) {
    mine[i] = (double)got[start + i];
    want[i] = (double)g->beta * (double)value_of(&p->c, start + i);
  }
  for (int64_t k = 0; k < g->k; k++)
    for (int64_t i = 0; i < g->m; i++) want[i] += (double)value_of(&p->a, k * g->lda + i);
  status =
      csa_ledger_probe(ledger, p->plan, g->sums, csa_difference(mine, want, g->m, NULL), tolerance_of(p), "%s", what);
done:
  free(mine), free(want);
  return status;
}

csa_status csa_selftest_product(csa_ledger *ledger, csa_device *device, csa_choices choices,
                                const csa_gemm_call *like) {
  product p = {0};
  float *got = NULL;
  char what[CSA_GEMM_TEXT];
  csa_status status;
  csa_gemm_call_text(like, what);
  CSA_GO(csa_plan_create(&p.plan, device, choices));
  size_operands(&p, like);
  CSA_GO(csa_new(&got, (size_t)p.c.count, sizeof *got));
  CSA_GO(record(&p, like));
  CSA_GO(run(&p, got));
  CSA_GO(compare(ledger, &p, got, what));
  status = compare_sums(ledger, &p, got, what);
done:
  csa_plan_destroy(p.plan);
  free(got);
  return status;
}

enum { SUM_ROWS = 50, SUM_COLS = 1037 };

csa_status csa_selftest_sum(csa_ledger *ledger, csa_device *device, csa_choices choices) {
  csa_plan *plan = NULL;
  csa_tensor *out;
  operand x = {6, SUM_ROWS * SUM_COLS, NULL};
  float got[SUM_COLS];
  double mine[SUM_COLS], want[SUM_COLS] = {0.0};
  csa_status status;
  CSA_GO(csa_plan_create(&plan, device, choices));
  CSA_GO(declare(plan, &x, NULL, "x"));
  CSA_GO(csa_plan_tensor(plan, CSA_DATA, CSA_F32, csa_shape1(SUM_COLS), &out, "sums"));
  CSA_GO(csa_sum_rows(plan, x.tensor, SUM_ROWS, SUM_COLS, SUM_COLS, 0.0f, out));
  CSA_GO(csa_plan_place(plan));
  CSA_GO(csa_plan_bind(plan));
  CSA_GO(upload(device, &x));
  CSA_GO(csa_plan_run(plan, 0, plan->node_count));
  CSA_GO(csa_tensor_download(device, out, got));
  for (int i = 0; i < SUM_ROWS * SUM_COLS; i++) want[i % SUM_COLS] += (double)value_of(&x, i);
  for (int i = 0; i < SUM_COLS; i++) mine[i] = (double)got[i];
  status = csa_ledger_probe(ledger, plan, out, csa_difference(mine, want, SUM_COLS, NULL), 2e-6, "%d rows of %d",
                            SUM_ROWS, SUM_COLS);
done:
  csa_plan_destroy(plan);
  return status;
}
