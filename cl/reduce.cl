/* Sums over the rows of a matrix, always in the same order.
 *
 * out[k, c] = beta * out[k, c] + sum of x[r, c] over the rows r of chunk k;  x [rows, cols] with row stride ld,
 * out [chunks, cols]. A long sum is two launches: into chunks, then over them. beta is 0 or 1; with 0 out is not read.
 * X_TYPE: of x, float or half. */

#ifndef X_TYPE
#define X_TYPE float
#endif

kernel void reduce_rows(IN(X_TYPE, x), const int rows, const int cols, const int ld, const int chunk_rows,
                        const float beta, OUT(float, out)) {
  OPEN_IN(X_TYPE, x);
  OPEN_OUT(float, out);
  const int chunks = (rows + chunk_rows - 1) / chunk_rows;
  const long i = (long)get_global_id(0);
  if (i >= (long)chunks * cols) return;
  const int chunk = (int)(i / cols), col = (int)(i % cols);
  const int end = min(rows, (chunk + 1) * chunk_rows);
  float sum = 0.0f;
  for (int r = chunk * chunk_rows; r < end; r++) sum += OF_TYPE(LOAD, X_TYPE)(x, (long)r * ld + col);
  out[i] = beta == 0.0f ? sum : out[i] + sum;
}
