/* Sums over the rows of a matrix, always in the same order.
 *
 * out[k, c] = beta * out[k, c] + sum of x[r, c] over the rows r of chunk k;  x [rows, cols] with row stride ld,
 * out [chunks, cols]. A long sum is two launches: into chunks, then over them. beta is 0 or 1; with 0 out is not read.
 *
 * A group takes a chunk and a strip of columns: up to WG side by side, and where they are fewer, several rows at a
 * time. X_TYPE: of x, float or half. */

#ifndef X_TYPE
#define X_TYPE float
#endif

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void reduce_rows(IN(X_TYPE, x), const int rows, const int cols,
                                                                        const int ld, const int chunk_rows,
                                                                        const float beta, OUT(float, out)) {
  OPEN_IN(X_TYPE, x);
  OPEN_OUT(float, out);
  __local float scratch[WG];
  const int width = group_width(cols), me = (int)get_local_id(0), lane = me / width;
  const int chunks = (rows + chunk_rows - 1) / chunk_rows, strips = (cols + width - 1) / width;
  FOR_ITEMS(item, chunks * strips) {
    const int chunk = item / strips, col = item % strips * width + me % width;
    const int end = min(rows, (chunk + 1) * chunk_rows);
    float sum = 0.0f;
    for (int r = chunk * chunk_rows; r < end; r += WG / width)
      if (col < cols && r + lane < end) sum += OF_TYPE(LOAD, X_TYPE)(x, (long)(r + lane) * ld + col);
    sum = lane_sum(sum, width, scratch);
    if (lane > 0 || col >= cols) continue;
    const long at = (long)chunk * cols + col;
    out[at] = beta == 0.0f ? sum : out[at] + sum;
  }
}
