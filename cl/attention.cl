/* The core of multi-head attention (Vaswani et al. 2017, eq. 1), per image and head, without storing the scores (Dao et
 * al. 2022).
 *
 * q [N, Tq, C], kv [N, T, 2C] (keys, then values), y [N, Tq, C]; head h owns columns h * HEAD .. h * HEAD + HEAD - 1.
 * forward:         s_ij = SCALE * q_i . k_j,  p_ij = exp(s_ij - lse_i),  y_i = sum_j p_ij v_j, with a running maximum
 *                  and sum (Milakov and Gimelshein 2018); lse [N, H, Tq] = log sum_j exp(s_ij) is kept for backward,
 *                  which computes p again from it.
 * query_backward:  delta_i = dy_i . y_i, as lse,  ds_ij = p_ij (dy_i . v_j - delta_i),  dq_i = SCALE sum_j ds_ij k_j;
 * key_backward:    dk_j = SCALE sum_i ds_ij q_i,  dv_j = sum_i p_ij dy_i, with the delta that query_backward wrote.
 *
 * A group makes a block of rows (queries, or keys in key_backward) of one (image, head); what these meet passes through
 * local memory in tiles that all its items read. A row belongs to LANES x COLUMN_ITEMS work-items: lane l takes every
 * LANES-th of what the row meets, column item c every COLUMN_ITEMS-th vector of four columns, so that neighbours read
 * neighbours. Lanes are added up at the end of a block, partial products of column items as they are made, both in a
 * fixed order.
 *
 * HEADS, HEAD: number and size of heads; QUERIES: Tq; TOKENS: T; SCALE: 1 / sqrt(HEAD) if not defined; LDQ, LDKV:
 * elements from a query to the next in q and dq, and from a key to the next in kv and dkv, where those have more
 * columns than they need.
 * COLUMN_ITEMS: so many that an item holds few enough columns; QUERY_LANES, KEY_LANES: LANES of a query's row and of a
 * key's: more than one where rows alone would leave items idle. All are powers of two, and their products with
 * COLUMN_ITEMS divide WG. KEY_TILE, QUERY_TILE: rows of a tile, multiples of QUERY_LANES * AT_ONCE (KEY_LANES *
 * KEY_AT_ONCE), and with several lanes no fewer than WG / (2 * COLUMN_ITEMS), as a tile then holds their sums. AT_ONCE,
 * KEY_AT_ONCE, no more than that: rows of a tile that a lane takes together; compilers that take several such steps at
 * a time run out of registers, hence `unroll 1`. attention_tiling in src/layers/attention_core.c chooses them all.
 *
 * SUB_GROUP: the least width of sub-groups, where the device lets a kernel ask for one. Items hold many registers, and
 * the narrower a sub-group, the more each of its items has. */

#ifndef COLUMN_ITEMS
#define COLUMN_ITEMS 1
#define QUERY_LANES 1
#define KEY_LANES 1
#define KEY_TILE 32
#define QUERY_TILE 32
#define AT_ONCE 4
#define KEY_AT_ONCE 2
#endif

#ifdef SUB_GROUP
#define NARROW __attribute__((intel_reqd_sub_group_size(SUB_GROUP)))
#else
#define NARROW
#endif

#define COLS (HEADS * HEAD)
#ifndef SCALE
#define SCALE (1.0f / sqrt((float)HEAD))
#endif
#ifndef LDQ
#define LDQ COLS
#endif
#ifndef LDKV
#define LDKV (2 * COLS)
#endif

#define QUERY_ROWS (WG / (COLUMN_ITEMS * QUERY_LANES)) /* of a block */
#define KEY_ROWS (WG / (COLUMN_ITEMS * KEY_LANES))
#define BLOCKS(n, rows) (((n) + (rows)-1) / (rows))

/* A row in vectors of four, zero beyond HEAD: those of an item, of a tile, and from one row of a tile to the next,
 * which is odd, so that rows start in different banks. */
#define VECTORS BLOCKS(HEAD, 4 * COLUMN_ITEMS)
#define ROW (VECTORS * COLUMN_ITEMS)
#define STRIDE (ROW | 1)

/* Vector v of a row. */
static inline float4 load_vector(__global const storage *row, const int v) {
#if HEAD % 4 == 0 && HEAD % (4 * COLUMN_ITEMS) == 0
  return LOAD4(row, 4 * v);
#else
  return (float4)(4 * v < HEAD ? LOAD(row, 4 * v) : 0.0f, 4 * v + 1 < HEAD ? LOAD(row, 4 * v + 1) : 0.0f,
                  4 * v + 2 < HEAD ? LOAD(row, 4 * v + 2) : 0.0f, 4 * v + 3 < HEAD ? LOAD(row, 4 * v + 3) : 0.0f);
#endif
}

static inline void store_vector(__global storage *row, const int v, const float4 value) {
#if HEAD % 4 == 0 && HEAD % (4 * COLUMN_ITEMS) == 0
  STORE4(row, 4 * v, value);
#else
  if (4 * v < HEAD) STORE(row, 4 * v, value.x);
  if (4 * v + 1 < HEAD) STORE(row, 4 * v + 1, value.y);
  if (4 * v + 2 < HEAD) STORE(row, 4 * v + 2, value.z);
  if (4 * v + 3 < HEAD) STORE(row, 4 * v + 3, value.w);
#endif
}

/* An item's part of its row. */
static inline void load_row(float4 to[VECTORS], __global const storage *row) {
  const int column = (int)get_local_id(0) % COLUMN_ITEMS;
#pragma unroll
  for (int v = 0; v < VECTORS; v++) to[v] = load_vector(row, v * COLUMN_ITEMS + column);
}

static inline void clear_row(float4 to[VECTORS]) {
#pragma unroll
  for (int v = 0; v < VECTORS; v++) to[v] = 0.0f;
}

/* Rows 0 .. count - 1, `ld` elements apart; zeros from there to `end`, as far as lanes will read. */
GROUP_FUNCTION void load_tile(__local float4 *tile, __global const storage *from, const int ld, const int count,
                              const int end) {
  for (int e = (int)get_local_id(0); e < end * ROW; e += WG) {
    const int r = e / ROW, v = e % ROW;
    tile[r * STRIDE + v] = r < count ? load_vector(from + (long)r * ld, v) : (float4)0.0f;
  }
}

/* An item's part of the product of its row with one of a tile. */
GROUP_FUNCTION float dot_part(const float4 a[VECTORS], __local const float4 *b) {
  float4 sum = a[0] * b[0];
#pragma unroll
  for (int v = 1; v < VECTORS; v++) sum = fma(a[v], b[v * COLUMN_ITEMS], sum);
  return (sum.x + sum.y) + (sum.z + sum.w);
}

/* The same with another row in private memory. */
static inline float dot_rows(const float4 a[VECTORS], const float4 b[VECTORS]) {
  float4 sum = a[0] * b[0];
#pragma unroll
  for (int v = 1; v < VECTORS; v++) sum = fma(a[v], b[v], sum);
  return (sum.x + sum.y) + (sum.z + sum.w);
}

GROUP_FUNCTION void add_row(float4 sum[VECTORS], const float weight, __local const float4 *row) {
#pragma unroll
  for (int v = 0; v < VECTORS; v++) sum[v] = fma((float4)weight, row[v * COLUMN_ITEMS], sum[v]);
}

#define SCRATCH (COLUMN_ITEMS > 1 ? 2 * AT_ONCE * WG : 2 * WG)

/* The `count` partial products of the column items of a row become whole, the same in each. Every item calls it. */
GROUP_FUNCTION void share(float *parts, const int count, __local float *scratch) {
#if COLUMN_ITEMS > 1
  const int me = (int)get_local_id(0), first = me / COLUMN_ITEMS * COLUMN_ITEMS;
  barrier(CLK_LOCAL_MEM_FENCE); /* until nobody reads what was shared before */
#pragma unroll
  for (int n = 0; n < count; n++) scratch[n * WG + me] = parts[n];
  barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
  for (int n = 0; n < count; n++) {
    float sum = 0.0f;
    for (int c = 0; c < COLUMN_ITEMS; c++) sum += scratch[n * WG + first + c];
    parts[n] = sum;
  }
#endif
}

/* Writes factor * the sum over lanes of their parts of a row, if there is such a row. `tile` is free, and so again
 * after the next barrier. Every item calls it. */
GROUP_FUNCTION void store_sum(__global storage *row, const bool there, const float4 part[VECTORS], const int lanes,
                              const float factor, __local float4 *tile) {
  const int me = (int)get_local_id(0), column = me % COLUMN_ITEMS, lane = me / COLUMN_ITEMS % lanes;
  if (lanes == 1) {
#pragma unroll
    for (int v = 0; v < VECTORS; v++)
      if (there) store_vector(row, v * COLUMN_ITEMS + column, factor * part[v]);
    return;
  }
#pragma unroll
  for (int v = 0; v < VECTORS; v++) tile[v * WG + me] = part[v];
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int v = 0; v < VECTORS; v++) { /* a loop from lane on, in steps of lanes, came out wrong on PoCL 3.1 */
    if (v % lanes != lane) continue;
    float4 sum = 0.0f;
    for (int l = 0; l < lanes; l++) sum += tile[v * WG + me + (l - lane) * COLUMN_ITEMS];
    if (there) store_vector(row, v * COLUMN_ITEMS + column, factor * sum);
  }
}

/* The rows of a tile that lanes will read, of which `count` are there. */
static inline int tile_end(const int count, const int step) { return (count + step - 1) / step * step; }

kernel NARROW __attribute__((reqd_work_group_size(WG, 1, 1))) void attention_forward(IN(storage, q), IN(storage, kv),
                                                                                     OUT(storage, y), OUT(float, lse),
                                                                                     const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, lse);
  __local float4 keys[2 * KEY_TILE * STRIDE];
  __local float scratch[SCRATCH];
  __local float4 *values = keys + KEY_TILE * STRIDE;
  const int me = (int)get_local_id(0), column = me % COLUMN_ITEMS, lane = me / COLUMN_ITEMS % QUERY_LANES;
  FOR_ITEMS(item, images * HEADS * BLOCKS(QUERIES, QUERY_ROWS)) {
    const int block = item % BLOCKS(QUERIES, QUERY_ROWS), pair = item / BLOCKS(QUERIES, QUERY_ROWS);
    const int i = block * QUERY_ROWS + me / (COLUMN_ITEMS * QUERY_LANES), image = pair / HEADS;
    const long query_row = (long)image * QUERIES + min(i, QUERIES - 1); /* items beyond the last repeat it */
    __global const storage *of_keys = kv + (long)image * TOKENS * LDKV + pair % HEADS * HEAD;
    float4 query[VECTORS], sum[VECTORS];
    float most = -FLT_MAX, total = 0.0f; /* of a lane: finite, as it may have no key */
    load_row(query, q + query_row * LDQ + pair % HEADS * HEAD);
    clear_row(sum);
    for (int first = 0; first < TOKENS; first += KEY_TILE) {
      const int count = min(KEY_TILE, TOKENS - first), end = tile_end(count, QUERY_LANES * AT_ONCE);
      barrier(CLK_LOCAL_MEM_FENCE);
      load_tile(keys, of_keys + (long)first * LDKV, LDKV, count, end);
      load_tile(values, of_keys + (long)first * LDKV + COLS, LDKV, count, end);
      barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll 1
      for (int j = 0; j < end; j += QUERY_LANES * AT_ONCE) {
        float p[AT_ONCE], higher = most;
#pragma unroll
        for (int n = 0; n < AT_ONCE; n++) p[n] = dot_part(query, keys + (j + n * QUERY_LANES + lane) * STRIDE + column);
        share(p, AT_ONCE, scratch);
#pragma unroll
        for (int n = 0; n < AT_ONCE; n++) {
          p[n] = j + n * QUERY_LANES + lane < count ? SCALE * p[n] : -INFINITY;
          higher = fmax(higher, p[n]);
        }
        const float shrink = exp(most - higher);
        most = higher;
        total *= shrink;
#pragma unroll
        for (int v = 0; v < VECTORS; v++) sum[v] *= shrink;
#pragma unroll
        for (int n = 0; n < AT_ONCE; n++) {
          p[n] = exp(p[n] - most);
          total += p[n];
          add_row(sum, p[n], values + (j + n * QUERY_LANES + lane) * STRIDE + column);
        }
      }
    }
    const float own = most;
    if (QUERY_LANES > 1) {
      barrier(CLK_LOCAL_MEM_FENCE);
      scratch[me] = most;
      scratch[WG + me] = total;
      barrier(CLK_LOCAL_MEM_FENCE);
      const int mine = me - lane * COLUMN_ITEMS;
      for (int l = 0; l < QUERY_LANES; l++) most = fmax(most, scratch[mine + l * COLUMN_ITEMS]);
      total = 0.0f;
      for (int l = 0; l < QUERY_LANES; l++)
        total += scratch[WG + mine + l * COLUMN_ITEMS] * exp(scratch[mine + l * COLUMN_ITEMS] - most);
#pragma unroll
      for (int v = 0; v < VECTORS; v++) sum[v] *= exp(own - most);
    }
    store_sum(y + query_row * COLS + pair % HEADS * HEAD, i < QUERIES, sum, QUERY_LANES, 1.0f / total, keys);
    if (i < QUERIES && lane == 0 && column == 0) lse[(long)pair * QUERIES + i] = most + log(total);
  }
}

kernel NARROW __attribute__((reqd_work_group_size(WG, 1, 1))) void attention_query_backward(
    IN(storage, q), IN(storage, kv), IN(storage, y), IN(float, lse), IN(storage, dy), OUT(storage, dq),
    OUT(float, delta), const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_IN(storage, y);
  OPEN_IN(float, lse);
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dq);
  OPEN_OUT(float, delta);
  __local float4 keys[2 * KEY_TILE * STRIDE];
  __local float scratch[SCRATCH];
  __local float4 *values = keys + KEY_TILE * STRIDE;
  const int me = (int)get_local_id(0), column = me % COLUMN_ITEMS, lane = me / COLUMN_ITEMS % QUERY_LANES;
  FOR_ITEMS(item, images * HEADS * BLOCKS(QUERIES, QUERY_ROWS)) {
    const int block = item % BLOCKS(QUERIES, QUERY_ROWS), pair = item / BLOCKS(QUERIES, QUERY_ROWS);
    const int i = block * QUERY_ROWS + me / (COLUMN_ITEMS * QUERY_LANES), image = pair / HEADS;
    const int head = pair % HEADS * HEAD, inside = min(i, QUERIES - 1); /* items beyond the last repeat it */
    const long query_row = (long)image * QUERIES + inside;
    __global const storage *of_keys = kv + (long)image * TOKENS * LDKV + head;
    float4 query[VECTORS], grad[VECTORS], sum[VECTORS];
    load_row(sum, y + query_row * COLS + head);
    load_row(grad, dy + query_row * COLS + head);
    load_row(query, q + query_row * LDQ + head);
    float own = dot_rows(grad, sum);
    share(&own, 1, scratch);
    const float norm = lse[(long)pair * QUERIES + inside];
    clear_row(sum);
    for (int first = 0; first < TOKENS; first += KEY_TILE) {
      const int count = min(KEY_TILE, TOKENS - first), end = tile_end(count, QUERY_LANES * AT_ONCE);
      barrier(CLK_LOCAL_MEM_FENCE);
      load_tile(keys, of_keys + (long)first * LDKV, LDKV, count, end);
      load_tile(values, of_keys + (long)first * LDKV + COLS, LDKV, count, end);
      barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll 1
      for (int j = 0; j < end; j += QUERY_LANES * AT_ONCE) {
        float s[2 * AT_ONCE]; /* q . k, then dy . v */
#pragma unroll
        for (int n = 0; n < AT_ONCE; n++) {
          const int at = (j + n * QUERY_LANES + lane) * STRIDE + column;
          s[n] = dot_part(query, keys + at);
          s[AT_ONCE + n] = dot_part(grad, values + at);
        }
        share(s, 2 * AT_ONCE, scratch);
#pragma unroll
        for (int n = 0; n < AT_ONCE; n++) {
          const int row = j + n * QUERY_LANES + lane;
          const float ds = row < count ? exp(SCALE * s[n] - norm) * (s[AT_ONCE + n] - own) : 0.0f;
          add_row(sum, ds, keys + row * STRIDE + column);
        }
      }
    }
    if (QUERY_LANES > 1) barrier(CLK_LOCAL_MEM_FENCE);
    store_sum(dq + query_row * LDQ + head, i < QUERIES, sum, QUERY_LANES, SCALE, keys);
    if (i < QUERIES && lane == 0 && column == 0) delta[(long)pair * QUERIES + i] = own;
  }
}

kernel NARROW __attribute__((reqd_work_group_size(WG, 1, 1))) void attention_key_backward(
    IN(storage, q), IN(storage, kv), IN(float, lse), IN(float, delta), IN(storage, dy), OUT(storage, dkv),
    const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_IN(float, lse);
  OPEN_IN(float, delta);
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dkv);
  __local float4 queries[2 * QUERY_TILE * STRIDE];
  __local float norms[QUERY_TILE], deltas[QUERY_TILE], scratch[SCRATCH];
  __local float4 *grads = queries + QUERY_TILE * STRIDE;
  const int me = (int)get_local_id(0), column = me % COLUMN_ITEMS, lane = me / COLUMN_ITEMS % KEY_LANES;
  FOR_ITEMS(item, images * HEADS * BLOCKS(TOKENS, KEY_ROWS)) {
    const int block = item % BLOCKS(TOKENS, KEY_ROWS), pair = item / BLOCKS(TOKENS, KEY_ROWS);
    const int i = block * KEY_ROWS + me / (COLUMN_ITEMS * KEY_LANES), image = pair / HEADS, head = pair % HEADS * HEAD;
    const long key_row = ((long)image * TOKENS + min(i, TOKENS - 1)) * LDKV + head, query_row = (long)image * QUERIES;
    float4 key[VECTORS], value[VECTORS], dkey[VECTORS], dvalue[VECTORS];
    load_row(key, kv + key_row);
    load_row(value, kv + key_row + COLS);
    clear_row(dkey);
    clear_row(dvalue);
    for (int first = 0; first < QUERIES; first += QUERY_TILE) {
      const int count = min(QUERY_TILE, QUERIES - first), end = tile_end(count, KEY_LANES * KEY_AT_ONCE);
      barrier(CLK_LOCAL_MEM_FENCE);
      load_tile(queries, q + (query_row + first) * LDQ + head, LDQ, count, end);
      load_tile(grads, dy + (query_row + first) * COLS + head, COLS, count, end);
      for (int e = me; e < count; e += WG) {
        norms[e] = lse[(long)pair * QUERIES + first + e];
        deltas[e] = delta[(long)pair * QUERIES + first + e];
      }
      barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll 1
      for (int j = 0; j < end; j += KEY_LANES * KEY_AT_ONCE) {
        float s[2 * KEY_AT_ONCE]; /* q . k, then dy . v */
#pragma unroll
        for (int n = 0; n < KEY_AT_ONCE; n++) {
          const int at = (j + n * KEY_LANES + lane) * STRIDE + column;
          s[n] = dot_part(key, queries + at);
          s[KEY_AT_ONCE + n] = dot_part(value, grads + at);
        }
        share(s, 2 * KEY_AT_ONCE, scratch);
#pragma unroll
        for (int n = 0; n < KEY_AT_ONCE; n++) {
          const int row = j + n * KEY_LANES + lane, at = row * STRIDE + column;
          const float p = row < count ? exp(SCALE * s[n] - norms[row]) : 0.0f;
          const float ds = row < count ? p * (s[KEY_AT_ONCE + n] - deltas[row]) : 0.0f;
          add_row(dkey, ds, queries + at);
          add_row(dvalue, p, grads + at);
        }
      }
    }
    if (KEY_LANES > 1) barrier(CLK_LOCAL_MEM_FENCE);
    store_sum(dkv + key_row, i < TOKENS, dkey, KEY_LANES, SCALE, queries);
    if (KEY_LANES > 1) barrier(CLK_LOCAL_MEM_FENCE);
    store_sum(dkv + key_row + COLS, i < TOKENS, dvalue, KEY_LANES, 1.0f, queries);
  }
}
