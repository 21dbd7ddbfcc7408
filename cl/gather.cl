/* Fills a batch from a data set kept as bytes: x [N, H, W, C], labels [N]; `pixels`: N * H * W.
 *
 * The n-th image of the batch is number indices[state.offset + n] of images [count, C, H, W]; each byte b becomes
 * (b / 255 - 0.5) / 0.5 by divisions, as PyTorch's ToTensor and Normalize(0.5, 0.5) make it. Images beyond the
 * active ones are zeros of class 0. PIXELS: H * W; CHANNELS: C; RUN: pixels of a work-item, which divides PIXELS.
 *
 * AUGMENT: in a step of training each image is cropped from within a black frame of CROP pixels, mirrored where FLIP is
 * 1 and the draw says so, and a square of CUTOUT pixels becomes 0, as data/augment.h says it; WIDTH: W. The draw is
 * that of the image's number in the step, state.first + n: the same, however devices share the step. */

static inline float normalized(const float byte) { return (byte / 255.0f - 0.5f) / 0.5f; }

#ifdef AUGMENT
#define PURPOSE 4u /* CSA_RNG_AUGMENT */
#define HEIGHT (PIXELS / WIDTH)
#define BELOW(bits, count) ((int)(((bits) * (uint)(count)) >> 16))

/* Normalised value of pixel (y, x) of a plane as the draw changes it. */
static inline float drawn(__global const uchar *plane, const uint4 draw, const int y, const int x) {
  const int hole_y = BELOW(draw.z & 0xffffu, HEIGHT), hole_x = BELOW(draw.z >> 16, WIDTH);
  if (CUTOUT > 0 && y >= hole_y - CUTOUT / 2 && y < hole_y - CUTOUT / 2 + CUTOUT && x >= hole_x - CUTOUT / 2 &&
      x < hole_x - CUTOUT / 2 + CUTOUT)
    return 0.0f;
  const bool mirrored = FLIP && draw.x >> 31 != 0u;
  const int from_y = y + BELOW(draw.y & 0xffffu, 2 * CROP + 1) - CROP;
  const int from_x = (mirrored ? WIDTH - 1 - x : x) + BELOW(draw.y >> 16, 2 * CROP + 1) - CROP;
  const bool inside = from_y >= 0 && from_y < HEIGHT && from_x >= 0 && from_x < WIDTH;
  return normalized(inside ? (float)plane[from_y * WIDTH + from_x] : 0.0f);
}
#endif

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
  __global const uchar *from = images + (long)index * CHANNELS * PIXELS;
#ifdef AUGMENT
  const uint4 draw = random_block(state, PURPOSE, (uint)(state->first + image), 0u);
#endif
  for (int i = pixel; i < pixel + RUN; i++)
    for (int c = 0; c < CHANNELS; c++) {
      float value = normalized((float)from[c * PIXELS + i]);
#ifdef AUGMENT
      if (state->training != 0) value = drawn(from + c * PIXELS, draw, i / WIDTH, i % WIDTH);
#endif
      STORE(x, ((long)image * PIXELS + i) * CHANNELS + c, active ? value : 0.0f);
    }
  if (pixel == 0) labels[image] = active ? all_labels[index] : 0;
}
