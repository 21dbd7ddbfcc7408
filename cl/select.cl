/* The class token of each image: x [N, T, C] -> y [N, 1, C], y[n] = x[n, 0]. Backward writes zero for all other tokens.
 * TOKENS: T; COLS: C. */

kernel void select_forward(IN(storage, x), OUT(storage, y), const int n) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  STORE(y, i, LOAD(x, i / COLS * TOKENS * COLS + i % COLS));
}

kernel void select_backward(IN(storage, dy), OUT(storage, dx), const int n) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  const int image = i / (TOKENS * COLS), at = i % (TOKENS * COLS);
  STORE(dx, i, at < COLS ? LOAD(dy, image * COLS + at) : 0.0f);
}
