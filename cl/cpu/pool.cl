/* Max-pooling over squares of 2 x 2: see cl/pool.cl. One work-item takes two rows of an image. */

#define DOWN (HEIGHT / 2)
#define ACROSS (WIDTH / 2)

/* Whether b is the larger one; NaN is larger than all. */
#define BEATS(b, a) ((b) > (a) || isnan(b))

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void pool_forward(IN(storage, x), OUT(storage, y),
                                                                        const int images) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  FOR_ITEMS(item, images * DOWN) {
    const int image = item / DOWN, row = item % DOWN;
    for (int col = 0; col < ACROSS; col++) {
      __global const storage *upper = x + (((long)image * HEIGHT + 2 * row) * WIDTH + 2 * col) * LD + FIRST;
      __global const storage *lower = upper + WIDTH * LD;
      __global storage *to = y + ((long)item * ACROSS + col) * COLS;
      for (int c = 0; c < COLS; c++) {
        const float v1 = LOAD(upper, LD + c), v2 = LOAD(lower, c), v3 = LOAD(lower, LD + c);
        float most = LOAD(upper, c);
        most = BEATS(v1, most) ? v1 : most;
        most = BEATS(v2, most) ? v2 : most;
        most = BEATS(v3, most) ? v3 : most;
        STORE(to, c, most);
      }
    }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void pool_backward(IN(storage, x), IN(storage, dy),
                                                                         OUT(storage, dx), const int images) {
  OPEN_IN(storage, x);
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int pairs = (HEIGHT + 1) / 2;
  FOR_ITEMS(item, images * pairs) {
    const int image = item / pairs, row = item % pairs;
    const long start = ((long)image * HEIGHT + 2 * row) * WIDTH * LD + FIRST;
    for (int col = 0; col < ACROSS && row < DOWN; col++) {
      __global const storage *upper = x + start + 2 * col * LD, *lower = upper + WIDTH * LD;
      __global const storage *from = dy + (((long)image * DOWN + row) * ACROSS + col) * COLS;
      __global storage *to = dx + start + 2 * col * LD, *to_lower = to + WIDTH * LD;
      for (int c = 0; c < COLS; c++) {
        const float v1 = LOAD(upper, LD + c), v2 = LOAD(lower, c), v3 = LOAD(lower, LD + c), grad = LOAD(from, c);
        float most = LOAD(upper, c);
        int best = 0;
        best = BEATS(v1, most) ? 1 : best;
        most = BEATS(v1, most) ? v1 : most;
        best = BEATS(v2, most) ? 2 : best;
        most = BEATS(v2, most) ? v2 : most;
        best = BEATS(v3, most) ? 3 : best;
        STORE(to, c, best == 0 ? grad : 0.0f);
        STORE(to, LD + c, best == 1 ? grad : 0.0f);
        STORE(to_lower, c, best == 2 ? grad : 0.0f);
        STORE(to_lower, LD + c, best == 3 ? grad : 0.0f);
      }
    }
    /* what no square covers: a last odd column, a last odd row */
    for (int py = 0; py < 2 && 2 * row + py < HEIGHT; py++)
      for (int px = row < DOWN ? 2 * ACROSS : 0; px < WIDTH; px++)
        for (int c = 0; c < COLS; c++) STORE(dx, start + (py * WIDTH + px) * LD + c, 0.0f);
  }
}
