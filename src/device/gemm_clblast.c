#include "device/gemm_clblast.h"

#include <assert.h>
#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>

#include "device/gemm_override.h"

/* One call of CLBlast, as it will be made at every replay. */
typedef struct {
  csa_gemm_call call;
  const csa_tensor *workspace;
  int k_first, k;  /* the run of k that it sums */
  int64_t c_start; /* where in C it writes, elements */
} clblast_call;

static CLBlastTranspose transpose(bool yes) { return yes ? CLBlastTransposeYes : CLBlastTransposeNo; }

/* Where the run of k starts in A and B, elements. */
static size_t start_a(const clblast_call *c) {
  return (size_t)c->k_first * (size_t)(c->call.trans_a ? c->call.lda : 1);
}
static size_t start_b(const clblast_call *c) {
  return (size_t)c->k_first * (size_t)(c->call.trans_b ? 1 : c->call.ldb);
}

#define NAMED(code) \
  { (code), #code }

/* CLBlast's own codes; the others are OpenCL's. */
static const struct {
  CLBlastStatusCode code;
  const char *name;
} status_names[] = {
    NAMED(CLBlastNotImplemented),       NAMED(CLBlastInvalidMatrixA),        NAMED(CLBlastInvalidMatrixB),
    NAMED(CLBlastInvalidMatrixC),       NAMED(CLBlastInvalidDimension),      NAMED(CLBlastInvalidLeadDimA),
    NAMED(CLBlastInvalidLeadDimB),      NAMED(CLBlastInvalidLeadDimC),       NAMED(CLBlastInsufficientMemoryA),
    NAMED(CLBlastInsufficientMemoryB),  NAMED(CLBlastInsufficientMemoryC),   NAMED(CLBlastInsufficientMemoryTemp),
    NAMED(CLBlastInvalidBatchCount),    NAMED(CLBlastInvalidOverrideKernel), NAMED(CLBlastMissingOverrideParameter),
    NAMED(CLBlastInvalidLocalMemUsage), NAMED(CLBlastNoHalfPrecision),       NAMED(CLBlastNoDoublePrecision),
    NAMED(CLBlastDatabaseError),        NAMED(CLBlastUnknownError),          NAMED(CLBlastUnexpectedError)};

static const char *status_name(CLBlastStatusCode code) {
  for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; i++)
    if (status_names[i].code == code) return status_names[i].name;
  return csa_cl_error_name((cl_int)code);
}

/* How an operand was passed, a line of the sentence. Nothing is allocated yet while the plan is recorded. */
static void describe(char text[160], const char *name, const csa_tensor *t, bool transposed, uint64_t start, int ld,
                     int64_t stride) {
  size_t bytes = 0;
  if (t->memory != NULL) clGetMemObjectInfo(t->memory, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
  snprintf(text, 160, "  %s: %s, ld %d, offset %llu, stride %lld, in a buffer of %zu bytes\n", name,
           transposed ? "transposed" : "not transposed", ld, (unsigned long long)(t->offset + start), (long long)stride,
           bytes);
}

static csa_status check(CLBlastStatusCode code, const clblast_call *c, const char *where, const char *routine) {
  if (code == CLBlastSuccess) return CSA_OK;
  const csa_gemm_call *g = &c->call;
  char a[160], b[160], to[160];
  describe(a, "A", g->a, g->trans_a, start_a(c), g->lda, g->batch_a);
  describe(b, "B", g->b, g->trans_b, start_b(c), g->ldb, g->batch_b);
  describe(to, "C", g->c, false, (uint64_t)c->c_start, g->ldc, g->batch_c);
  return csa_fail(
      code == CLBlastTempBufferAllocFailure || code == CLBlastOpenCLOutOfHostMemory ? CSA_MEMORY : CSA_DEVICE,
      "%s: %s of m %d, n %d, k %d: %s (%d)\n%s%s%s  row-major, alpha 1, beta %g, batch %d, workspace of %llu bytes\n"
      "  --gemm native does without CLBlast",
      where, routine, g->m, g->n, c->k, status_name(code), (int)code, a, b, to, (double)g->beta, g->batch,
      (unsigned long long)(c->workspace != NULL ? csa_tensor_bytes(c->workspace) : 0));
}

static csa_status run_single(csa_device *device, const csa_plan_node *node, cl_event *event) {
  const clblast_call *c = node->call_data;
  const csa_gemm_call *g = &c->call;
  return check(CLBlastSgemmWithTempBuffer(
                   CLBlastLayoutRowMajor, transpose(g->trans_a), transpose(g->trans_b), (size_t)g->m, (size_t)g->n,
                   (size_t)c->k, 1.0f, g->a->memory, g->a->offset + start_a(c), (size_t)g->lda, g->b->memory,
                   g->b->offset + start_b(c), (size_t)g->ldb, g->beta, g->c->memory, g->c->offset + (size_t)c->c_start,
                   (size_t)g->ldc, &device->queue, event, c->workspace != NULL ? c->workspace->memory : NULL),
               c, node->label, "CLBlastSgemm");
}

static csa_status run_batch(csa_device *device, const csa_plan_node *node, cl_event *event) {
  const clblast_call *c = node->call_data;
  const csa_gemm_call *g = &c->call;
  return check(CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, transpose(g->trans_a), transpose(g->trans_b),
                                          (size_t)g->m, (size_t)g->n, (size_t)g->k, 1.0f, g->a->memory, g->a->offset,
                                          (size_t)g->lda, (size_t)g->batch_a, g->b->memory, g->b->offset,
                                          (size_t)g->ldb, (size_t)g->batch_b, g->beta, g->c->memory, g->c->offset,
                                          (size_t)g->ldc, (size_t)g->batch_c, (size_t)g->batch, &device->queue, event),
               c, node->label, "CLBlastSgemmStridedBatched");
}

/* What CLBlast needs depends on whether offsets are zero, and those are not known yet: the larger need is planned. Only
 * a device at work can say what it is. */
static csa_status reserve_workspace(csa_plan *plan, const clblast_call *c) {
  const csa_gemm_call *g = &c->call;
  if (plan->device->queue == NULL) return CSA_OK;
  for (size_t offset = 0; offset < 2; offset++) {
    size_t bytes = 0;
    CSA_TRY(check(CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, transpose(g->trans_a), transpose(g->trans_b),
                                             (size_t)g->m, (size_t)g->n, (size_t)c->k, offset, (size_t)g->lda, offset,
                                             (size_t)g->ldb, offset, (size_t)g->ldc, &plan->device->queue, &bytes),
                  c, plan->label, "CLBlastSGemmTempBufferSize"));
    CSA_TRY(csa_plan_workspace(plan, bytes));
  }
  return CSA_OK;
}

static csa_status record_calls(csa_plan *plan, const csa_gemm_call *g, int splits, int k_run) {
  csa_gemm_override(plan); /* the workspace depends on it */
  for (int s = 0; s < splits; s++) {
    const int first = s * k_run, rest = g->k - first;
    clblast_call *data;
    CSA_TRY(csa_new(&data, 1, sizeof *data));
    *data = (clblast_call){
        .call = *g, .k_first = first, .k = rest < k_run ? rest : k_run, .c_start = (int64_t)s * g->m * g->n};
    const csa_status status = g->batch > 1 ? CSA_OK : reserve_workspace(plan, data);
    if (status != CSA_OK) {
      free(data);
      return status;
    }
    data->workspace = plan->workspace;
    CSA_TRY(csa_record_call(plan, g->batch > 1 ? "CLBlastSgemmStridedBatched" : "CLBlastSgemm",
                            g->batch > 1 ? run_batch : run_single, data, CSA_ARGS(g->a, g->b, g->c)));
    csa_plan_flops(plan, 2.0 * g->m * g->n * data->k * g->batch);
  }
  return CSA_OK;
}

/* What is left of `call` after its product is there, floats with rows ldx apart; x may be C itself. */
static csa_status record_epilogue(csa_plan *plan, const csa_gemm_call *call, const csa_tensor *x, int ldx) {
  const csa_tensor *bias = call->bias != NULL ? call->bias : x;
  const csa_tensor *residual = call->residual != NULL ? call->residual : call->c;
  const bool half = call->c->dtype == CSA_F16;
  return csa_launch(
      plan,
      csa_kernel_portable(plan, "gemm_epilogue", "-DC_TYPE=%s%s%s%s%s", half ? "half" : "float",
                          half && call->beta != 0.0f ? " -DBETA" : "", call->bias != NULL ? " -DBIAS" : "",
                          call->relu ? " -DRELU" : "", call->residual != NULL ? " -DRESIDUAL" : ""),
      csa_items((int64_t)call->m * call->n), CSA_ARGS(x, ldx, call->c, call->ldc, bias, residual, call->m, call->n));
}

/* Replaces halves [rows, cols], rows *ld apart, by a copy in floats. */
static csa_status widen(csa_plan *plan, const csa_tensor **t, int rows, int cols, int *ld) {
  const int run = plan->choices.kernels == CSA_KERNELS_CPU && cols % 16 == 0 ? 16 : 1;
  csa_tensor *floats;
  if ((*t)->dtype == CSA_F32) return CSA_OK;
  CSA_TRY(csa_plan_scratch(plan, csa_shape2(rows, cols), &floats));
  CSA_TRY(csa_launch(plan, csa_kernel_portable(plan, "cast_floats", "-DRUN=%d", run),
                     csa_items((int64_t)rows * cols / run), CSA_ARGS(*t, *ld, floats, cols, rows * cols)));
  *t = floats;
  *ld = cols;
  return CSA_OK;
}

/* CLBlast's products of halves are summed in halves. */
static csa_status widen_operands(csa_plan *plan, csa_gemm_call *g) {
  assert(g->batch == 1 || (g->a->dtype == CSA_F32 && g->b->dtype == CSA_F32 && g->c->dtype == CSA_F32));
  CSA_TRY(widen(plan, &g->a, g->trans_a ? g->k : g->m, g->trans_a ? g->m : g->k, &g->lda));
  return widen(plan, &g->b, g->trans_b ? g->n : g->k, g->trans_b ? g->k : g->n, &g->ldb);
}

csa_status csa_gemm_clblast(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run) {
  const bool plain = call->bias == NULL && !call->relu && call->residual == NULL;
  csa_gemm_call product = *call;
  CSA_TRY(widen_operands(plan, &product));
  if (plain && call->c->dtype == CSA_F32) return record_calls(plan, &product, splits, k_run);
  if (call->c->dtype == CSA_F16) {
    csa_tensor *floats;
    CSA_TRY(csa_plan_scratch(plan, csa_shape2(call->m, call->n), &floats));
    product.c = floats;
    product.ldc = call->n;
    product.beta = 0.0f;
  }
  CSA_TRY(record_calls(plan, &product, splits, k_run));
  return record_epilogue(plan, call, product.c, product.ldc);
}
