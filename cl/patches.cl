/* Cuts images into patches: x [N, H, W, C] -> y [N, H*W / P^2, C * P^2], a permutation of each image.
 *
 * GRID undefined, "rows": the image as its buffer [C, H, W], cut into runs of C * P^2 consecutive elements.
 * GRID defined, "grid": squares of P x P, row by row over the image, features in order (c, y, x).
 * SIDE and CHANNELS: H = W and C; PATCH: P, which divides SIDE. RUN: pixels of a work-item, which divides SIDE. */

/* Where channel c of a pixel of an image stands among the elements of its patches. */
static inline int place(const int pixel, const int c) {
#ifdef GRID
  const int y = pixel / SIDE, x = pixel % SIDE, token = y / PATCH * (SIDE / PATCH) + x / PATCH;
  return ((token * CHANNELS + c) * PATCH + y % PATCH) * PATCH + x % PATCH;
#else
  return c * SIDE * SIDE + pixel;
#endif
}

#define PIXELS (SIDE * SIDE)

kernel void patches_forward(IN(storage, x), OUT(storage, y), const int pixels) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  const int first = (int)get_global_id(0) * RUN;
  if (first >= pixels) return;
  const int image = first / PIXELS * PIXELS * CHANNELS;
  for (int i = 0; i < RUN; i++)
    for (int c = 0; c < CHANNELS; c++)
      STORE(y, image + place(first % PIXELS + i, c), LOAD(x, (first + i) * CHANNELS + c));
}

kernel void patches_backward(IN(storage, dy), OUT(storage, dx), const int pixels) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int first = (int)get_global_id(0) * RUN;
  if (first >= pixels) return;
  const int image = first / PIXELS * PIXELS * CHANNELS;
  for (int i = 0; i < RUN; i++)
    for (int c = 0; c < CHANNELS; c++)
      STORE(dx, (first + i) * CHANNELS + c, LOAD(dy, image + place(first % PIXELS + i, c)));
}
