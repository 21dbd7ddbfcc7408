/* Softmax cross-entropy, the mean over the step's images. x [N, CLASSES] logits, labels [N].
 *
 * loss_forward: loss_n = log sum_c exp(x_nc) - x_n,label;  dx = scale (softmax(x) - onehot(label)) / images, where
 *               `images` are all of the step's, of which this batch may be a part; 0 beyond the active images;
 *               prediction_n = the first class with the largest logit, of those that are numbers.
 * loss_collect: history[slot] = {sum of loss_n, number of right predictions} over the active images, by one group; a
 *               part of a step after the first adds to what is there.
 *
 * SMOOTHING e, where defined, takes the place of the label by (1 - e) onehot(label) + e / CLASSES in training (Szegedy
 * et al. 2016, section 7): loss_n = log sum_c exp(x_nc) - (1 - e) x_n,label - e mean_c x_nc. Evaluation keeps the
 * label.
 *
 * A row of logits belongs to ROW_ITEMS work-items, as in common.clh. CLASSES: number of classes, up to 2^24. */

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void loss_forward(IN(storage, x), IN(int, labels), STATE(state),
                                                                         OUT(storage, dx), OUT(float, losses),
                                                                         OUT(int, predictions), const int images) {
  OPEN_IN(storage, x);
  OPEN_IN(int, labels);
  OPEN_STATE(state);
  OPEN_OUT(storage, dx);
  OPEN_OUT(float, losses);
  OPEN_OUT(int, predictions);
  __local float scratch[WG];
  const int me = (int)get_local_id(0), item = me % ROW_ITEMS;
  FOR_ITEMS(turn, (images + GROUP_ROWS - 1) / GROUP_ROWS) {
    const int n = turn * GROUP_ROWS + me / ROW_ITEMS, inside = min(n, images - 1); /* items beyond the last repeat it */
    const int label = labels[inside];
    const long at = (long)inside * CLASSES;
    float own = -INFINITY, total = 0.0f, mean = 0.0f;
    int best = 0;
    for (int c = item; c < CLASSES; c += ROW_ITEMS) {
      const float logit = LOAD(x, at + c);
      if (logit > own) best = c;
      own = fmax(own, logit);
    }
    const float most = row_max(own, scratch);
    best = -(int)row_max(own == most ? (float)-best : -CLASSES, scratch);
    for (int c = item; c < CLASSES; c += ROW_ITEMS) total += exp(LOAD(x, at + c) - most);
    total = row_sum(total, scratch);
#ifdef SMOOTHING
    const float smoothing = state->training ? SMOOTHING : 0.0f;
    for (int c = item; c < CLASSES; c += ROW_ITEMS) mean += LOAD(x, at + c) - most; /* small, so that sums are exact */
    mean = row_sum(mean, scratch) / CLASSES + most;
#else
    const float smoothing = 0.0f;
#endif
    const float weight = state->scale / (float)state->images;
    for (int c = item; c < CLASSES && n < images; c += ROW_ITEMS) {
      const float p = exp(LOAD(x, at + c) - most) / total;
      const float d = (p - (c == label ? 1.0f - smoothing : 0.0f) - smoothing / CLASSES) * weight;
      STORE(dx, at + c, n < state->active ? d : 0.0f); /* d may be NaN there */
    }
    if (n < images && item == 0) {
      const float logit = LOAD(x, at + label);
      losses[n] = log(total) + most - (smoothing > 0.0f ? mix(logit, mean, smoothing) : logit);
      predictions[n] = best;
    }
  }
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
  __global float *row = history + 2 * state->slot;
  row[0] = (state->part > 0 ? row[0] : 0.0f) + sum;
  row[1] = (state->part > 0 ? row[1] : 0.0f) + right;
}
