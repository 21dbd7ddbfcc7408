#include "device/gemm_native.h"

/* Options of the epilogue, the same in both families. */
static void epilogue_options(const csa_gemm_call *g, char options[64]) {
  snprintf(options, 64, "%s%s%s%s", g->beta != 0.0f ? " -DBETA" : "", g->bias != NULL ? " -DBIAS" : "",
           g->relu ? " -DRELU" : "", g->residual != NULL ? " -DRESIDUAL" : "");
}

/* Side of the square of work-items that makes a tile: the largest the device allows. */
static int tile_side(const csa_plan *plan) {
  int side = 8;
  while (side > 1 && (size_t)(side * side) > plan->device->info.max_work_group) side /= 2;
  return side;
}

static csa_status portable(csa_plan *plan, const csa_gemm_call *g, int splits, int k_run) {
  const int side = tile_side(plan), tile = 4 * side;
  char options[64];
  epilogue_options(g, options);
  csa_kernel kernel = csa_kernel_portable(plan, "gemm_tile", "-DSIDE=%d%s%s%s", side, g->trans_a ? " -DTRANS_A" : "",
                                          g->trans_b ? " -DTRANS_B" : "", options);
  kernel.local = side * side;
  const int64_t tiles = (int64_t)((g->n + tile - 1) / tile) * ((g->m + tile - 1) / tile) * g->batch * splits;
  const csa_tensor *none = g->c, *bias = g->bias != NULL ? g->bias : none;
  const csa_tensor *residual = g->residual != NULL ? g->residual : none;
  return csa_launch(plan, kernel, csa_groups(tiles),
                    CSA_ARGS(g->a, g->lda, (int)g->batch_a, g->b, g->ldb, (int)g->batch_b, g->c, g->ldc,
                             (int)g->batch_c, bias, residual, g->m, g->n, g->k, g->batch, splits, k_run));
}

csa_status csa_gemm_native(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run) {
  return portable(plan, call, splits, k_run);
}
