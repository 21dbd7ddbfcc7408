/* Global average pooling: see cl/average.cl. One work-item takes an image, STRIP columns at a time, as they lie. */

#define STRIP 1024

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void average_forward(IN(storage, x), OUT(storage, y),
                                                                           const int images) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  FOR_ITEMS(image, images) {
    for (int first = 0; first < COLS; first += STRIP) {
      __global const storage *from = x + (long)image * PIXELS * COLS + first;
      const int cols = min(STRIP, COLS - first);
      float sum[STRIP];
      for (int c = 0; c < cols; c++) sum[c] = 0.0f;
      for (int p = 0; p < PIXELS; p++)
        for (int c = 0; c < cols; c++) sum[c] += LOAD(from, (long)p * COLS + c);
      for (int c = 0; c < cols; c++) STORE(y, (long)image * COLS + first + c, sum[c] / PIXELS);
    }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void average_backward(IN(storage, dy), OUT(storage, dx),
                                                                            const int images) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  FOR_ITEMS(image, images) {
    __global const storage *from = dy + (long)image * COLS;
    __global storage *to = dx + (long)image * PIXELS * COLS;
    for (int p = 0; p < PIXELS; p++)
      for (int c = 0; c < COLS; c++) STORE(to, (long)p * COLS + c, LOAD(from, c) / PIXELS);
  }
}
