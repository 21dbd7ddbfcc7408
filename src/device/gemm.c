#include "device/gemm.h"

#include <assert.h>

#include "device/gemm_clblast.h"
#include "device/gemm_native.h"
#include "device/reduce.h"

#define SPLIT_ABOVE 1024 /* a longer sum over k is cut */
#define SPLITS 16 /* into so many at most; so many where a work-item of one of two cores then reads A and B once */

static csa_status record(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run) {
  return plan->choices.gemm == CSA_GEMM_CLBLAST ? csa_gemm_clblast(plan, call, splits, k_run)
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

/* Every launch from `first` on keeps what was asked for. */
static csa_status keep_call(csa_plan *plan, size_t first, const csa_gemm_call *call) {
  for (size_t i = first; i < plan->node_count; i++) {
    csa_plan_node *node = &plan->nodes[i];
    CSA_TRY(csa_new(&node->product, 1, sizeof *node->product));
    *node->product = *call;
  }
  return CSA_OK;
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
  assert(!call.trans_a || call.c->dtype == CSA_F32); /* long sums are stored in between */
  const csa_gemm_call asked = call;
  const size_t first = plan->node_count;
  const bool plain = call.bias == NULL && !call.relu && call.residual == NULL && call.ldc == call.n;
  const bool weight_gradient = call.trans_a && call.batch == 1 && plain && call.k > SPLIT_ABOVE;
  if (call.sums != NULL && !(weight_gradient && is_cpu(plan))) {
    CSA_TRY(csa_sum_rows(plan, call.a, call.k, call.m, call.lda, call.beta, call.sums));
    call.sums = NULL;
  }
  CSA_TRY(weight_gradient ? record_split(plan, &call) : record(plan, &call, 1, call.k));
  return keep_call(plan, first, &asked);
}
