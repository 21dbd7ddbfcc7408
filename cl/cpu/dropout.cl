/* Dropout: formulas and arguments of cl/dropout.cl. One work-item takes runs of RUN elements of an image, 64 at a time,
 * whose 16 blocks of random numbers are drawn side by side. RESIDUAL. */

#define RUN 4096

#ifdef RESIDUAL
#define REST(load, i) load(residual, i)
#else
#define REST(load, i) 0.0f
#endif

typedef struct {
  uint16 number[4];
} blocks16;

/* Blocks `first` to `first` + 15, as random_block draws them. */
static inline blocks16 random_blocks(__global const step_state *state, const uint purpose, const uint first,
                                     const uint image) {
  blocks16 c = {{first + (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), image, state->step, purpose}};
  uint k0 = state->seed[0], k1 = state->seed[1];
  EACH(i, 10) {
    const ulong16 a = convert_ulong16(c.number[0]) * 0xD2511F53ul, b = convert_ulong16(c.number[2]) * 0xCD9E8D57ul;
    c.number[0] = convert_uint16(b >> 32) ^ c.number[1] ^ k0;
    c.number[2] = convert_uint16(a >> 32) ^ c.number[3] ^ k1;
    c.number[1] = convert_uint16(b);
    c.number[3] = convert_uint16(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void dropout_apply(SAME_IN(storage, x), IN(storage, residual),
                                                                         STATE(state), SAME_OUT(storage, y),
                                                                         const int n, const int cols, const int purpose,
                                                                         const int threshold, const float scale) {
  OPEN_SAME_IN(storage, x);
  OPEN_IN(storage, residual);
  OPEN_STATE(state);
  OPEN_SAME_OUT(storage, y);
  const float kept = state->training != 0 ? scale : 1.0f, dropped = state->training != 0 ? 0.0f : 1.0f;
  const int runs = (cols + RUN - 1) / RUN;
  FOR_ITEMS(item, n / cols * runs) {
    const int image = item / runs, begin = item % runs * RUN, end = min(cols, begin + RUN);
    const long row = (long)image * cols;
    for (int first = begin; first < end; first += 64) {
      const blocks16 drawn = random_blocks(state, (uint)purpose, (uint)(first / 4), (uint)(state->first + image));
      EACH(j, 4) {
        const int left = end - first - 16 * j;
        const long at = row + first + 16 * j;
        const float16 factor = select((float16)dropped, (float16)kept, drawn.number[j] >= (uint)threshold);
        if (left >= 16) {
          STORE16(y, at, LOAD16(x, at) * factor + REST(LOAD16, at));
          continue;
        }
        float factors[16];
        vstore16(factor, 0, factors);
        for (int i = 0; i < left; i++) STORE(y, at + i, LOAD(x, at + i) * factors[i] + REST(LOAD, at + i));
      }
    }
  }
}
