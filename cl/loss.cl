/* Softmax cross-entropy, the mean over the batch's active images. x [N, CLASSES] logits, labels [N].
 *
 * loss_forward:  loss_n = log sum_c exp(x_nc) - x_n,label;  dx = scale (softmax(x) - onehot(label)) / active, and 0
 * for images beyond the active ones; prediction_n = the first class with the largest logit. loss_collect:
 * history[slot] = {sum of loss_n, number of right predictions} over the active images, by one group. CLASSES: number of
 * classes. */

kernel void loss_forward(IN(storage, x), IN(int, labels), STATE(state), OUT(storage, dx), OUT(float, losses),
                         OUT(int, predictions), const int images) {
  OPEN_IN(storage, x);
  OPEN_IN(int, labels);
  OPEN_STATE(state);
  OPEN_OUT(storage, dx);
  OPEN_OUT(float, losses);
  OPEN_OUT(int, predictions);
  const int n = (int)get_global_id(0);
  if (n >= images) return;
  const int at = n * CLASSES, label = labels[n];
  int best = 0;
  for (int c = 1; c < CLASSES; c++)
    if (LOAD(x, at + c) > LOAD(x, at + best)) best = c;
  const float most = LOAD(x, at + best);
  float total = 0.0f;
  for (int c = 0; c < CLASSES; c++) total += exp(LOAD(x, at + c) - most);
  const float weight = n < state->active ? state->scale / (float)state->active : 0.0f;
  for (int c = 0; c < CLASSES; c++) {
    const float p = exp(LOAD(x, at + c) - most) / total;
    STORE(dx, at + c, (p - (c == label ? 1.0f : 0.0f)) * weight);
  }
  losses[n] = log(total) + most - LOAD(x, at + label);
  predictions[n] = best;
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void loss_collect(IN(float, losses), IN(int, predictions),
                                                                         IN(int, labels), STATE(state),
                                                                         OUT(float, history)) {
  OPEN_IN(float, losses);
  OPEN_IN(int, predictions);
  OPEN_IN(int, labels);
  OPEN_STATE(state);
  OPEN_OUT(float, history);
  __local float scratch[WG];
  const int me = (int)get_local_id(0);
  float sum = 0.0f, right = 0.0f; /* images that a float counts exactly */
  for (int n = me; n < state->active; n += WG) {
    sum += losses[n];
    right += predictions[n] == labels[n] ? 1.0f : 0.0f;
  }
  sum = group_sum(sum, scratch);
  right = group_sum(right, scratch);
  if (get_global_id(0) != 0) return;
  history[2 * state->slot] = sum;
  history[2 * state->slot + 1] = right;
}
