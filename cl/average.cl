/* Global average pooling: x [images, PIXELS, COLS] -> y [images, COLS], the mean over pixels. PIXELS, COLS.
 *
 * In forward a group takes an image and a strip of columns: up to WG side by side, and where they are fewer, several
 * pixels at a time. In backward an item takes an element of dx. */

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void average_forward(IN(storage, x), OUT(storage, y),
                                                                            const int images) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  __local float scratch[WG];
  const int width = group_width(COLS), me = (int)get_local_id(0), lane = me / width;
  const int strips = (COLS + width - 1) / width;
  FOR_ITEMS(item, images * strips) {
    const int image = item / strips, c = item % strips * width + me % width;
    float sum = 0.0f;
    for (int p = 0; p < PIXELS; p += WG / width)
      if (c < COLS && p + lane < PIXELS) sum += LOAD(x, ((long)image * PIXELS + p + lane) * COLS + c);
    sum = lane_sum(sum, width, scratch);
    if (lane == 0 && c < COLS) STORE(y, (long)image * COLS + c, sum / PIXELS);
  }
}

kernel void average_backward(IN(storage, dy), OUT(storage, dx), const int images) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0);
  if (i >= images * PIXELS * COLS) return;
  STORE(dx, i, LOAD(dy, i / (PIXELS * COLS) * COLS + i % COLS) / PIXELS);
}
