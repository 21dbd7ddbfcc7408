/* The core of multi-head attention: formulas and arguments of cl/attention.cl, backward in one.
 *
 * One work-item takes an (image, head). Queries go in blocks of QB and keys in blocks of KB, so that what a block of
 * both makes, [KB][QB], stays close to the core. All products are made of tiles in registers: a few broadcast elements
 * by a few vectors (compare cl/cpu/gemm.cl). Scores have queries in lanes, from queries turned to columns [HEAD][QB];
 * what is summed over keys (context, dq) or over queries (dk, dv) has columns of the head in lanes, so that no sum runs
 * across lanes. Forward keeps a running maximum (Milakov and Gimelshein 2018).
 *
 * HEADS, HEAD, QUERIES, TOKENS, SCALE, LDQ, LDKV as in cl/attention.cl. VW and DW: floats of a vector of queries and of
 * one of columns: 16, 8 or 4. NV: vectors of a block of queries, up to 5 where REGISTERS, the device's, are 32, up to 2
 * where they are 16. KB: a multiple of 65, or of 8 where REGISTERS are 16. */

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

typedef JOIN(float, DW) col_vec; /* of columns, as vec is of queries */
typedef JOIN(loose, DW) loose_col;
#define GET(p, v) (((const loose *)(p))[v])
#define SET(p, v, x) (((loose *)(p))[v] = (x))
#define GET_COLS(p, v) (((const loose_col *)(p))[v])
#define SET_COLS(p, v, x) (((loose_col *)(p))[v] = (x))

/* A tile of vec has TR rows of NV vectors; one of col_vec DR rows (QR where rows are queries) of DN vectors. */
#define DN (HEAD > DW ? 2 : 1)
#if REGISTERS == 32
#define TR 5
#define DR 13
#ifndef KB
#define KB 130 /* more than a block of few rows, as sums over keys are scaled anew for every block */
#endif
#else
#define TR 4
#define DR (8 / DN)
#ifndef KB
#define KB 72 /* in whole tiles of either, as above */
#endif
#endif
#define QR (QUERIES < DR ? QUERIES : DR)
#define QB (NV * VW)
#define ROUND_UP(n, step) (((n) + (step)-1) / (step) * (step))
#define HL ROUND_UP(HEAD, DN *DW) /* HEAD, QB and TOKENS in whole tiles */
#define QP ROUND_UP(QB, QR)
#define TP (ROUND_UP(TOKENS, TR) > ROUND_UP(TOKENS, DR) ? ROUND_UP(TOKENS, TR) : ROUND_UP(TOKENS, DR))
#define WEIGHTS (KB * QB + DR) /* of a block of both; the last tile of queries may read beyond a row */

#define PRIVATE __attribute__((aligned(64))) float /* vectors in private memory lie in one cache line */

/* sum [rows][vectors] += a b over n: element (r, k) of a is a[r * a_row + k * a_step], b is [n, ldb]. */
#define DEFINE_TILE(name, type, load, rows, vectors)                                                                  \
  static inline void name(type sum[rows][vectors], const float *a, const int a_row, const int a_step, const float *b, \
                          const int ldb, const int n) {                                                               \
    for (int k = 0; k < n; k++) {                                                                                     \
      type of_b[vectors];                                                                                             \
      EACH(v, vectors) of_b[v] = load(b + k * ldb, v);                                                                \
      EACH(r, rows) {                                                                                                 \
        const type of_a = a[r * a_row + k * a_step];                                                                  \
        EACH(v, vectors) sum[r][v] = fma(of_a, of_b[v], sum[r][v]);                                                   \
      }                                                                                                               \
    }                                                                                                                 \
  }
DEFINE_TILE(add_products, vec, GET, TR, NV)
DEFINE_TILE(add_query_products, col_vec, GET_COLS, QR, DN)
DEFINE_TILE(add_key_products, col_vec, GET_COLS, DR, DN)

/* e^x for x <= 0, within an ulp and the rounding of x / ln 2; 2^-126 for all that is less. NaN stays NaN. */
static inline vec exp_down(const vec x) {
  vec y = x * 1.44269504f;
  y = y < -126.0f ? -126.0f : y;
  const float shift = 12583039.0f; /* 1.5 * 2^23 + 127: the last bits of y + shift are the exponent of 2^round(y) */
  const vec shifted = y + shift, f = y - (shifted - shift);
  vec p = 0.000153458124f; /* 2^f, minimax in +-1/2 */
  p = fma(p, f, 0.00133999309f);
  p = fma(p, f, 0.00961848907f);
  p = fma(p, f, 0.0555032864f);
  p = fma(p, f, 0.240226462f);
  p = fma(p, f, 0.693147182f);
  p = fma(p, f, 1.0f);
  return p * JOIN(as_float, VW)(JOIN(as_int, VW)(shifted) << 23);
}

/* The transpose of 4 rows of 4. */
static inline void transpose(float4 m[4]) {
  const float4 a = m[0], b = m[1], c = m[2], d = m[3];
  m[0] = (float4)(a.x, b.x, c.x, d.x);
  m[1] = (float4)(a.y, b.y, c.y, d.y);
  m[2] = (float4)(a.z, b.z, c.z, d.z);
  m[3] = (float4)(a.w, b.w, c.w, d.w);
}

/* to [HEAD][QB]: rows of a head as columns, times `factor`; 0 in lanes beyond `rows`. */
static NOINLINE void load_columns(float *to, __global const storage *from, const int rows, const int ld,
                                  const float factor) {
  const int whole = rows / 4 * 4;
  for (int r = 0; r < whole; r += 4)
    for (int d = 0; d < HEAD / 4 * 4; d += 4) {
      float4 m[4];
      EACH(i, 4) m[i] = factor * LOAD4(from, (r + i) * ld + d);
      transpose(m);
      EACH(i, 4) vstore4(m[i], 0, to + (d + i) * QB + r);
    }
  for (int r = 0; r < rows; r++)
    for (int d = r < whole ? HEAD / 4 * 4 : 0; d < HEAD; d++) to[d * QB + r] = factor * LOAD(from, r * ld + d);
  for (int d = 0; d < HEAD; d++)
    for (int r = rows; r < QB; r++) to[d * QB + r] = 0.0f;
}

/* to [all][HL]: rows of a head, 0 in columns beyond HEAD; rows beyond `rows` repeat the last. */
static NOINLINE void load_rows(float *to, const int all, __global const storage *from, const int rows, const int ld) {
  for (int r = 0; r < all; r++) {
    __global const storage *row = from + min(r, rows - 1) * ld;
#if HEAD % DW == 0
    EACH(v, HL / DW) SET_COLS(to + r * HL, v, v < HEAD / DW ? JOIN(LOAD, DW)(row, v * DW) : (col_vec)0.0f);
#else
    for (int d = 0; d < HEAD; d++) to[r * HL + d] = LOAD(row, d);
    for (int d = HEAD; d < HL; d++) to[r * HL + d] = 0.0f;
#endif
  }
}

/* The other way, times `factor`. */
static NOINLINE void store_rows(__global storage *to, const float *from, const int rows, const int ld,
                                const float factor) {
  for (int r = 0; r < rows; r++)
#if HEAD % DW == 0
    EACH(v, HEAD / DW) JOIN(STORE, DW)(to, r * ld + v * DW, factor * GET_COLS(from + r * HL, v));
#else
    for (int d = 0; d < HEAD; d++) STORE(to, r * ld + d, factor * from[r * HL + d]);
#endif
}

static NOINLINE void clear_rows(float *to, const int rows) {
  for (int v = 0; v < rows * (HL / DW); v++) SET_COLS(to, v, (col_vec)0.0f);
}

static NOINLINE void scale_rows(float *rows, const float *factor, const int count) {
  for (int r = 0; r < count; r++) EACH(v, HL / DW) SET_COLS(rows + r * HL, v, GET_COLS(rows + r * HL, v) * factor[r]);
}

/* Rows of a head are far apart, and nobody fetches them early. Where an item is short, these ask for the rows of the
 * next: `from` has `ld` elements a row and `rows` rows an image. */
static NOINLINE void fetch_next(__global const storage *from, const int rows, const int ld, const int next) {
  __global const storage *head = from + (long)(next / HEADS) * rows * ld + next % HEADS * HEAD;
  for (int r = 0; r < (QUERIES <= QB ? rows : 0); r++) PREFETCH(head + r * ld);
}

/* sums [rows][HL] += weights b over n: element (r, k) of the weights is weights[r * w_row + k * w_step], b is [n, HL].
 * Rows after the last, up to a whole tile, take whatever is there in weights, and nobody reads them. */
#define DEFINE_ADD(name, products, tile, w_row, w_step)                                                       \
  static NOINLINE void name(float *sums, const float *weights, const float *b, const int rows, const int n) { \
    for (int i = 0; i < rows; i += tile)                                                                      \
      for (int d = 0; d < HL; d += DN * DW) {                                                                 \
        col_vec sum[tile][DN];                                                                                \
        EACH(r, tile) EACH(v, DN) sum[r][v] = GET_COLS(sums + (i + r) * HL + d, v);                           \
        products(sum, weights + i * w_row, w_row, w_step, b + d, HL, n);                                      \
        EACH(r, tile) EACH(v, DN) SET_COLS(sums + (i + r) * HL + d, v, sum[r][v]);                            \
      }                                                                                                       \
  }
DEFINE_ADD(add_to_queries, add_query_products, QR, 1, QB)
DEFINE_ADD(add_to_keys, add_key_products, DR, QB, 1)

/* score [count][QB] of a block; `most`: the running maximum. */
static inline void block_scores(float *score, vec most[NV], const float *query, const float *keys, const int count) {
  for (int j = 0; j < count; j += TR) {
    vec sum[TR][NV];
    EACH(r, TR) EACH(v, NV) sum[r][v] = 0.0f;
    add_products(sum, keys + j * HL, HL, 1, query, QB, HEAD);
    EACH(r, TR) EACH(v, NV) {
      most[v] = sum[r][v] > most[v] ? sum[r][v] : most[v];
      SET(score + (j + r) * QB, v, sum[r][v]);
    }
  }
}

/* Scores become exp(score - most), and are added to `total`. */
static inline void block_exps(float *score, vec total[NV], const vec most[NV], const int count) {
  for (int j = 0; j < count; j++) EACH(v, NV) {
      const vec p = exp_down(GET(score + j * QB, v) - most[v]);
      total[v] += p;
      SET(score + j * QB, v, p);
    }
}

/* context [QP][HL] and lse of a block of queries. */
static inline void block_forward(float *context, float *norm, const float *query, const float *keys,
                                 const float *values, const int rows) {
  PRIVATE p[WEIGHTS], factor[QB];
  vec most[NV], total[NV], before[NV];
  EACH(v, NV) {
    most[v] = -INFINITY;
    total[v] = 0.0f;
  }
  clear_rows(context, QP);
  for (int j = 0; j < TOKENS; j += KB) {
    const int count = min(KB, TOKENS - j);
    EACH(v, NV) before[v] = most[v];
    block_scores(p, most, query, keys + j * HL, count);
    if (j > 0) {
      EACH(v, NV) {
        const vec shrink = exp_down(before[v] - most[v]);
        total[v] *= shrink;
        SET(factor, v, shrink);
      }
      scale_rows(context, factor, rows);
    }
    block_exps(p, total, most, count);
    add_to_queries(context, p, values + j * HL, rows, count);
  }
  EACH(v, NV) {
    SET(factor, v, 1.0f / total[v]);
    SET(norm, v, most[v] + log(total[v]));
  }
  scale_rows(context, factor, rows);
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void attention_forward(IN(storage, q), IN(storage, kv),
                                                                             OUT(storage, y), OUT(float, lse),
                                                                             const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, lse);
  PRIVATE keys[TP * HL], values[TP * HL], query[HEAD * QB], context[QP * HL], norm[QB];
  FOR_ITEMS(item, images * HEADS) {
    const int image = item / HEADS, column = item % HEADS * HEAD;
    __global const storage *of_kv = kv + (long)image * TOKENS * LDKV + column;
    load_rows(keys, TP, of_kv, TOKENS, LDKV);
    load_rows(values, TP, of_kv + COLS, TOKENS, LDKV);
    if (item + 1 < images * HEADS) {
      fetch_next(q, QUERIES, LDQ, item + 1);
      fetch_next(kv, TOKENS, LDKV, item + 1);
      fetch_next(kv + COLS, TOKENS, LDKV, item + 1);
    }
    for (int i = 0; i < QUERIES; i += QB) {
      const int rows = min(QB, QUERIES - i);
      const long row = (long)image * QUERIES + i, at = row * COLS + column, of_q = row * LDQ + column;
      load_columns(query, q + of_q, rows, LDQ, SCALE);
      block_forward(context, norm, query, keys, values, rows);
      store_rows(y + at, context, rows, COLS, 1.0f);
      for (int r = 0; r < rows; r++) lse[(long)item * QUERIES + i + r] = norm[r];
    }
  }
}

/* What backward knows of a block of queries, and their sums. */
typedef struct {
  PRIVATE query[HEAD * QB], grad[HEAD * QB];       /* scaled for scores; dy */
  PRIVATE query_rows[QB * HL], grad_rows[QB * HL]; /* q and dy as rows */
  PRIVATE norm[QB], own[QB];                       /* lse and D */
  PRIVATE sums[QP * HL];                           /* dq */
} query_block;

static inline void load_block(query_block *b, __global const storage *q, __global const storage *y,
                              __global const float *lse, __global const storage *dy, const int rows) {
  PRIVATE of_y[HEAD * QB];
  load_columns(b->query, q, rows, LDQ, SCALE);
  load_rows(b->query_rows, rows, q, rows, LDQ);
  load_columns(b->grad, dy, rows, COLS, 1.0f);
  load_rows(b->grad_rows, rows, dy, rows, COLS);
  load_columns(of_y, y, rows, COLS, 1.0f);
  for (int r = 0; r < QB; r++) b->norm[r] = r < rows ? lse[r] : 0.0f;
  EACH(v, NV) {
    vec own = 0.0f;
    for (int d = 0; d < HEAD; d++) own = fma(GET(b->grad + d * QB, v), GET(of_y + d * QB, v), own);
    SET(b->own, v, own);
  }
  clear_rows(b->sums, QP);
}

/* p and ds [count][QB] of a block of both. Products are summed as forward and D were, from 0: where one key has all the
 * weight, dp - D is 0. */
static inline void block_weights(float *p, float *ds, const query_block *b, const float *keys, const float *values,
                                 const int count) {
  for (int j = 0; j < count; j += TR) {
    vec sum[TR][NV];
    EACH(r, TR) EACH(v, NV) sum[r][v] = 0.0f;
    add_products(sum, keys + j * HL, HL, 1, b->query, QB, HEAD);
    EACH(r, TR) EACH(v, NV) {
      SET(p + (j + r) * QB, v, exp_down(sum[r][v] - GET(b->norm, v)));
      sum[r][v] = 0.0f;
    }
    add_products(sum, values + j * HL, HL, 1, b->grad, QB, HEAD);
    EACH(r, TR) EACH(v, NV) SET(ds + (j + r) * QB, v, (sum[r][v] - GET(b->own, v)) * GET(p + (j + r) * QB, v));
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void attention_backward(IN(storage, q), IN(storage, kv),
                                                                              IN(storage, y), IN(float, lse),
                                                                              IN(storage, dy), OUT(storage, dq),
                                                                              OUT(storage, dkv), const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_IN(storage, y);
  OPEN_IN(float, lse);
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dq);
  OPEN_OUT(storage, dkv);
  PRIVATE keys[TP * HL], values[TP * HL], dkeys[TP * HL], dvalues[TP * HL], p[WEIGHTS], ds[WEIGHTS];
  query_block b;
  FOR_ITEMS(item, images * HEADS) {
    const int image = item / HEADS, column = item % HEADS * HEAD;
    const long of_keys = (long)image * TOKENS * LDKV + column;
    load_rows(keys, TP, kv + of_keys, TOKENS, LDKV);
    load_rows(values, TP, kv + of_keys + COLS, TOKENS, LDKV);
    if (item + 1 < images * HEADS) {
      fetch_next(q, QUERIES, LDQ, item + 1);
      fetch_next(kv, TOKENS, LDKV, item + 1);
      fetch_next(kv + COLS, TOKENS, LDKV, item + 1);
      fetch_next(y, QUERIES, COLS, item + 1);
      fetch_next(dy, QUERIES, COLS, item + 1);
    }
    clear_rows(dkeys, TP);
    clear_rows(dvalues, TP);
    for (int i = 0; i < QUERIES; i += QB) {
      const int rows = min(QB, QUERIES - i);
      const long row = (long)image * QUERIES + i, at = row * COLS + column, of_q = row * LDQ + column;
      load_block(&b, q + of_q, y + at, lse + (long)item * QUERIES + i, dy + at, rows);
      for (int j = 0; j < TOKENS; j += KB) {
        const int count = min(KB, TOKENS - j);
        block_weights(p, ds, &b, keys + j * HL, values + j * HL, count);
        add_to_queries(b.sums, ds, keys + j * HL, rows, count);
        add_to_keys(dkeys + j * HL, ds, b.query_rows, count, rows);
        add_to_keys(dvalues + j * HL, p, b.grad_rows, count, rows);
      }
      store_rows(dq + of_q, b.sums, rows, LDQ, SCALE);
    }
    store_rows(dkv + of_keys, dkeys, TOKENS, LDKV, SCALE);
    store_rows(dkv + of_keys + COLS, dvalues, TOKENS, LDKV, 1.0f);
  }
}
