#include "device/gemm.h"

#include <clblast_c.h>
#include <stdlib.h>

#include "device/gemm_native.h"
#include "device/reduce.h"

#define SPLIT_ABOVE 1024 /* a longer sum over k is cut */
#define SPLITS_MAX 16

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

/* CLBlast's own codes; those that are OpenCL's have OpenCL's names. */
static const char *status_name(CLBlastStatusCode code) {
  static const struct {
    CLBlastStatusCode code;
    const char *name;
  } names[] = {{CLBlastNotImplemented, "NotImplemented"},
               {CLBlastInvalidMatrixA, "InvalidMatrixA"},
               {CLBlastInvalidMatrixB, "InvalidMatrixB"},
               {CLBlastInvalidMatrixC, "InvalidMatrixC"},
               {CLBlastInvalidDimension, "InvalidDimension"},
               {CLBlastInvalidLeadDimA, "InvalidLeadDimA"},
               {CLBlastInvalidLeadDimB, "InvalidLeadDimB"},
               {CLBlastInvalidLeadDimC, "InvalidLeadDimC"},
               {CLBlastInsufficientMemoryA, "InsufficientMemoryA"},
               {CLBlastInsufficientMemoryB, "InsufficientMemoryB"},
               {CLBlastInsufficientMemoryC, "InsufficientMemoryC"},
               {CLBlastInsufficientMemoryTemp, "InsufficientMemoryTemp"},
               {CLBlastInvalidLocalMemUsage, "InvalidLocalMemUsage"},
               {CLBlastNoHalfPrecision, "NoHalfPrecision"},
               {CLBlastUnexpectedError, "UnexpectedError"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].code == code) return names[i].name;
  return csa_cl_error_name(code);
}

static csa_status check(CLBlastStatusCode code, const clblast_call *c, const char *routine) {
  if (code == CLBlastSuccess) return CSA_OK;
  const csa_gemm_call *g = &c->call;
  return csa_fail(
      code == CLBlastTempBufferAllocFailure || code == CLBlastOpenCLOutOfHostMemory ? CSA_MEMORY : CSA_DEVICE,
      "%s: C [%d, %d] = %s %s over k = %d, lda %d, ldb %d, ldc %d, offsets %llu, %llu, %llu, beta %g, batch %d: "
      "CLBlast status %d (%s)\n"
      "  --gemm native does without CLBlast",
      routine, g->m, g->n, g->trans_a ? "A^T" : "A", g->trans_b ? "B^T" : "B", c->k, g->lda, g->ldb, g->ldc,
      (unsigned long long)(g->a->offset + start_a(c)), (unsigned long long)(g->b->offset + start_b(c)),
      (unsigned long long)(g->c->offset + (uint64_t)c->c_start), (double)g->beta, g->batch, code, status_name(code));
}

static csa_status run_single(csa_device *device, const csa_plan_node *node, cl_event *event) {
  const clblast_call *c = node->call_data;
  const csa_gemm_call *g = &c->call;
  return check(CLBlastSgemmWithTempBuffer(
                   CLBlastLayoutRowMajor, transpose(g->trans_a), transpose(g->trans_b), (size_t)g->m, (size_t)g->n,
                   (size_t)c->k, 1.0f, g->a->memory, g->a->offset + start_a(c), (size_t)g->lda, g->b->memory,
                   g->b->offset + start_b(c), (size_t)g->ldb, g->beta, g->c->memory, g->c->offset + (size_t)c->c_start,
                   (size_t)g->ldc, &device->queue, event, c->workspace != NULL ? c->workspace->memory : NULL),
               c, "CLBlastSgemm");
}

static csa_status run_batch(csa_device *device, const csa_plan_node *node, cl_event *event) {
  const clblast_call *c = node->call_data;
  const csa_gemm_call *g = &c->call;
  return check(CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, transpose(g->trans_a), transpose(g->trans_b),
                                          (size_t)g->m, (size_t)g->n, (size_t)g->k, 1.0f, g->a->memory, g->a->offset,
                                          (size_t)g->lda, (size_t)g->batch_a, g->b->memory, g->b->offset,
                                          (size_t)g->ldb, (size_t)g->batch_b, g->beta, g->c->memory, g->c->offset,
                                          (size_t)g->ldc, (size_t)g->batch_c, (size_t)g->batch, &device->queue, event),
               c, "CLBlastSgemmStridedBatched");
}

/* What CLBlast needs depends on whether offsets are zero, and those are not known yet: the larger need is planned. */
static csa_status reserve_workspace(csa_plan *plan, const clblast_call *c) {
  const csa_gemm_call *g = &c->call;
  for (size_t offset = 0; offset < 2; offset++) {
    size_t bytes = 0;
    CSA_TRY(check(CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, transpose(g->trans_a), transpose(g->trans_b),
                                             (size_t)g->m, (size_t)g->n, (size_t)c->k, offset, (size_t)g->lda, offset,
                                             (size_t)g->ldb, offset, (size_t)g->ldc, &plan->device->queue, &bytes),
                  c, "CLBlastSGemmTempBufferSize"));
    CSA_TRY(csa_plan_workspace(plan, bytes));
  }
  return CSA_OK;
}

static csa_status record_clblast(csa_plan *plan, const csa_gemm_call *g, int splits, int k_run) {
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
  const csa_tensor *none = g->c, *bias = g->bias, *residual = g->residual;
  if (bias == NULL && !g->relu && residual == NULL) return CSA_OK;
  return csa_launch(plan,
                    csa_kernel_portable(plan, "gemm_epilogue", "%s%s%s", bias != NULL ? "-DBIAS " : "",
                                        g->relu ? "-DRELU " : "", residual != NULL ? "-DRESIDUAL" : ""),
                    csa_items((int64_t)g->m * g->n),
                    CSA_ARGS(g->c, bias != NULL ? bias : none, residual != NULL ? residual : none, g->ldc, g->m, g->n));
}

static csa_status record(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run) {
  return plan->choices.gemm == CSA_GEMM_CLBLAST ? record_clblast(plan, call, splits, k_run)
                                                : csa_gemm_native(plan, call, splits, k_run);
}

/* A long sum for a small C: parts side by side, for the sake of accuracy and of cores that would have nothing to do. */
static csa_status record_split(csa_plan *plan, const csa_gemm_call *call) {
  const int wanted = (call->k + SPLIT_ABOVE / 2 - 1) / (SPLIT_ABOVE / 2),
            splits = wanted < SPLITS_MAX ? wanted : SPLITS_MAX;
  const int k_run = (call->k + splits - 1) / splits, used = (call->k + k_run - 1) / k_run;
  csa_tensor *parts;
  CSA_TRY(csa_plan_scratch(plan, csa_shape3(used, call->m, call->n), &parts));
  csa_gemm_call part = *call;
  part.c = parts;
  part.ldc = call->n;
  part.beta = 0.0f;
  CSA_TRY(record(plan, &part, used, k_run));
  return csa_sum_rows(plan, parts, used, call->m * call->n, call->m * call->n, call->beta, call->c);
}

csa_status csa_gemm(csa_plan *plan, const csa_gemm_call *given) {
  csa_gemm_call call = *given;
  if (call.lda == 0) call.lda = call.trans_a ? call.m : call.k;
  if (call.ldb == 0) call.ldb = call.trans_b ? call.k : call.n;
  if (call.ldc == 0) call.ldc = call.n;
  if (call.batch == 0) call.batch = 1;
  if (call.m < 1 || call.n < 1 || call.k < 1 || (call.trans_a && call.trans_b))
    return csa_fail(CSA_USAGE, "gemm: [%d, %d] over %d, %s: no such product", call.m, call.n, call.k,
                    call.trans_a && call.trans_b ? "both transposed" : "not both transposed");
  const bool plain = call.bias == NULL && !call.relu && call.residual == NULL && call.ldc == call.n;
  const bool weight_gradient = call.trans_a && call.batch == 1 && plain && call.k > SPLIT_ABOVE;
  return weight_gradient ? record_split(plan, &call) : record(plan, &call, 1, call.k);
}
