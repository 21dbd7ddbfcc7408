/* Sums over the rows of a matrix, always in the same order: see cl/reduce.cl, whose numbers these are but for rounding.
 * One work-item takes a chunk of rows and a strip of 64 columns, 16 to a vector. */

#define STRIP 64

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void reduce_rows(IN(float, x), const int rows, const int cols,
                                                                       const int ld, const int chunk_rows,
                                                                       const float beta, OUT(float, out)) {
  OPEN_IN(float, x);
  OPEN_OUT(float, out);
  const int chunks = (rows + chunk_rows - 1) / chunk_rows, strips = (cols + STRIP - 1) / STRIP;
  FOR_ITEMS(item, chunks * strips) {
    const int chunk = item / strips, left = item % strips * STRIP;
    const int first = chunk * chunk_rows, end = min(rows, first + chunk_rows);
    __global float *to = out + (long)chunk * cols;
    if (left + STRIP <= cols) {
      float16 a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
      if (beta != 0.0f) {
        a = vload16(0, to + left);
        b = vload16(1, to + left);
        c = vload16(2, to + left);
        d = vload16(3, to + left);
      }
      for (int r = first; r < end; r++) {
        __global const float *from = x + (long)r * ld + left;
        a += vload16(0, from);
        b += vload16(1, from);
        c += vload16(2, from);
        d += vload16(3, from);
      }
      vstore16(a, 0, to + left);
      vstore16(b, 1, to + left);
      vstore16(c, 2, to + left);
      vstore16(d, 3, to + left);
      continue;
    }
    for (int col = left; col < cols; col++) {
      float sum = beta == 0.0f ? 0.0f : to[col];
      for (int r = first; r < end; r++) sum += x[(long)r * ld + col];
      to[col] = sum;
    }
  }
}
