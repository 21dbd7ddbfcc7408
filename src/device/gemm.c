#include "device/gemm.h"

#include <assert.h>
#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/gemm_native.h"
#include "device/gemm_override.h"
#include "device/reduce.h"

#define SPLIT_ABOVE 1024 /* a longer sum over k is cut */
#define SPLITS 16 /* into so many at most; so many where a work-item of one of two cores then reads A and B once */

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

static csa_status record_clblast(csa_plan *plan, const csa_gemm_call *g, int splits, int k_run) {
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

/* By CLBlast, in floats; the epilogue is a launch of its own. */
static csa_status record_plain(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run) {
  const bool plain = call->bias == NULL && !call->relu && call->residual == NULL;
  csa_gemm_call product = *call;
  csa_tensor *floats = call->c;
  if (plain && call->c->dtype == CSA_F32) return record_clblast(plan, call, splits, k_run);
  if (call->c->dtype == CSA_F16) {
    CSA_TRY(csa_plan_scratch(plan, csa_shape2(call->m, call->n), &floats));
    product.c = floats;
    product.ldc = call->n;
    product.beta = 0.0f;
  }
  CSA_TRY(record_clblast(plan, &product, splits, k_run));
  return record_epilogue(plan, call, floats, product.ldc);
}

static csa_status record(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run) {
  return plan->choices.gemm == CSA_GEMM_CLBLAST ? record_plain(plan, call, splits, k_run)
                                                : csa_gemm_native(plan, call, splits, k_run);
}

/* Whether the CPU family's own kernels make the products. */
static bool is_cpu(const csa_plan *plan) {
  return plan->choices.gemm != CSA_GEMM_CLBLAST && csa_gemm_native_sums(plan);
}

/* A long sum for a small C: parts side by side, for the sake of accuracy and of cores that would have nothing to do. */
static csa_status record_split(csa_plan *plan, const csa_gemm_call *call) {
  const int few = (call->k + SPLIT_ABOVE / 2 - 1) / (SPLIT_ABOVE / 2);
  const int splits = is_cpu(plan) || few > SPLITS ? SPLITS : few;
  const int k_run = (call->k + splits - 1) / splits, used = (call->k + k_run - 1) / k_run;
  const int elements = call->m * call->n, part_elements = elements + (call->sums != NULL ? call->m : 0);
  csa_tensor *parts;
  CSA_TRY(csa_plan_scratch(plan, csa_shape2(used, part_elements), &parts));
  csa_gemm_call part = *call;
  part.c = parts;
  part.ldc = call->n;
  part.beta = 0.0f;
  CSA_TRY(record(plan, &part, used, k_run));
  if (call->sums != NULL)
    return csa_sum_rows_of_two(plan, parts, used, call->beta, call->c, elements, call->sums, call->m);
  return csa_sum_rows(plan, parts, used, elements, part_elements, call->beta, call->c);
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

/* For CLBlast, whose products of halves are summed in halves. */
static csa_status widen_operands(csa_plan *plan, csa_gemm_call *g) {
  assert(g->batch == 1 || (g->a->dtype == CSA_F32 && g->b->dtype == CSA_F32 && g->c->dtype == CSA_F32));
  CSA_TRY(widen(plan, &g->a, g->trans_a ? g->k : g->m, g->trans_a ? g->m : g->k, &g->lda));
  return widen(plan, &g->b, g->trans_b ? g->n : g->k, g->trans_b ? g->k : g->n, &g->ldb);
}

/* Every launch from `first` on keeps what was asked for. */
static csa_status keep_call(csa_plan *plan, size_t first, const csa_gemm_call *call) {
  for (size_t i = first; i < plan->node_count; i++) {
    csa_plan_node *node = &plan->nodes[i];
    CSA_TRY(csa_new(&node->product, 1, sizeof *node->product));
    *node->product = *call;
  }
  return CSA_OK;
}

static char type_letter(const csa_tensor *t) { return t != NULL && t->dtype == CSA_F16 ? 'h' : 'f'; }

void csa_gemm_shape(char text[CSA_TUNING_TEXT], const csa_gemm_call *call) {
  const char types[4] = {type_letter(call->a), type_letter(call->b), type_letter(call->c), '\0'};
  int used = snprintf(text, CSA_TUNING_TEXT, "%dx%dx%d %c%c", call->m, call->n, call->k, call->trans_a ? 't' : 'n',
                      call->trans_b ? 't' : 'n');
  if (strchr(types, 'h') != NULL) used += snprintf(text + used, (size_t)(CSA_TUNING_TEXT - used), " %s", types);
  if (call->batch > 1) snprintf(text + used, (size_t)(CSA_TUNING_TEXT - used), " x%d", call->batch);
}

bool csa_gemm_parse_shape(const char *text, csa_gemm_call *call, csa_dtype types[3]) {
  char a, b, letters[4] = "fff";
  int length = 0, more = 0;
  csa_gemm_call c = {.batch = 1};
  if (sscanf(text, "%dx%dx%d %c%c%n", &c.m, &c.n, &c.k, &a, &b, &length) != 5) return false;
  text += length;
  if (sscanf(text, " %3[hf]%n", letters, &more) == 1) text += more;
  if (sscanf(text, " x%d%n", &c.batch, &more) == 1) text += more;
  for (int i = 0; i < 3; i++) types[i] = letters[i] == 'h' ? CSA_F16 : CSA_F32;
  c.trans_a = a == 't';
  c.trans_b = b == 't';
  c.batch_a = (int64_t)c.m * c.k;
  c.batch_b = (int64_t)c.k * c.n;
  c.batch_c = (int64_t)c.m * c.n;
  *call = c;
  return *text == '\0' && c.m > 0 && c.n > 0 && c.k > 0 && c.batch > 0 && !(c.trans_a && c.trans_b);
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
  assert(call.sums == NULL || (call.trans_a && call.batch == 1));
  const csa_gemm_call asked = call;
  const size_t first = plan->node_count;
  const bool plain = call.bias == NULL && !call.relu && call.residual == NULL && call.ldc == call.n;
  const bool weight_gradient = call.trans_a && call.batch == 1 && plain && call.k > SPLIT_ABOVE;
  if (call.sums != NULL && !(weight_gradient && is_cpu(plan))) {
    CSA_TRY(csa_sum_rows(plan, call.a, call.k, call.m, call.lda, call.beta, call.sums));
    call.sums = NULL;
  }
  if (plan->choices.gemm == CSA_GEMM_CLBLAST) CSA_TRY(widen_operands(plan, &call));
  CSA_TRY(weight_gradient ? record_split(plan, &call) : record(plan, &call, 1, call.k));
  return keep_call(plan, first, &asked);
}

const char *csa_gemm_call_text(const csa_gemm_call *c, char text[CSA_GEMM_TEXT]) {
  char strides[48] = "", batch[24] = "";
  if (c->lda != (c->trans_a ? c->m : c->k) || c->ldb != (c->trans_b ? c->k : c->n) || c->ldc != c->n)
    snprintf(strides, sizeof strides, ", rows %d, %d, %d apart", c->lda, c->ldb, c->ldc);
  if (c->batch > 1) snprintf(batch, sizeof batch, "%d of ", c->batch);
  snprintf(text, CSA_GEMM_TEXT, "%s%c%c %d x %d over %d%s%s%s%s%s%s", batch, c->trans_a ? 'T' : 'N',
           c->trans_b ? 'T' : 'N', c->m, c->n, c->k, strides, c->beta != 0.0f ? ", beta" : "",
           c->bias != NULL ? ", bias" : "", c->relu ? ", ReLU" : "", c->residual != NULL ? ", residual" : "",
           c->sums != NULL ? ", sums" : "");
  return text;
}
