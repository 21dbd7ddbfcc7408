/* The core of attention: what cl/attention.cl, or cl/cpu/attention.cl in its place, is asked for. */
#include "device/tune.h"
#include "layers/layer.h"

/* The CPU kernel holds 16 bytes for each number of the keys of a head on its stack, 2 KiB for each column; columns are
 * padded to whole vectors. */
#define CPU_KEYS_MAX 32768
#define CPU_HEAD_MAX 128

/* Vectors in a block of queries of cl/cpu/attention.cl: as many as registers allow, unless fewer leave fewer lanes
 * empty; 8 vectors' worth of work stand for what a block costs beside them. */
static int query_vectors(int queries, int vector) {
  const int most = vector == 16 ? 5 : 2;
  int best = 1;
  int64_t least = INT64_MAX;
  for (int vectors = most; vectors >= 1; vectors--) {
    const int lanes = vectors * vector;
    const int64_t cost = (int64_t)((queries + lanes - 1) / lanes) * (8 * vectors + 1);
    if (cost >= least) continue;
    least = cost;
    best = vectors;
  }
  return best;
}

/* The shortest vector that holds `count` numbers, or the device's own. */
static int vector_for(int count, int native) {
  int vector = native;
  while (vector > 4 && count <= vector / 2) vector /= 2;
  return vector;
}

/* The CPU family, where it can hold so many keys. */
static bool is_cpu(const csa_plan *p, const csa_attention_core *c) {
  return c->head <= CPU_HEAD_MAX && (int64_t)c->tokens * c->head <= CPU_KEYS_MAX &&
         csa_kernel_is_cpu(p, "attention_forward");
}

static void shape_options(const csa_attention_core *c, char options[160]) {
  snprintf(options, 160, "-DHEADS=%d -DHEAD=%d -DQUERIES=%d -DTOKENS=%d -DLDQ=%d -DLDKV=%d%s", c->heads, c->head,
           c->queries, c->tokens, c->query_stride, c->key_stride, c->scaled ? "" : " -DSCALE=1.0f");
}

/* Blocks of cl/cpu/attention.cl: `vectors` of queries, `keys` of keys; 0: as it has them. */
typedef struct {
  int native, vector, vectors, keys;
} cpu_blocks;

static cpu_blocks cpu_blocks_of(const csa_plan *p, const char *name, const csa_attention_core *c) {
  char kernel[CSA_TUNING_TEXT], shape[CSA_TUNING_TEXT];
  cpu_blocks b = {.native = csa_device_vector(&p->device->info)};
  b.vector = vector_for(c->queries, b.native);
  b.vectors = query_vectors(c->queries, b.vector);
  snprintf(kernel, sizeof kernel, "cpu/%s", name);
  snprintf(shape, sizeof shape, "%dx%d %dx%d%s", c->heads, c->head, c->queries, c->tokens,
           csa_plan_storage(p) == CSA_F16 ? " h" : "");
  csa_tuning_entry *entry = csa_tuned(p, kernel, shape);
  const int keys = csa_tuned_value(entry, "KB", 0);
  if (keys % (b.native == 16 ? 65 : 8) != 0) {
    csa_tuned_refuse(p, entry, "KB is not in whole tiles");
    return b;
  }
  b.vectors = csa_tuned_value(entry, "NV", b.vectors);
  b.keys = keys;
  return b;
}

static csa_kernel cpu_kernel(const csa_plan *p, const char *name, const csa_attention_core *c) {
  const cpu_blocks b = cpu_blocks_of(p, name, c);
  char options[160], keys[24] = "";
  shape_options(c, options);
  if (b.keys > 0) snprintf(keys, sizeof keys, "-DKB=%d ", b.keys);
  return csa_kernel_named(p, name, "-DVW=%d -DNV=%d -DDW=%d -DREGISTERS=%d %s%s", b.vector, b.vectors,
                          vector_for(c->head, b.native), b.native == 16 ? 32 : 16, keys, options);
}

/* How cl/attention.cl shares out its work; the names are those of its options. */
typedef struct {
  int items; /* of a group that are there for different rows or lanes: WG / COLUMN_ITEMS */
  int column_items;
  int at_once, key_at_once;
  int query_lanes, key_lanes;
  int key_tile, query_tile;
} tiling;

/* Untuned limits. COLUMNS of a head that an item holds: four times in key_backward, 64 registers. TILE: rows; longer
 * tiles save few barriers. */
#define COLUMNS 16
#define TILE 64
#define LOCAL_FLOOR (32u << 10) /* bytes of local memory that devices have, as a rule */

/* Lanes for `rows` that each meet `others`: the fewest steps for all blocks of a group. Rows that a block cannot fill
 * are lost, but what a block meets has to be loaded once more for every block, and lanes have to be added up, in a tile
 * of up to `most` rows. */
static int lanes_for(const tiling *t, int at_once, int rows, int others, int most) {
  int best = 1;
  int64_t least = INT64_MAX;
  for (int lanes = 1, sums = 0; lanes <= t->items; lanes *= 2, sums += 2) {
    const int of_block = t->items / lanes, step = lanes * at_once;
    const int64_t blocks = (rows + of_block - 1) / of_block;
    const int64_t steps = blocks * ((others + lanes - 1) / lanes + others / 16 + sums);
    if (steps >= least || (lanes > 1 && 2 * (most / step * step) < t->items)) continue;
    least = steps;
    best = lanes;
  }
  return best;
}

/* Rows of a tile for `count`, in whole steps: equal tiles of up to `most` rows, with lanes no fewer than their sums
 * take. */
static int tile_for(const tiling *t, int at_once, int lanes, int count, int most) {
  const int step = lanes * at_once, tiles = (count + most - 1) / most, longest = most / step * step;
  int rows = ((count + tiles - 1) / tiles + step - 1) / step * step;
  while (lanes > 1 && 2 * rows < t->items) rows += step;
  return rows < longest ? rows : longest;
}

static tiling attention_tiling(const csa_plan *p, const char *name, int group, const csa_attention_core *c) {
  const csa_tuning_entry *tuned = csa_tuned(p, name, "");
  const int columns = csa_tuned_value(tuned, "COLUMNS", COLUMNS), longest = csa_tuned_value(tuned, "TILE", TILE);
  const uint64_t there = p->device->info.local_bytes;
  const int local = (int)(there < LOCAL_FLOOR ? there : LOCAL_FLOOR);
  /* columns that are no vectors of four are loaded one by one, and key_backward holds more: that takes registers */
  tiling t = {.column_items = 1,
              .at_once = csa_tuned_value(tuned, "AT_ONCE", c->head % 4 == 0 ? 4 : 2),
              .key_at_once = csa_tuned_value(tuned, "AT_ONCE", 2)};
  while (t.column_items < group && c->head > columns * t.column_items) t.column_items *= 2;
  t.items = group / t.column_items;
  const int row = (c->head + 4 * t.column_items - 1) / (4 * t.column_items) * t.column_items; /* vectors of four */
  while (t.at_once > 1 && 4 * 2 * t.at_once * group > local / 2) t.at_once /= 2;
  const int row_bytes = 2 * (16 * (row | 1) + 4), scratch = 4 * 2 * t.at_once * group;
  int rows = (local / 2 - scratch) / row_bytes; /* two groups have room at a time */
  if (rows < 8) rows = (local - scratch) / row_bytes;
  if (rows < 1) rows = 1;
  if (rows > longest) rows = longest;
  while (t.at_once > rows) t.at_once /= 2;
  if (t.key_at_once > t.at_once) t.key_at_once = t.at_once;
  t.query_lanes = lanes_for(&t, t.at_once, c->queries, c->tokens, rows);
  t.key_lanes = lanes_for(&t, t.key_at_once, c->tokens, c->queries, rows);
  t.key_tile = tile_for(&t, t.at_once, t.query_lanes, c->tokens, rows);
  t.query_tile = tile_for(&t, t.key_at_once, t.key_lanes, c->queries, rows);
  return t;
}

/* A kernel of the portable family, and the groups of a launch over `rows` of every image and head. */
typedef struct {
  csa_kernel kernel;
  csa_work work;
} portable_launch;

static portable_launch portable(const csa_plan *p, const char *name, const csa_attention_core *c, bool by_keys) {
  char options[160];
  shape_options(c, options);
  portable_launch l = {.kernel = csa_kernel_portable(p, name, "%s", options)};
  const tiling t = attention_tiling(p, name, l.kernel.local, c);
  char narrow[32] = "";
  if (p->device->info.type == CSA_GPU && p->device->info.narrowest_subgroup > 0)
    snprintf(narrow, sizeof narrow, " -DSUB_GROUP=%d", p->device->info.narrowest_subgroup);
  l.kernel = csa_kernel_portable(
      p, name,
      "%s -DCOLUMN_ITEMS=%d -DQUERY_LANES=%d -DKEY_LANES=%d -DKEY_TILE=%d -DQUERY_TILE=%d -DAT_ONCE=%d "
      "-DKEY_AT_ONCE=%d%s",
      options, t.column_items, t.query_lanes, t.key_lanes, t.key_tile, t.query_tile, t.at_once, t.key_at_once, narrow);
  const int rows = t.items / (by_keys ? t.key_lanes : t.query_lanes), count = by_keys ? c->tokens : c->queries;
  l.work = csa_groups((int64_t)c->images * c->heads * ((count + rows - 1) / rows));
  return l;
}

static double flops(const csa_attention_core *c) {
  return 4.0 * c->images * c->heads * c->head * (double)c->queries * c->tokens;
}

csa_status csa_layer_attention_forward(csa_plan *p, const csa_attention_core *c, const csa_tensor *q,
                                       const csa_tensor *kv, csa_tensor *y, csa_tensor *lse) {
  if (is_cpu(p, c)) {
    CSA_TRY(csa_launch(p, cpu_kernel(p, "attention_forward", c), csa_groups((int64_t)c->images * c->heads),
                       CSA_ARGS(q, kv, y, lse, c->images)));
  } else {
    const portable_launch l = portable(p, "attention_forward", c, false);
    CSA_TRY(csa_launch(p, l.kernel, l.work, CSA_ARGS(q, kv, y, lse, c->images)));
  }
  csa_plan_flops(p, flops(c));
  return CSA_OK;
}

csa_status csa_layer_attention_backward(csa_plan *p, const csa_attention_core *c, const csa_tensor *q,
                                        const csa_tensor *kv, const csa_tensor *y, const csa_tensor *lse,
                                        const csa_tensor *dy, csa_tensor *dq, csa_tensor *dkv) {
  if (is_cpu(p, c)) {
    CSA_TRY(csa_launch(p, cpu_kernel(p, "attention_backward", c), csa_groups((int64_t)c->images * c->heads),
                       CSA_ARGS(q, kv, y, lse, dy, dq, dkv, c->images)));
    csa_plan_flops(p, 2.0 * flops(c));
    return CSA_OK;
  }
  csa_tensor *delta;
  CSA_TRY(csa_plan_scratch(p, lse->shape, &delta));
  const portable_launch queries = portable(p, "attention_query_backward", c, false);
  CSA_TRY(csa_launch(p, queries.kernel, queries.work, CSA_ARGS(q, kv, y, lse, dy, dq, delta, c->images)));
  csa_plan_flops(p, flops(c));
  const portable_launch keys = portable(p, "attention_key_backward", c, true);
  CSA_TRY(csa_launch(p, keys.kernel, keys.work, CSA_ARGS(q, kv, lse, (const csa_tensor *)delta, dy, dkv, c->images)));
  csa_plan_flops(p, flops(c));
  return CSA_OK;
}
