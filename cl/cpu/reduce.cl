/* Sums over the rows of a matrix, always in the same order: see cl/reduce.cl, whose numbers these are but for rounding.
 * One work-item takes a chunk of rows and a strip of columns; it reads rows as they lie and keeps the sums where they
 * go, close to the core. */

#define STRIP 1024

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void reduce_rows(IN(X_TYPE, x), const int rows, const int cols,
                                                                       const int ld, const int chunk_rows,
                                                                       const float beta, OUT(float, out)) {
  OPEN_IN(X_TYPE, x);
  OPEN_OUT(float, out);
  const int chunks = (rows + chunk_rows - 1) / chunk_rows, strips = (cols + STRIP - 1) / STRIP;
  FOR_ITEMS(item, chunks * strips) {
    const int chunk = item / strips, left = item % strips * STRIP, width = min(STRIP, cols - left);
    const int first = chunk * chunk_rows;
    __global float *to = out + (long)chunk * cols + left;
    if (beta == 0.0f)
      for (int c = 0; c < width; c++) to[c] = 0.0f;
    add_rows(to, x + (long)first * ld + left, min(chunk_rows, rows - first), width, ld);
  }
}
