/* Max-pooling over squares of 2 x 2: COLS columns, from FIRST on, of x [images, HEIGHT, WIDTH, LD] ->
 * y [images, HEIGHT / 2, WIDTH / 2, COLS]; a last odd row or column is left out. Of equal largest values the first in
 * row-major order is taken, and gets the gradient; NaN counts as larger than all. Backward writes the same columns of
 * dx, and no others. */

#define DOWN (HEIGHT / 2)
#define ACROSS (WIDTH / 2)

/* Element of x at the top left of the square that element i of y is the largest of. */
static inline long corner(const int i) {
  const int c = i % COLS, x = i / COLS % ACROSS, y = i / (COLS * ACROSS) % DOWN, image = i / (COLS * ACROSS * DOWN);
  return (((long)image * HEIGHT + 2 * y) * WIDTH + 2 * x) * LD + FIRST + c;
}

/* Which of the four, 0 .. 3 in row-major order. */
static inline int largest(__global const storage *x, const long at) {
  float most = LOAD(x, at);
  int best = 0;
  for (int j = 1; j < 4; j++) {
    const float value = LOAD(x, at + (j / 2 * WIDTH + j % 2) * LD);
    if (!(value > most || isnan(value))) continue;
    most = value;
    best = j;
  }
  return best;
}

kernel void pool_forward(IN(storage, x), OUT(storage, y), const int images) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0);
  if (i >= images * DOWN * ACROSS * COLS) return;
  const long at = corner(i);
  const int best = largest(x, at);
  STORE(y, i, LOAD(x, at + (best / 2 * WIDTH + best % 2) * LD));
}

kernel void pool_backward(IN(storage, x), IN(storage, dy), OUT(storage, dx), const int images) {
  OPEN_IN(storage, x);
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0);
  if (i >= images * HEIGHT * WIDTH * COLS) return;
  const int c = i % COLS, px = i / COLS % WIDTH, py = i / (COLS * WIDTH) % HEIGHT, image = i / (COLS * WIDTH * HEIGHT);
  float grad = 0.0f;
  if (py / 2 < DOWN && px / 2 < ACROSS) {
    const int of = ((image * DOWN + py / 2) * ACROSS + px / 2) * COLS + c;
    if (largest(x, corner(of)) == py % 2 * 2 + px % 2) grad = LOAD(dy, of);
  }
  STORE(dx, (((long)image * HEIGHT + py) * WIDTH + px) * LD + FIRST + c, grad);
}
