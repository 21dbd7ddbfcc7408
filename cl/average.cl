/* Global average pooling: x [images, PIXELS, COLS] -> y [images, COLS], the mean over pixels. PIXELS, COLS. */

kernel void average_forward(IN(storage, x), OUT(storage, y), const int images) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0);
  if (i >= images * COLS) return;
  const long at = (long)(i / COLS) * PIXELS * COLS + i % COLS;
  float sum = 0.0f;
  for (int p = 0; p < PIXELS; p++) sum += LOAD(x, at + (long)p * COLS);
  STORE(y, i, sum / PIXELS);
}

kernel void average_backward(IN(storage, dy), OUT(storage, dx), const int images) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0);
  if (i >= images * PIXELS * COLS) return;
  STORE(dx, i, LOAD(dy, i / (PIXELS * COLS) * COLS + i % COLS) / PIXELS);
}
