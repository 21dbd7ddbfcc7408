/* Dropout (Srivastava et al. 2014), inverted: in training y = x * scale where the element is kept, scale = 1 / (1 -
 * rate), else 0; in evaluation y = x; then + residual if RESIDUAL is defined. The gradient goes the same way: backward
 * is this kernel without a residual, and draws the same numbers again; y may be x there.
 *
 * x, y [n / cols images, cols]. An element is kept if its number is not below `threshold`, rate * 2^32. Each image of
 * the step has numbers of its own, whoever takes it: of 64 of its elements the first 16 take the first numbers of 16
 * blocks of the stream `purpose`, the next 16 the second ones, and so on. A work-item takes a block, so that neighbours
 * have neighbouring elements. */

#ifdef RESIDUAL
#define REST(i) LOAD(residual, i)
#else
#define REST(i) 0.0f
#endif

kernel void dropout_apply(SAME_IN(storage, x), IN(storage, residual), STATE(state), SAME_OUT(storage, y), const int n,
                          const int cols, const int purpose, const int threshold, const float scale) {
  OPEN_SAME_IN(storage, x);
  OPEN_IN(storage, residual);
  OPEN_STATE(state);
  OPEN_SAME_OUT(storage, y);
  const int blocks = (cols + 63) / 64 * 16, block = (int)get_global_id(0) % blocks;
  const int image = (int)get_global_id(0) / blocks, first = block / 16 * 64 + block % 16;
  const uint4 drawn = random_block(state, (uint)purpose, (uint)block, (uint)(state->first + image));
  const long row = (long)image * cols;
  const float kept = state->training != 0 ? scale : 1.0f, dropped = state->training != 0 ? 0.0f : 1.0f;
#define APPLY(i, number)     \
  if ((i) < cols && row < n) \
  STORE(y, row + (i), LOAD(x, row + (i)) * ((number) >= (uint)threshold ? kept : dropped) + REST(row + (i)))
  APPLY(first, drawn.x);
  APPLY(first + 16, drawn.y);
  APPLY(first + 32, drawn.z);
  APPLY(first + 48, drawn.w);
}
