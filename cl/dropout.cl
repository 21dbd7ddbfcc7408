/* Dropout (Srivastava et al. 2014), inverted: in training y = x * scale where the element is kept, scale = 1 / (1 -
 * rate), else 0; in evaluation y = x; then + residual if RESIDUAL is defined. The gradient goes the same way: backward
 * is this kernel without a residual, and draws the same numbers again; y may be x there.
 *
 * Element i takes number i % 4 of block i / 4 of the stream `purpose`, and is kept if that is not below `threshold`,
 * rate * 2^32. A work-item takes a block. */

kernel void dropout_apply(SAME_IN(storage, x), IN(storage, residual), STATE(state), SAME_OUT(storage, y), const int n,
                          const int purpose, const int threshold, const float scale) {
  OPEN_SAME_IN(storage, x);
  OPEN_IN(storage, residual);
  OPEN_STATE(state);
  OPEN_SAME_OUT(storage, y);
  const int block = (int)get_global_id(0), first = 4 * block;
  if (first >= n) return;
  const uint4 drawn = random_block(state, (uint)purpose, (uint)block);
  const uint numbers[4] = {drawn.x, drawn.y, drawn.z, drawn.w};
  for (int i = first; i < min(n, first + 4); i++) {
    float v = LOAD(x, i);
    if (state->training != 0) v = numbers[i - first] >= (uint)threshold ? v * scale : 0.0f;
#ifdef RESIDUAL
    v += LOAD(residual, i);
#endif
    STORE(y, i, v);
  }
}
