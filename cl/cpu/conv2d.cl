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

static inline void add_channels(__global storage *to, __global const storage *from) {
  int c = 0;
  for (; c + 16 <= CI; c += 16) STORE16(to, c, LOAD16(to, c) + LOAD16(from, c));
  for (; c < CI; c++) STORE(to, c, LOAD(to, c) + LOAD(from, c));
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
    const int y = row % HEIGHT;
    for (int px = 0; px < WIDTH; px++) {
      __global storage *to = dx + ((long)row * WIDTH + px) * CI;
      clear_channels(to);
      for (int k = 0; k < 9; k++) {
        const int from_y = y - (k / 3 - 1), from_x = px - (k % 3 - 1);
        if (from_y < 0 || from_y >= HEIGHT || from_x < 0 || from_x >= WIDTH) continue;
        add_channels(to, dcols + (((long)(row - (k / 3 - 1)) * WIDTH + from_x) * 9 + k) * CI);
      }
    }
  }
}
