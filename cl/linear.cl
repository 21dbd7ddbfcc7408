/* The parts of a linear layer that are not matrix products.
 *
 * relu_backward: dz = 0 where y <= 0, else dy; y is the output of a linear or convolution layer, after ReLU. */

kernel void linear_relu_backward(IN(storage, dy), IN(storage, y), OUT(storage, dz), const int n) {
  OPEN_IN(storage, dy);
  OPEN_IN(storage, y);
  OPEN_OUT(storage, dz);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  STORE(dz, i, LOAD(y, i) <= 0.0f ? 0.0f : LOAD(dy, i));
}
