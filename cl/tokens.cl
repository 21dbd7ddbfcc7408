/* Class token and positions (Dosovitskiy et al. 2020, eq. 1): x [N, T, C] -> y [N, T+1, C],
 * y[n, 0] = class + position[0],  y[n, t+1] = x[n, t] + position[t+1].
 *
 * Backward to x only; the gradients of class [C] and position [T+1, C] are sums over images, made elsewhere.
 * TOKENS: T; COLS: C; RUN: elements of a row that a work-item makes, which divides C. */

kernel void tokens_forward(IN(storage, x), IN(float, class_token), IN(float, position), OUT(storage, y), const int n) {
  OPEN_IN(storage, x);
  OPEN_IN(float, class_token);
  OPEN_IN(float, position);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0) * RUN;
  if (i >= n) return;
  const int image = i / ((TOKENS + 1) * COLS), at = i % ((TOKENS + 1) * COLS);
  for (int j = 0; j < RUN; j++) {
    const float token = at < COLS ? class_token[at + j] : LOAD(x, i - (image + 1) * COLS + j);
    STORE(y, i + j, token + position[at + j]);
  }
}

kernel void tokens_backward(IN(storage, dy), OUT(storage, dx), const int n) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0) * RUN;
  if (i >= n) return;
  const int image = i / (TOKENS * COLS);
  for (int j = 0; j < RUN; j++) STORE(dx, i + j, LOAD(dy, i + (image + 1) * COLS + j));
}
