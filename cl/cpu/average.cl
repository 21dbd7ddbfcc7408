/* Global average pooling: see cl/average.cl. One work-item takes an image, and reads it as it lies. */

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void average_forward(IN(storage, x), OUT(storage, y),
                                                                           const int images) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  float sum[COLS];
  FOR_ITEMS(image, images) {
    __global const storage *from = x + (long)image * PIXELS * COLS;
    for (int c = 0; c < COLS; c++) sum[c] = 0.0f;
    for (int p = 0; p < PIXELS; p++)
      for (int c = 0; c < COLS; c++) sum[c] += LOAD(from, (long)p * COLS + c);
    for (int c = 0; c < COLS; c++) STORE(y, (long)image * COLS + c, sum[c] / PIXELS);
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void average_backward(IN(storage, dy), OUT(storage, dx),
                                                                            const int images) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  float grad[COLS];
  FOR_ITEMS(image, images) {
    __global storage *to = dx + (long)image * PIXELS * COLS;
    for (int c = 0; c < COLS; c++) grad[c] = LOAD(dy, (long)image * COLS + c) / PIXELS;
    for (int p = 0; p < PIXELS; p++)
      for (int c = 0; c < COLS; c++) STORE(to, (long)p * COLS + c, grad[c]);
  }
}
