/* Clipping of the gradients' norm (Pascanu et al. 2013, section 3.2), as PyTorch's clip_grad_norm_ does it: all
 * gradients of a step are multiplied by min(1, most / (norm + 1e-6)).
 *
 * squares: parts [groups] = sums of squares of gradients [n], each group's strided share in a fixed order.
 * factor:  the sum of all `count` parts, and from it step_state's `clip`; by one group. */

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void clip_squares(IN(float, gradients), OUT(float, parts),
                                                                         const int n, const int groups) {
  OPEN_IN(float, gradients);
  OPEN_OUT(float, parts);
  __local float scratch[WG];
  const int me = (int)get_local_id(0);
  FOR_ITEMS(group, groups) {
    float sum = 0.0f;
    for (int i = group * WG + me; i < n; i += groups * WG) sum += gradients[i] * gradients[i];
    sum = group_sum(sum, scratch);
    if (me == 0) parts[group] = sum;
  }
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void clip_factor(IN(float, parts), const int count,
                                                                        const float most, OUT(int, state)) {
  OPEN_IN(float, parts);
  OPEN_OUT(int, state);
  __local float scratch[WG];
  float sum = 0.0f;
  for (int i = (int)get_local_id(0); i < count; i += WG) sum += parts[i];
  sum = group_sum(sum, scratch);
  if (get_global_id(0) != 0) return;
  __global step_state *step = (__global step_state *)state;
  step->clip = fmin(1.0f, most / (sqrt(sum) / step->scale + 1e-6f));
}
