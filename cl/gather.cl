/* Fills a batch from a data set kept as bytes: x [N, H, W, C] floats, labels [N].
 *
 * The n-th image of the batch is number indices[state.offset + n] of images [count, C, H, W]; each byte b becomes
 * (b / 255 - 0.5) / 0.5 by real divisions, as PyTorch's ToTensor and Normalize(0.5, 0.5) make it. Images beyond the
 * active ones are zeros of class 0. PIXELS: H * W; CHANNELS: C; RUN: pixels of a work-item, which divides PIXELS. */

kernel void gather_batch(IN(uchar, images), IN(int, all_labels), IN(int, indices), STATE(state), OUT(storage, x),
                         OUT(int, labels), const int pixels) {
  OPEN_IN(uchar, images);
  OPEN_IN(int, all_labels);
  OPEN_IN(int, indices);
  OPEN_STATE(state);
  OPEN_OUT(storage, x);
  OPEN_OUT(int, labels);
  const int first = (int)get_global_id(0) * RUN;
  if (first >= pixels) return;
  const int image = first / PIXELS, pixel = first % PIXELS;
  const bool active = image < state->active;
  const int index = active ? indices[state->offset + image] : 0;
  __global const uchar *from = images + (long)index * CHANNELS * PIXELS + pixel;
  for (int i = 0; i < RUN; i++)
    for (int c = 0; c < CHANNELS; c++) {
      const float byte = (float)from[c * PIXELS + i];
      STORE(x, (long)(first + i) * CHANNELS + c, active ? (byte / 255.0f - 0.5f) / 0.5f : 0.0f);
    }
  if (pixel == 0) labels[image] = active ? all_labels[index] : 0;
}
