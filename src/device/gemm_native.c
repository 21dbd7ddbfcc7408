#include "device/gemm_native.h"

#define PACK_ROWS 64         /* ROWS of cl/cpu/pack.cl */
#define DEPTH 512            /* of cl/cpu/gemm.cl */
#define IN_PLACE_LD_MAX 1024 /* rows of B further apart, in floats, cost more cache misses than packing */
#define PACKED_FROM 64       /* times a panel's width rows of A: then packing costs less than any rows that are apart */

/* flags of cl/cpu/gemm.cl */
enum { TRANS_A = 1, BETA = 2, BIAS = 4, RELU = 8, RESIDUAL = 16, STREAM_C = 32, SUMS = 64 };

/* What a kernel gets for a tensor that it does not read: any of the same type. */
static const csa_tensor *bias_of(const csa_gemm_call *g) {
  if (g->bias != NULL) return g->bias;
  return g->c->dtype == CSA_F32 ? g->c : g->b->dtype == CSA_F32 ? g->b : g->a;
}
static const csa_tensor *residual_of(const csa_gemm_call *g) { return g->residual != NULL ? g->residual : g->c; }

static const char *type_of(const csa_tensor *t) { return t->dtype == CSA_F16 ? "half" : "float"; }

/* The tile of cl/gemm.cl, its defines in this order. */
typedef struct {
  int wx, wy, tm, tn, vec, depth, loads, pad;
} group_tile;

static int local_bytes(const group_tile *t) { return 4 * t->depth * (t->wx * t->tn + t->wy * t->tm + 2 * t->pad); }

/* Why it cannot be on such a device, or NULL. */
static const char *tile_fault(const group_tile *t, const csa_device_info *info) {
  if ((size_t)(t->wx * t->wy) > info->max_work_group) return "more work-items than a group may have";
  if ((uint64_t)local_bytes(t) > info->local_bytes) return "more local memory than there is";
  if (t->tm % t->vec != 0 || t->tn % t->vec != 0) return "VEC does not divide TM and TN";
  if (t->loads != 1 && t->loads != 4) return "LOADS is neither 1 nor 4";
  if (t->depth % t->loads != 0 || t->wx * t->tn % t->loads != 0 || t->wy * t->tm % t->loads != 0)
    return "LOADS does not divide DEPTH and the tile";
  return NULL;
}

/* Untuned: on a CPU few work-items, which run one after the other, with much in registers; elsewhere many that hide the
 * latency of memory, and rows of strips that meet in no bank. Small devices make do with fewer. */
static group_tile default_tile(const csa_device_info *info) {
  group_tile t =
      info->type == CSA_CPU ? (group_tile){1, 4, 4, 32, 1, 16, 4, 0} : (group_tile){16, 16, 4, 4, 1, 16, 4, 2};
  while (t.wx * t.wy > 1 && tile_fault(&t, info) != NULL) *(t.wy >= t.wx ? &t.wy : &t.wx) /= 2;
  return t;
}

static group_tile tuned_tile(const csa_plan *plan, const csa_gemm_call *g) {
  char shape[CSA_TUNING_TEXT];
  csa_gemm_shape(shape, g);
  csa_tuning_entry *entry = csa_tuned(plan, "gemm_tile", shape);
  const group_tile d = default_tile(&plan->device->info);
  const group_tile t = {csa_tuned_value(entry, "WX", d.wx),       csa_tuned_value(entry, "WY", d.wy),
                        csa_tuned_value(entry, "TM", d.tm),       csa_tuned_value(entry, "TN", d.tn),
                        csa_tuned_value(entry, "VEC", d.vec),     csa_tuned_value(entry, "DEPTH", d.depth),
                        csa_tuned_value(entry, "LOADS", d.loads), csa_tuned_value(entry, "PAD", d.pad)};
  const char *fault = tile_fault(&t, &plan->device->info);
  if (fault == NULL) return t;
  if (entry != NULL && entry->count > 0) csa_tuned_refuse(plan, entry, fault);
  return d;
}

static csa_status portable(csa_plan *plan, const csa_gemm_call *g, int splits, int k_run) {
  const group_tile t = tuned_tile(plan, g);
  csa_kernel kernel = csa_kernel_portable(
      plan, "gemm_tile",
      "-DWX=%d -DWY=%d -DTM=%d -DTN=%d -DVEC=%d -DDEPTH=%d -DLOADS=%d -DPAD=%d -DA_TYPE=%s -DB_TYPE=%s "
      "-DC_TYPE=%s%s%s%s%s%s%s",
      t.wx, t.wy, t.tm, t.tn, t.vec, t.depth, t.loads, t.pad, type_of(g->a), type_of(g->b), type_of(g->c),
      g->trans_a ? " -DTRANS_A" : "", g->trans_b ? " -DTRANS_B" : "", g->beta != 0.0f ? " -DBETA" : "",
      g->bias != NULL ? " -DBIAS" : "", g->relu ? " -DRELU" : "", g->residual != NULL ? " -DRESIDUAL" : "");
  kernel.local = t.wx * t.wy;
  const int64_t across = (g->n + t.wx * t.tn - 1) / (t.wx * t.tn), down = (g->m + t.wy * t.tm - 1) / (t.wy * t.tm);
  const csa_tensor *bias = bias_of(g), *residual = residual_of(g);
  return csa_launch(plan, kernel, csa_groups(across * down * g->batch * splits),
                    CSA_ARGS(g->a, g->lda, (int)g->batch_a, g->b, g->ldb, (int)g->batch_b, g->c, g->ldc,
                             (int)g->batch_c, bias, residual, g->m, g->n, g->k, g->batch, splits, k_run));
}

/* The register tile of cl/cpu/gemm.cl, by what the vector registers hold: 32 of them with AVX-512, else 16. */
typedef struct {
  int vector;  /* floats of a vector */
  int vectors; /* of a tile's row */
  int rows;
  int width;   /* of a tile's row, floats: a panel of B */
  int depth;   /* of a block of k; 0: as gemm.cl has it */
  int row_run; /* 0: to be chosen */
  int packs;   /* whether B is packed; < 0: to be chosen */
} cpu_tile;

/* As wide as registers allow, unless a narrower tile wastes fewer columns beyond n; 8 vectors' worth of work stand for
 * what a tile costs beside them. */
static cpu_tile choose_tile(const csa_plan *plan, int n) {
  cpu_tile tile = {.vector = csa_device_vector(&plan->device->info), .vectors = 1, .packs = -1};
  const int most = tile.vector == 16 ? 4 : 2;
  while (tile.vector > 4 && n <= tile.vector / 2) tile.vector /= 2;
  int64_t least = INT64_MAX;
  for (int vectors = most; vectors >= 1; vectors--) {
    const int width = vectors * tile.vector;
    const int64_t cost = (int64_t)((n + width - 1) / width) * (8 * vectors + 1);
    if (cost >= least) continue;
    least = cost;
    tile.vectors = vectors;
  }
  tile.rows = tile.vectors == most ? 6 : 8;
  tile.width = tile.vector * tile.vectors;
  return tile;
}

static cpu_tile tuned_panels(const csa_plan *plan, const csa_gemm_call *g) {
  char shape[CSA_TUNING_TEXT];
  csa_gemm_shape(shape, g);
  csa_tuning_entry *entry = csa_tuned(plan, "gemm_panels", shape);
  const cpu_tile d = choose_tile(plan, g->n);
  cpu_tile t = {.vector = csa_tuned_value(entry, "VW", d.vector),
                .vectors = csa_tuned_value(entry, "NV", d.vectors),
                .rows = csa_tuned_value(entry, "MR", d.rows),
                .depth = csa_tuned_value(entry, "DEPTH", 0),
                .row_run = csa_tuned_value(entry, "ROW_RUN", 0),
                .packs = csa_tuned_value(entry, "PACK", -1)};
  t.width = t.vector * t.vectors;
  if (t.row_run % t.rows == 0) return t;
  csa_tuned_refuse(plan, entry, "ROW_RUN is no multiple of MR");
  return d;
}

/* B as panels: packed into scratch, or in place where it is [k, n] in whole panels, and reading them so costs less.
 * With A [k, m], B is as long as a batch's activations: a copy would cost as much memory again, and gains nothing. */
typedef struct {
  const csa_tensor *tensor;
  int ld, panel, batch;
} cpu_panels;

static csa_status pack(csa_plan *plan, const csa_gemm_call *g, const cpu_tile *tile, cpu_panels *b) {
  const int panels = (g->n + tile->width - 1) / tile->width, runs = (g->k + PACK_ROWS - 1) / PACK_ROWS;
  csa_tensor *packed;
  *b = (cpu_panels){g->b, g->ldb, tile->width, (int)g->batch_b};
  const bool few_rows = g->m < PACKED_FROM * tile->width;
  const bool near = g->ldb == tile->width || (g->ldb <= IN_PLACE_LD_MAX && (few_rows || g->trans_a));
  const bool in_place = tile->packs < 0 ? near : tile->packs == 0;
  if (!g->trans_b && g->n % tile->width == 0 && in_place) return CSA_OK;
  CSA_TRY(csa_plan_scratch(plan, csa_shape4(g->batch, panels, g->k, tile->width), &packed));
  *b = (cpu_panels){packed, tile->width, g->k * tile->width, panels * g->k * tile->width};
  return csa_launch(
      plan, csa_kernel_named(plan, "pack_panels", "-DB_TYPE=%s", type_of(g->b)),
      csa_groups((int64_t)panels * runs * g->batch),
      CSA_ARGS(g->b, g->ldb, (int)g->batch_b, packed, g->n, g->k, g->batch, tile->width, (int)g->trans_b));
}

/* How C is cut into turns of work-items: long runs of rows use a panel of B well, but no core should wait for another.
 */
typedef struct {
  int row_run, panel_run;
  int64_t items;
} cpu_turns;

static int whole_strips(int rows, const cpu_tile *tile) { return (rows + tile->rows - 1) / tile->rows * tile->rows; }

static cpu_turns choose_turns(const csa_plan *plan, const csa_gemm_call *g, const cpu_tile *tile, int splits) {
  const int64_t units = plan->device->info.compute_units, products = (int64_t)g->batch * splits;
  const int panels = (g->n + tile->width - 1) / tile->width;
  cpu_turns t = {.row_run = 48, .panel_run = panels};
  if (tile->row_run == 0 && splits >= 8 * units) {
    t.row_run = whole_strips(g->m, tile);
    t.items = products;
    return t;
  }
  if ((g->m + 47) / 48 * products < 32 * units) t.row_run = 24;
  if ((g->m + t.row_run - 1) / t.row_run * products < 8 * units) t.row_run = tile->rows;
  t.row_run = whole_strips(tile->row_run > 0 ? tile->row_run : t.row_run, tile);
  const int64_t downs = (g->m + t.row_run - 1) / t.row_run * products;
  while (t.panel_run > 1 && downs * ((panels + t.panel_run - 1) / t.panel_run) < 4 * units)
    t.panel_run = (t.panel_run + 1) / 2;
  t.items = downs * ((panels + t.panel_run - 1) / t.panel_run);
  return t;
}

static bool streams(const csa_plan *plan, const csa_gemm_call *g, const cpu_tile *tile, int splits) {
  const int64_t elements = (int64_t)g->batch * g->m * g->n;
  return splits == 1 && csa_plan_streams(plan, g->c, elements, g->ldc | (int)g->batch_c, tile->vector);
}

static int flags_of(const csa_plan *plan, const csa_gemm_call *g, const cpu_tile *tile, int splits) {
  return (g->trans_a ? TRANS_A : 0) | (g->beta != 0.0f ? BETA : 0) | (g->bias != NULL ? BIAS : 0) |
         (g->relu ? RELU : 0) | (g->residual != NULL ? RESIDUAL : 0) | (streams(plan, g, tile, splits) ? STREAM_C : 0) |
         (g->sums != NULL ? SUMS : 0);
}

static csa_status cpu(csa_plan *plan, const csa_gemm_call *g, int splits, int k_run) {
  const cpu_tile tile = tuned_panels(plan, g);
  const cpu_turns turns = choose_turns(plan, g, &tile, splits);
  cpu_panels b;
  CSA_TRY(pack(plan, g, &tile, &b));
  const bool half = g->c->dtype == CSA_F16; /* all of k in one block, so that no sum is rounded on the way */
  const int depth = half ? (g->k > DEPTH ? g->k : DEPTH) : tile.depth > 0 && !g->trans_a ? tile.depth : DEPTH;
  char trans_depth[32] = "";
  if (tile.depth > 0 && g->trans_a) snprintf(trans_depth, sizeof trans_depth, " -DTRANS_DEPTH=%d", tile.depth);
  const csa_kernel kernel = csa_kernel_named(
      plan, "gemm_panels", "-DVW=%d -DNV=%d -DMR=%d -DX_TYPE=%s -DA_TYPE=%s -DB_TYPE=%s -DC_TYPE=%s -DDEPTH=%d%s",
      tile.vector, tile.vectors, tile.rows, type_of(g->a), type_of(g->a), type_of(b.tensor), type_of(g->c), depth,
      trans_depth);
  const csa_tensor *bias = bias_of(g), *residual = residual_of(g);
  const int part = g->m * g->n + (g->sums != NULL ? g->m : 0);
  const int batch_c = splits > 1 ? part : (int)g->batch_c, flags = flags_of(plan, g, &tile, splits);
  return csa_launch(
      plan, kernel, csa_groups(turns.items),
      CSA_ARGS(g->a, g->lda, (int)g->batch_a, b.tensor, b.ld, b.panel, b.batch, g->c, g->ldc, batch_c, bias, residual,
               g->n, g->m, g->n, g->k, g->batch, splits, k_run, turns.row_run, turns.panel_run, flags));
}

bool csa_gemm_native_sums(const csa_plan *plan) { return csa_kernel_is_cpu(plan, "gemm_panels"); }

csa_status csa_gemm_native(csa_plan *plan, const csa_gemm_call *call, int splits, int k_run) {
  CSA_TRY((csa_kernel_is_cpu(plan, "gemm_panels") ? cpu : portable)(plan, call, splits, k_run));
  csa_plan_flops(plan, 2.0 * call->m * call->n * call->k * call->batch);
  return CSA_OK;
}
