/* The class token of each image: x [N, T, C] -> y [N, 1, C], y[n] = x[n, 0]. Backward writes zero for all other tokens.
 * TOKENS: T; COLS: C; RUN: elements of a row that a work-item takes, which divides C. */

kernel void select_forward(IN(storage, x), OUT(storage, y), const int n) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0) * RUN;
  if (i >= n) return;
  for (int j = 0; j < RUN; j++) STORE(y, i + j, LOAD(x, i / COLS * TOKENS * COLS + i % COLS + j));
}

kernel void select_backward(IN(storage, dy), OUT(storage, dx), const int n) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0) * RUN;
  if (i >= n) return;
  const int image = i / (TOKENS * COLS), at = i % (TOKENS * COLS);
  for (int j = 0; j < RUN; j++) STORE(dx, i + j, at < COLS ? LOAD(dy, image * COLS + at + j) : 0.0f);
}
