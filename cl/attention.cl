/* The core of multi-head attention (Vaswani et al. 2017, eq. 1), per image and head, without storing the scores.
 *
 * q [N, Tq, C], kv [N, T, 2C] (keys, then values), y [N, Tq, C]; head h owns columns h * HEAD .. h * HEAD + HEAD - 1.
 * forward:   s_ij = SCALE * q_i . k_j,  p_ij = exp(s_ij - lse_i),  y_i = sum_j p_ij v_j;
 *            lse [N, H, Tq] = log sum_j exp(s_ij) is kept for backward, which computes p again from it.
 * backward:  D_i = dy_i . y_i,  ds_ij = p_ij (dy_i . v_j - D_i),
 *            dq_i = SCALE sum_j ds_ij k_j,  dk_j = SCALE sum_i ds_ij q_i,  dv_j = sum_i p_ij dy_i.
 *
 * One group an (image, head); a work-item takes whole queries, and in backward then whole keys.
 * HEADS, HEAD: number and size of heads; QUERIES: Tq; TOKENS: T; SCALE: 1 / sqrt(HEAD) if not defined; LDQ, LDKV:
 * elements from a query to the next in q and dq, and from a key to the next in kv and dkv, where those have more
 * columns than they need. */

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

static inline float dot_head(const float *a, __global const storage *b) {
  float sum = 0.0f;
  for (int d = 0; d < HEAD; d++) sum += a[d] * LOAD(b, d);
  return sum;
}

static inline void load_head(float *to, __global const storage *from) {
  for (int d = 0; d < HEAD; d++) to[d] = LOAD(from, d);
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void attention_forward(IN(storage, q), IN(storage, kv),
                                                                              OUT(storage, y), OUT(float, lse),
                                                                              const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, lse);
  FOR_ITEMS(item, images * HEADS) {
    const int image = item / HEADS, column = item % HEADS * HEAD;
    __global const storage *keys = kv + (long)image * TOKENS * LDKV + column, *values = keys + COLS;
    for (int i = (int)get_local_id(0); i < QUERIES; i += WG) {
      const long query_row = (long)image * QUERIES + i, at = query_row * COLS + column;
      float query[HEAD], sum[HEAD], most = -INFINITY, total = 0.0f;
      load_head(query, q + query_row * LDQ + column);
      for (int d = 0; d < HEAD; d++) sum[d] = 0.0f;
      for (int j = 0; j < TOKENS; j++) {
        const float s = SCALE * dot_head(query, keys + (long)j * LDKV);
        const float higher = fmax(most, s), shrink = exp(most - higher), p = exp(s - higher);
        total = total * shrink + p;
        for (int d = 0; d < HEAD; d++) sum[d] = sum[d] * shrink + p * LOAD(values, (long)j * LDKV + d);
        most = higher;
      }
      for (int d = 0; d < HEAD; d++) STORE(y, at + d, sum[d] / total);
      lse[(long)item * QUERIES + i] = most + log(total);
    }
  }
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void attention_backward(IN(storage, q), IN(storage, kv),
                                                                               IN(storage, y), IN(float, lse),
                                                                               IN(storage, dy), OUT(storage, dq),
                                                                               OUT(storage, dkv), OUT(float, delta),
                                                                               const int images) {
  OPEN_IN(storage, q);
  OPEN_IN(storage, kv);
  OPEN_IN(storage, y);
  OPEN_IN(float, lse);
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dq);
  OPEN_OUT(storage, dkv);
  OPEN_OUT(float, delta); /* [N, H, Tq]: D, from the queries' turn to the keys' */
  FOR_ITEMS(item, images * HEADS) {
    const int image = item / HEADS, column = item % HEADS * HEAD;
    const long queries = (long)image * QUERIES * LDQ + column, keys = (long)image * TOKENS * LDKV + column;
    const long grads = (long)image * QUERIES * COLS + column;
    for (int i = (int)get_local_id(0); i < QUERIES; i += WG) {
      const long at = queries + (long)i * LDQ, of_grad = grads + (long)i * COLS;
      float query[HEAD], grad[HEAD], sum[HEAD];
      load_head(query, q + at);
      load_head(grad, dy + of_grad);
      for (int d = 0; d < HEAD; d++) sum[d] = 0.0f;
      const float own = dot_head(grad, y + of_grad), norm = lse[(long)item * QUERIES + i];
      for (int j = 0; j < TOKENS; j++) {
        const long key = keys + (long)j * LDKV;
        const float p = exp(SCALE * dot_head(query, kv + key) - norm);
        const float ds = p * (dot_head(grad, kv + key + COLS) - own);
        for (int d = 0; d < HEAD; d++) sum[d] += ds * LOAD(kv, key + d);
      }
      for (int d = 0; d < HEAD; d++) STORE(dq, at + d, SCALE * sum[d]);
      delta[(long)item * QUERIES + i] = own;
    }
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (int j = (int)get_local_id(0); j < TOKENS; j += WG) {
      const long at = keys + (long)j * LDKV;
      float key[HEAD], value[HEAD], dk[HEAD], dv[HEAD];
      load_head(key, kv + at);
      load_head(value, kv + at + COLS);
      for (int d = 0; d < HEAD; d++) dk[d] = dv[d] = 0.0f;
      for (int i = 0; i < QUERIES; i++) {
        const long query = queries + (long)i * LDQ, grad = grads + (long)i * COLS, stat = (long)item * QUERIES + i;
        const float p = exp(SCALE * dot_head(key, q + query) - lse[stat]);
        const float ds = p * (dot_head(value, dy + grad) - delta[stat]);
        for (int d = 0; d < HEAD; d++) {
          dk[d] += ds * LOAD(q, query + d);
          dv[d] += p * LOAD(dy, grad + d);
        }
      }
      for (int d = 0; d < HEAD; d++) {
        STORE(dkv, at + d, SCALE * dk[d]);
        STORE(dkv, at + COLS + d, dv[d]);
      }
    }
    barrier(CLK_GLOBAL_MEM_FENCE);
  }
}
