/* Winograd's minimal filtering F(4x4, 3x3) for 3 x 3 convolution with padding 1 (Lavin and Gray 2016): 36 products of
 * transformed images and filters in place of 144 multiply-adds for every 4 x 4 pixels and pair of channels.
 *
 * - forward: y = A^T [(G w G^T) * (B^T x B)] A for tiles of 4 x 4 outputs, which read 6 x 6 inputs; then, where flags
 *   say so, + bias, max(y, 0), + residual. The sum over input channels inside the brackets is a product of matrices for
 *   each of the 36 points. A work-item takes `block` tiles at a time through all three steps, in scratch of its own
 *   that stays in the second-level cache. STREAM_Y: y, which no cache would hold, is stored past them.
 * - filter: u = G w G^T as the panels that `forward` reads; turned: for the gradient of x, which is a convolution of dy
 *   with the filters turned by 180 degrees and channels exchanged.
 * - points, for dw: v = B^T x B and m = A dy A^T of some tiles;
 *   sum: du += v^T m for every point, chunk after chunk of tiles, always in the same order;
 *   gradient: dw = G^T du G, + what dw has if `add`.
 *
 * x [images, H, W, CI], y and residual [images, H, W, CO], w [3, 3, CI, CO] (turned: [3, 3, CO, CI]).
 * u [CO/PANEL, 36, CI, PANEL], v [36, tiles, CI + 16], m [36, CO/PANEL, tiles, PANEL], du [36, CO/PANEL, CI, PANEL];
 * scratch of a group: 36 * block * (CI + 16 + PANEL + 16).
 *
 * Sizes are arguments, so that a few programs serve all layers. Tiles beyond the image are cut off. CI and CO are
 * multiples of VW, the floats of a vector; PANEL = NV * VW divides CO; MR x NV vectors is the register tile; `block`
 * is a multiple of MR. FORWARD: only `forward` is compiled, else only the others. */

#define PANEL (NV * VW)
#define V_ROW(ci) ((ci) + 16) /* of v; rows a power of two apart would meet in the cache */
#define M_ROW (PANEL + 16)    /* of m inside `forward` */
#define DEPTH 128             /* tiles that `sum` takes at a time */

/* flags of `forward`, as in conv2d_winograd.c */
#define BIAS 1
#define RELU 2
#define RESIDUAL 4
#define STREAM_Y 8

/* Where a tile is. */
typedef struct {
  int height, width;
  long image; /* its first pixel */
  int y, x;   /* its first output */
} place;

static inline place place_of(const int tile, const int height, const int width) {
  const int down = (height + 3) / 4, across = (width + 3) / 4;
  const place p = {height, width, (long)(tile / (down * across)) * height * width, tile / across % down * 4,
                   tile % across * 4};
  return p;
}

/* The 6 x 6 points of VW channels of a tile's input, `point` elements apart. */
static inline void transform_image(__global const storage *x, const place at, const int ci, const int c,
                                   __global float *to, const long point) {
  vec rows[36];
  __global const storage *from = x + (at.image + (long)(at.y - 1) * at.width + at.x - 1) * ci + c;
#pragma nounroll
  for (int i = 0; i < 6; i++, from += (long)at.width * ci) {
    vec d[6];
    const bool row_there = at.y - 1 + i >= 0 && at.y - 1 + i < at.height;
#pragma unroll
    for (int j = 0; j < 6; j++) {
      const bool there = row_there && at.x - 1 + j >= 0 && at.x - 1 + j < at.width;
      d[j] = there ? LOAD_VEC(from + (long)j * ci) : (vec)0.0f;
    }
    image_points(d, 1);
#pragma unroll
    for (int j = 0; j < 6; j++) rows[i * 6 + j] = d[j];
  }
#pragma nounroll
  for (int j = 0; j < 6; j++) {
    image_points(rows + j, 6);
#pragma unroll
    for (int i = 0; i < 6; i++) STOREV(rows[i * 6 + j], to + (i * 6 + j) * point);
  }
}

/* MR x PANEL sums over k: c = a b, or c += a b. Row i of a starts at a + i * a_row, its k-th element a_step further;
 * rows of b lie PANEL apart. Of the rows only `rows` are written; the others repeat the last. */
static inline void multiply(__global const float *a, const long a_row, const long a_step, __global const float *b,
                            __global float *c, const long c_row, const int k, const int rows, const bool add) {
  vec sum[MR][NV];
  long start[MR];
#pragma unroll
  for (int i = 0; i < MR; i++) {
    start[i] = min(i, rows - 1) * a_row;
#pragma unroll
    for (int j = 0; j < NV; j++) sum[i][j] = 0.0f;
  }
  for (int p = 0; p < k; p++) {
    vec of_b[NV];
#pragma unroll
    for (int j = 0; j < NV; j++) of_b[j] = LOADV(b + j * VW);
#pragma unroll
    for (int i = 0; i < MR; i++) {
      const vec of_a = a[start[i]];
#pragma unroll
      for (int j = 0; j < NV; j++) sum[i][j] = fma(of_a, of_b[j], sum[i][j]);
    }
    a += a_step;
    b += PANEL;
  }
#pragma unroll
  for (int i = 0; i < MR; i++) {
#pragma unroll
    for (int j = 0; j < NV; j++) {
      if (i < rows) {
        if (add) sum[i][j] += LOADV(c + i * c_row + j * VW);
        STOREV(sum[i][j], c + i * c_row + j * VW);
      }
    }
  }
}

#ifdef FORWARD
/* One vector of channels of a tile's outputs from its points. */
static inline void transform_points(__global const float *from, const long point, const place at, const int co,
                                    const int o, __global const float *bias, __global const storage *residual,
                                    __global storage *y, const int flags) {
  vec rows[24];
  const vec shift = flags & BIAS ? LOADV(bias + o) : (vec)0.0f;
#pragma nounroll
  for (int j = 0; j < 6; j++) {
    vec m[6];
#pragma unroll
    for (int i = 0; i < 6; i++) m[i] = LOADV(from + (i * 6 + j) * point);
    point_pixels(m, 1);
#pragma unroll
    for (int i = 0; i < 4; i++) rows[i * 6 + j] = m[i];
  }
  const int height = min(4, at.height - at.y), width = min(4, at.width - at.x);
#pragma nounroll
  for (int i = 0; i < height; i++) {
    point_pixels(rows + i * 6, 1);
    long pixel = (at.image + (long)(at.y + i) * at.width + at.x) * co + o;
    for (int j = 0; j < width; j++, pixel += co) {
      vec v = rows[i * 6 + j] + shift;
      if (flags & RELU) v = v < (vec)0.0f ? (vec)0.0f : v; /* keeps NaN */
      if (flags & RESIDUAL) v += LOAD_VEC(residual + pixel);
      if (flags & STREAM_Y)
        OF_TYPE(STREAM, STORAGE)(v, y + pixel);
      else
        STORE_VEC(v, y + pixel);
    }
  }
}

/* Asks for part `part` of `parts` of the pixels that tiles [first, first + count) are made from: they come from memory,
 * which has nothing to do while products are made. */
static inline void fetch_pixels(__global const storage *x, const int height, const int width, const int ci,
                                const int first, const int count, const int part, const int parts) {
  const int end = (int)((long)(part + 1) * count * 36 / parts);
  for (int i = (int)((long)part * count * 36 / parts); i < end; i++) {
    const place at = place_of(first + i / 36, height, width);
    const int py = at.y - 1 + i / 6 % 6, px = at.x - 1 + i % 6;
    if (py < 0 || py >= height || px < 0 || px >= width) continue;
    for (int c = 0; c < ci; c += LINE) PREFETCH(x + (at.image + (long)py * width + px) * ci + c);
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void winograd_forward(
    IN(storage, x), IN(float, u), IN(float, bias), IN(storage, residual), OUT(storage, y), OUT(float, scratch),
    const int height, const int width, const int ci, const int co, const int tiles, const int block, const int flags) {
  OPEN_IN(storage, x);
  OPEN_IN(float, u);
  OPEN_IN(float, bias);
  OPEN_IN(storage, residual);
  OPEN_OUT(storage, y);
  OPEN_OUT(float, scratch);
  const long v_row = V_ROW(ci), v_point = block * v_row, m_point = (long)block * M_ROW;
  __global float *v = scratch + (long)get_group_id(0) * 36 * (v_point + m_point), *m = v + 36 * v_point;
  FOR_ITEMS(turn, (tiles + block - 1) / block) {
    const int first = turn * block, count = min(block, tiles - first);
    const int next = first + (int)get_num_groups(0) * block, next_count = clamp(tiles - next, 0, block);
    for (int t = 0; t < count; t++) {
      const place at = place_of(first + t, height, width);
      for (int c = 0; c < ci; c += VW) transform_image(x, at, ci, c, v + t * v_row + c, v_point);
    }
    for (int panel = 0; panel < co / PANEL; panel++) {
      for (int point = 0; point < 36; point++) {
        fetch_pixels(x, height, width, ci, next, next_count, panel * 36 + point, 36 * (co / PANEL));
        for (int t = 0; t < count; t += MR)
          multiply(v + point * v_point + t * v_row, v_row, 1, u + (long)(panel * 36 + point) * ci * PANEL,
                   m + point * m_point + t * M_ROW, M_ROW, ci, min(MR, count - t), false);
      }
      for (int t = 0; t < count; t++) {
        const place at = place_of(first + t, height, width);
        for (int o = 0; o < PANEL; o += VW)
          transform_points(m + t * M_ROW + o, m_point, at, co, panel * PANEL + o, bias, residual, y, flags);
      }
    }
  }
}

#else
/* One item for VW input channels of u. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void winograd_filter(IN(float, w), OUT(float, u), const int ci,
                                                                           const int co, const int turned) {
  OPEN_IN(float, w);
  OPEN_OUT(float, u);
  FOR_ITEMS(item, ci / VW) {
    for (int o = 0; o < co; o += VW)
      for (int c = item * VW; c < (item + 1) * VW; c++) {
        vec rows[18];
#pragma nounroll
        for (int ky = 0; ky < 3; ky++) {
          vec g[6];
#pragma unroll
          for (int kx = 0; kx < 3; kx++) {
            float lanes[VW];
            if (turned) {
              for (int l = 0; l < VW; l++) lanes[l] = w[((long)(8 - ky * 3 - kx) * co + o + l) * ci + c];
              g[kx] = *(loose *)lanes;
            } else {
              g[kx] = LOADV(w + ((long)(ky * 3 + kx) * ci + c) * co + o);
            }
          }
          filter_points(g, 1);
#pragma unroll
          for (int j = 0; j < 6; j++) rows[ky * 6 + j] = g[j];
        }
        __global float *to = u + ((long)(o / PANEL) * 36 * ci + c) * PANEL + o % PANEL;
#pragma nounroll
        for (int j = 0; j < 6; j++) {
          vec g[6];
#pragma unroll
          for (int ky = 0; ky < 3; ky++) g[ky] = rows[ky * 6 + j];
          filter_points(g, 1);
#pragma unroll
          for (int i = 0; i < 6; i++) STOREV(g[i], to + (long)(i * 6 + j) * ci * PANEL);
        }
      }
  }
}

/* One vector of channels of a tile's output gradient; what lies beyond the image is zero. */
static inline void transform_gradient(__global const storage *dy, const place at, const int co, const int o,
                                      __global float *to, const long point) {
  vec rows[24];
#pragma nounroll
  for (int i = 0; i < 4; i++) {
    vec d[6];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const bool there = at.y + i < at.height && at.x + j < at.width;
      d[j] = there ? LOAD_VEC(dy + (at.image + (long)(at.y + i) * at.width + at.x + j) * co + o) : (vec)0.0f;
    }
    pixel_points(d, 1);
#pragma unroll
    for (int j = 0; j < 6; j++) rows[i * 6 + j] = d[j];
  }
#pragma nounroll
  for (int j = 0; j < 6; j++) {
    vec d[6];
#pragma unroll
    for (int i = 0; i < 4; i++) d[i] = rows[i * 6 + j];
    pixel_points(d, 1);
#pragma unroll
    for (int i = 0; i < 6; i++) STOREV(d[i], to + (i * 6 + j) * point);
  }
}

/* Tiles [first, first + tiles) of all; one item for a row of them. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void winograd_points(IN(storage, x), IN(storage, dy),
                                                                           OUT(float, v), OUT(float, m),
                                                                           const int height, const int width,
                                                                           const int ci, const int co, const int first,
                                                                           const int tiles) {
  OPEN_IN(storage, x);
  OPEN_IN(storage, dy);
  OPEN_OUT(float, v);
  OPEN_OUT(float, m);
  const int across = (width + 3) / 4;
  FOR_ITEMS(row, (tiles + across - 1) / across) {
    for (int t = row * across; t < min(tiles, (row + 1) * across); t++) {
      const place at = place_of(first + t, height, width);
      for (int c = 0; c < ci; c += VW)
        transform_image(x, at, ci, c, v + (long)t * V_ROW(ci) + c, (long)tiles * V_ROW(ci));
      for (int o = 0; o < co; o += VW)
        transform_gradient(dy, at, co, o, m + ((long)(o / PANEL) * tiles + t) * PANEL + o % PANEL, (long)tiles * co);
    }
  }
}

/* One item for a panel of a point. `fresh`: du has nothing yet. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void winograd_sum(IN(float, v), IN(float, m), OUT(float, du),
                                                                        const int ci, const int co, const int tiles,
                                                                        const int fresh) {
  OPEN_IN(float, v);
  OPEN_IN(float, m);
  OPEN_OUT(float, du);
  const int panels = co / PANEL;
  const long v_row = V_ROW(ci);
  FOR_ITEMS(item, 36 * panels) {
    __global const float *of_v = v + (item / panels) * tiles * v_row, *of_m = m + (long)item * tiles * PANEL;
    __global float *to = du + (long)item * ci * PANEL;
    for (int t = 0; t < tiles; t += DEPTH)
      for (int c = 0; c < ci; c += MR)
        multiply(of_v + t * v_row + c, 1, v_row, of_m + (long)t * PANEL, to + c * PANEL, PANEL, min(DEPTH, tiles - t),
                 min(MR, ci - c), t > 0 || !fresh);
  }
}

/* One item for an input channel. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void winograd_gradient(IN(float, du), OUT(float, dw),
                                                                             const int ci, const int co,
                                                                             const int add) {
  OPEN_IN(float, du);
  OPEN_OUT(float, dw);
  FOR_ITEMS(c, ci) {
    for (int o = 0; o < co; o += VW) {
      vec rows[18];
      __global const float *from = du + ((long)(o / PANEL) * ci + c) * PANEL + o % PANEL;
#pragma nounroll
      for (int j = 0; j < 6; j++) {
        vec u[6];
#pragma unroll
        for (int i = 0; i < 6; i++) u[i] = LOADV(from + (long)(i * 6 + j) * (co / PANEL) * ci * PANEL);
        point_filter(u, 1);
#pragma unroll
        for (int i = 0; i < 3; i++) rows[i * 6 + j] = u[i];
      }
#pragma nounroll
      for (int i = 0; i < 3; i++) {
        point_filter(rows + i * 6, 1);
        for (int j = 0; j < 3; j++) {
          __global float *to = dw + ((long)(i * 3 + j) * ci + c) * co + o;
          vec v = rows[i * 6 + j];
          if (add) v += LOADV(to);
          STOREV(v, to);
        }
      }
    }
  }
}
#endif
