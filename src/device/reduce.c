#include "device/reduce.h"

#define STRIP 1024      /* columns of a work-item in cl/cpu/reduce.cl */
#define ROWS_AT_ONCE 64 /* up to so many are added in one launch */

static csa_status sum_chunks(csa_plan *plan, const csa_tensor *x, int rows, int cols, int ld, int chunk_rows,
                             float beta, csa_tensor *out) {
  const int chunks = (rows + chunk_rows - 1) / chunk_rows;
  const csa_work work = csa_kernel_is_cpu(plan, "reduce_rows")
                            ? csa_groups((int64_t)chunks * ((cols + STRIP - 1) / STRIP))
                            : csa_groups(csa_plan_strips(plan, chunks, cols));
  return csa_launch(plan, csa_kernel_named(plan, "reduce_rows", "-DX_TYPE=%s", x->dtype == CSA_F16 ? "half" : "float"),
                    work, CSA_ARGS(x, rows, cols, ld, chunk_rows, beta, out));
}

csa_status csa_sum_rows(csa_plan *plan, const csa_tensor *x, int rows, int cols, int ld, float beta, csa_tensor *out) {
  if (rows <= ROWS_AT_ONCE) return sum_chunks(plan, x, rows, cols, ld, rows > 0 ? rows : 1, beta, out);
  const int wanted = csa_plan_chunks(plan, rows), chunk_rows = (rows + wanted - 1) / wanted;
  const int chunks = (rows + chunk_rows - 1) / chunk_rows;
  csa_tensor *parts;
  CSA_TRY(csa_plan_scratch(plan, csa_shape2(chunks, cols), &parts));
  CSA_TRY(sum_chunks(plan, x, rows, cols, ld, chunk_rows, 0.0f, parts));
  return sum_chunks(plan, parts, chunks, cols, cols, chunks, beta, out);
}

csa_status csa_sum_rows_of_two(csa_plan *plan, csa_tensor *x, int rows, float beta, csa_tensor *a, int a_cols,
                               csa_tensor *b, int b_cols) {
  const int cols = a_cols + b_cols;
  csa_tensor *rest, *both;
  if (a->base != NULL && a->base == b->base && a->start + a_cols == b->start) {
    CSA_TRY(csa_plan_view(plan, a->base, a->start, csa_shape1(cols), &both));
    return csa_sum_rows(plan, x, rows, cols, cols, beta, both);
  }
  CSA_TRY(csa_sum_rows(plan, x, rows, a_cols, cols, beta, a));
  CSA_TRY(csa_plan_view(plan, x, a_cols, csa_shape1(csa_elements(x->shape) - a_cols), &rest));
  return csa_sum_rows(plan, rest, rows, b_cols, cols, beta, b);
}
