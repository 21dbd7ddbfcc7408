/* Halves as floats, for products that take floats alone: x [rows, cols], whose rows are ld apart -> y [rows, cols].
 * RUN: elements of a row that a work-item takes, which divides cols. */

kernel void cast_floats(IN(half, x), const int ld, OUT(float, y), const int cols, const int n) {
  OPEN_IN(half, x);
  OPEN_OUT(float, y);
  const int i = (int)get_global_id(0) * RUN;
  if (i >= n) return;
  const long from = (long)(i / cols) * ld + i % cols;
  for (int j = 0; j < RUN; j++) y[i + j] = LOAD_half(x, from + j);
}
