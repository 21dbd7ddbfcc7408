/* The rearrangements of a 3 x 3 convolution: formulas and arguments of cl/conv2d.cl. One work-item takes rows of the
 * image, and copies or adds the CI channels of a pixel, which lie together, in one go. HEIGHT, WIDTH, CI. */

static inline void copy_channels(__global storage *to, __global const storage *from) {
  int c = 0;
  for (; c + 16 <= CI; c += 16) STORE16(to, c, LOAD16(from, c));
  for (; c < CI; c++) STORE(to, c, LOAD(from, c));
}

static inline void clear_channels(__global storage *to) {
  int c = 0;
  for (; c + 16 <= CI; c += 16) STORE16(to, c, (float16)0.0f);
  for (; c < CI; c++) STORE(to, c, 0.0f);
}

/* What tap k made of the pixel at `px` of `row`: CI values; 0 where its output lies outside of the image. */
static inline __global const storage *made_by(__global const storage *dcols, const int row, const int px, const int k) {
  const int y = row % HEIGHT - (k / 3 - 1), x = px - (k % 3 - 1);
  if (y < 0 || y >= HEIGHT || x < 0 || x >= WIDTH) return 0;
  return dcols + (((long)(row - (k / 3 - 1)) * WIDTH + x) * 9 + k) * CI;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_columns(IN(storage, x), OUT(storage, cols),
                                                                          const int n) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, cols);
  FOR_ITEMS(row, n / (9 * CI * WIDTH)) {
    const int y = row % HEIGHT;
    __global storage *to = cols + (long)row * WIDTH * 9 * CI;
    for (int px = 0; px < WIDTH; px++)
      for (int k = 0; k < 9; k++, to += CI) {
        const int from_y = y + k / 3 - 1, from_x = px + k % 3 - 1;
        if (from_y < 0 || from_y >= HEIGHT || from_x < 0 || from_x >= WIDTH)
          clear_channels(to);
        else
          copy_channels(to, x + ((long)(row + k / 3 - 1) * WIDTH + from_x) * CI);
      }
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_image(IN(storage, dcols), OUT(storage, dx),
                                                                        const int n) {
  OPEN_IN(storage, dcols);
  OPEN_OUT(storage, dx);
  FOR_ITEMS(row, n / (CI * WIDTH)) {
    for (int px = 0; px < WIDTH; px++) {
      __global storage *to = dx + ((long)row * WIDTH + px) * CI;
      int c = 0;
      for (; c + 16 <= CI; c += 16) {
        float16 sum = 0.0f;
        for (int k = 0; k < 9; k++) {
          __global const storage *from = made_by(dcols, row, px, k);
          if (from != 0) sum += LOAD16(from, c);
        }
        STORE16(to, c, sum);
      }
      for (; c < CI; c++) {
        float sum = 0.0f;
        for (int k = 0; k < 9; k++) {
          __global const storage *from = made_by(dcols, row, px, k);
          if (from != 0) sum += LOAD(from, c);
        }
        STORE(to, c, sum);
      }
    }
  }
}
