/* Panels of B for cl/cpu/gemm.cl: [batch, ceil(n / width), k, width] from B [k, n], or [n, k] if `turned`, zeros beyond
 * column n. B is of type B_TYPE, float or half; its rows are ldb apart, its products batch_b. Best is one group per
 * ROWS rows of a panel: ceil(k / ROWS) * ceil(n / width) * batch. */

#ifndef B_TYPE
#define B_TYPE float
#endif
#define ROWS 64 /* of an item's turn */

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void pack_panels(IN(B_TYPE, b), const int ldb, const int batch_b,
                                                                       OUT(float, packed), const int n, const int k,
                                                                       const int batch, const int width,
                                                                       const int turned) {
  OPEN_IN(B_TYPE, b);
  OPEN_OUT(float, packed);
  const int panels = (n + width - 1) / width, runs = (k + ROWS - 1) / ROWS;
  FOR_ITEMS(item, panels * runs * batch) {
    const int first = item % runs * ROWS, rows = min(ROWS, k - first);
    const int panel = item / runs % panels, product = item / (runs * panels), cols = min(width, n - panel * width);
    __global float *to = packed + ((long)(product * panels + panel) * k + first) * width;
    __global const B_TYPE *from = b + (long)product * batch_b;
    if (turned) {
      from += (long)panel * width * ldb + first;
      for (int x = 0; x < cols; x++)
        for (int p = 0; p < rows; p++) to[p * width + x] = OF_TYPE(LOAD, B_TYPE)(from, (long)x * ldb + p);
    } else {
      from += (long)first * ldb + panel * width;
      for (int p = 0; p < rows; p++)
        for (int x = 0; x < cols; x++) to[p * width + x] = OF_TYPE(LOAD, B_TYPE)(from, (long)p * ldb + x);
    }
    for (int p = 0; p < rows; p++)
      for (int x = cols; x < width; x++) to[p * width + x] = 0.0f;
  }
}
