/* Sums over the rows of a matrix, always in the same order: see cl/reduce.cl, whose numbers these are but for rounding.
 * One work-item takes a chunk of rows and a strip of columns; it reads rows as they lie, 4 at a time, and keeps the
 * sums where they go, close to the core. */

#define STRIP 1024

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void reduce_rows(IN(float, x), const int rows, const int cols,
                                                                       const int ld, const int chunk_rows,
                                                                       const float beta, OUT(float, out)) {
  OPEN_IN(float, x);
  OPEN_OUT(float, out);
  const int chunks = (rows + chunk_rows - 1) / chunk_rows, strips = (cols + STRIP - 1) / STRIP;
  FOR_ITEMS(item, chunks * strips) {
    const int chunk = item / strips, left = item % strips * STRIP, width = min(STRIP, cols - left);
    const int first = chunk * chunk_rows, end = min(rows, first + chunk_rows), whole = (end - first) / 4 * 4;
    __global float *restrict to = out + (long)chunk * cols + left;
    __global const float *from = x + (long)first * ld + left;
    if (beta == 0.0f)
      for (int c = 0; c < width; c++) to[c] = 0.0f;
    for (int r = 0; r < whole; r += 4, from += 4 * (long)ld)
      for (int c = 0; c < width; c++)
        to[c] = (((to[c] + from[c]) + from[ld + c]) + from[2 * (long)ld + c]) + from[3 * (long)ld + c];
    for (int r = first + whole; r < end; r++, from += ld)
      for (int c = 0; c < width; c++) to[c] += from[c];
  }
}
