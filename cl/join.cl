/* c = a + b, element by element: the gradient of a tensor that two layers read. */

kernel void join_add(IN(storage, a), IN(storage, b), OUT(storage, c), const int n) {
  OPEN_IN(storage, a);
  OPEN_IN(storage, b);
  OPEN_OUT(storage, c);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  STORE(c, i, LOAD(a, i) + LOAD(b, i));
}
