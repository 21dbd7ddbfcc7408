/* Cuts images into patches: x [N, H, W, C] -> y [N, H*W / P^2, C * P^2], a permutation of each image.
 *
 * GRID undefined, "rows": the image as its buffer [C, H, W], cut into runs of C * P^2 consecutive elements.
 * GRID defined, "grid": squares of P x P, row by row over the image, features in order (c, y, x).
 * SIDE and CHANNELS: H = W and C; PATCH: P, which divides SIDE. */

/* Where element `i` of the patches of one image stands in the image. */
static inline int source(const int i) {
#ifdef GRID
  const int features = CHANNELS * PATCH * PATCH, across = SIDE / PATCH;
  const int token = i / features, feature = i % features;
  const int c = feature / (PATCH * PATCH), within = feature % (PATCH * PATCH);
  const int y = token / across * PATCH + within / PATCH, x = token % across * PATCH + within % PATCH;
#else
  const int c = i / (SIDE * SIDE), y = i / SIDE % SIDE, x = i % SIDE;
#endif
  return (y * SIDE + x) * CHANNELS + c;
}

#define IMAGE (SIDE * SIDE * CHANNELS)

kernel void patches_forward(IN(storage, x), OUT(storage, y), const int n) {
  OPEN_IN(storage, x);
  OPEN_OUT(storage, y);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  STORE(y, i, LOAD(x, i / IMAGE * IMAGE + source(i % IMAGE)));
}

kernel void patches_backward(IN(storage, dy), OUT(storage, dx), const int n) {
  OPEN_IN(storage, dy);
  OPEN_OUT(storage, dx);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  STORE(dx, i / IMAGE * IMAGE + source(i % IMAGE), LOAD(dy, i));
}
