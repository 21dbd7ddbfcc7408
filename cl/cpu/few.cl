/* Convolution of few channels: formulas and arguments of cl/few.cl.
 *
 * The 3 CI elements of x that a row of the filter meets lie together, CI further for the next pixel: a row of outputs
 * is the sum of three products of matrices whose left sides are lines of x, bordered with zeros, as they lie. One
 * work-item takes rows of an image, or a chunk of rows. VW: floats of a vector; NV * VW divides CO. */

#define PIXELS 6                                                /* of a register tile */
#define TAPS (3 * CI)                                           /* of a row of the filter */
#define TILES ((WIDTH + PIXELS - 1) / PIXELS)                   /* of a row of outputs */
#define X_LINE (((TILES * PIXELS + 2) * CI + VW - 1) / VW * VW) /* a line of x and its borders */

/* The lines of x that row `row` of all images meets. */
static inline void read_lines(float *lines, __global const storage *x, const int row) {
  for (int ky = 0; ky < 3; ky++) {
    const int y = row % HEIGHT + ky - 1;
    const bool inside = y >= 0 && y < HEIGHT;
    float *to = lines + ky * X_LINE;
    __global const storage *from = x + (long)(inside ? row + ky - 1 : row) * WIDTH * CI;
    for (int i = 0; i < CI; i++) to[i] = 0.0f;
    for (int i = 0; i < WIDTH * CI; i++) to[CI + i] = inside ? LOAD(from, i) : 0.0f;
    for (int i = (WIDTH + 1) * CI; i < X_LINE; i++) to[i] = 0.0f;
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void few_forward(IN(storage, x), IN(float, w), IN(float, bias),
                                                                       IN(storage, residual), OUT(storage, y),
                                                                       const int n) {
  OPEN_IN(storage, x);
  OPEN_IN(float, w);
  OPEN_IN(float, bias);
  OPEN_IN(storage, residual);
  OPEN_OUT(storage, y);
  FOR_ITEMS(row, n / (CO * WIDTH)) {
    float lines[3 * X_LINE];
    read_lines(lines, x, row);
    for (int o = 0; o < CO; o += NV * VW)
      for (int first = 0; first < WIDTH; first += PIXELS) {
        vec sum[PIXELS][NV];
#ifdef BIAS
        EACH(i, PIXELS) EACH(j, NV) sum[i][j] = LOADV(bias + o + j * VW);
#else
        EACH(i, PIXELS) EACH(j, NV) sum[i][j] = (vec)0.0f;
#endif
        for (int ky = 0; ky < 3; ky++)
          for (int t = 0; t < TAPS; t++) {
            vec of_w[NV];
            EACH(j, NV) of_w[j] = LOADV(w + (ky * TAPS + t) * CO + o + j * VW);
            EACH(i, PIXELS) {
              const vec of_x = lines[ky * X_LINE + (first + i) * CI + t];
              EACH(j, NV) sum[i][j] = fma(of_x, of_w[j], sum[i][j]);
            }
          }
        EACH(i, PIXELS) if (first + i < WIDTH) EACH(j, NV) {
          const long at = ((long)row * WIDTH + first + i) * CO + o + j * VW;
          vec v = sum[i][j];
#ifdef RELU
          v = v < (vec)0.0f ? (vec)0.0f : v; /* keeps NaN */
#endif
#ifdef RESIDUAL
          v += LOAD_VEC(residual + at);
#endif
          STORE_VEC(v, y + at);
        }
      }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void few_weights(IN(storage, x), IN(storage, dy),
                                                                       OUT(float, parts), const int rows,
                                                                       const int chunk_rows, const int n) {
  OPEN_IN(storage, x);
  OPEN_IN(storage, dy);
  OPEN_OUT(float, parts);
  FOR_ITEMS(chunk, n / (9 * CI * CO)) {
    __global float *to = parts + (long)chunk * 9 * CI * CO;
    const int end = min(rows, (chunk + 1) * chunk_rows);
    for (int i = 0; i < 9 * CI * CO; i++) to[i] = 0.0f;
    for (int row = chunk * chunk_rows; row < end; row++) {
      float lines[3 * X_LINE];
      read_lines(lines, x, row);
      for (int ky = 0; ky < 3; ky++)
        for (int o = 0; o < CO; o += NV * VW) {
          __global float *of_dw = to + ky * TAPS * CO + o;
          vec sum[TAPS][NV];
          EACH(t, TAPS) EACH(j, NV) sum[t][j] = LOADV(of_dw + t * CO + j * VW);
          for (int px = 0; px < WIDTH; px++) {
            vec of_dy[NV];
            EACH(j, NV) of_dy[j] = LOAD_VEC(dy + ((long)row * WIDTH + px) * CO + o + j * VW);
            EACH(t, TAPS) {
              const vec of_x = lines[ky * X_LINE + px * CI + t];
              EACH(j, NV) sum[t][j] = fma(of_x, of_dy[j], sum[t][j]);
            }
          }
          EACH(t, TAPS) EACH(j, NV) STOREV(sum[t][j], of_dw + t * CO + j * VW);
        }
    }
  }
}
