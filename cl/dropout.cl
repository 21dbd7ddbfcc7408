/* Dropout (Srivastava et al. 2014), inverted: in training y = x * scale where the element is kept, scale = 1 / (1 -
 * rate), else 0; in evaluation y = x; then + residual if RESIDUAL is defined. The gradient goes the same way: backward
 * is this kernel without a residual, and draws the same numbers again; y may be x there.
 *
 * An element is kept if its number is not below `threshold`, rate * 2^32. Of 64 elements the first 16 take the first
 * numbers of 16 blocks of the stream `purpose`, the next 16 the second ones, and so on. A work-item takes a block, so
 * that neighbours have neighbouring elements. */

#ifdef RESIDUAL
#define REST(i) LOAD(residual, i)
#else
#define REST(i) 0.0f
#endif

kernel void dropout_apply(SAME_IN(storage, x), IN(storage, residual), STATE(state), SAME_OUT(storage, y), const int n,
                          const int purpose, const int threshold, const float scale) {
  OPEN_SAME_IN(storage, x);
  OPEN_IN(storage, residual);
  OPEN_STATE(state);
  OPEN_SAME_OUT(storage, y);
  const int block = (int)get_global_id(0), first = block / 16 * 64 + block % 16;
  const uint4 drawn = random_block(state, (uint)purpose, (uint)block);
  const float kept = state->training != 0 ? scale : 1.0f, dropped = state->training != 0 ? 0.0f : 1.0f;
#define APPLY(i, number) \
  if ((i) < n) STORE(y, i, LOAD(x, i) * ((number) >= (uint)threshold ? kept : dropped) + REST(i))
  APPLY(first, drawn.x);
  APPLY(first + 16, drawn.y);
  APPLY(first + 32, drawn.z);
  APPLY(first + 48, drawn.w);
}
