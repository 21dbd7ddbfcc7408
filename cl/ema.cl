/* An exponential moving average of the parameters w [n] (Polyak and Juditsky 1992; with the warm-up that is usual):
 * mean += (1 - d) (w - mean), d = min(decay, t / (10 + t)) in step t from 0, so that the first step sets it.
 *
 * update: after the optimizer, and with it left out.  swap: exchanges the two, for evaluation, and again to go on. */

kernel void ema_update(IN(float, w), OUT(float, mean), STATE(state), const int n, const float decay) {
  OPEN_IN(float, w);
  OPEN_OUT(float, mean);
  OPEN_STATE(state);
  const int i = (int)get_global_id(0);
  if (i >= n || (state->finite != 1 && state->step > 0)) return; /* what begins with w does so in any case */
  const float t = (float)state->step, d = fmin(decay, t / (10.0f + t));
  mean[i] = state->step == 0 ? w[i] : mean[i] + (1.0f - d) * (w[i] - mean[i]);
}

kernel void ema_swap(OUT(float, w), OUT(float, mean), const int n) {
  OPEN_OUT(float, w);
  OPEN_OUT(float, mean);
  const int i = (int)get_global_id(0);
  if (i >= n) return;
  const float kept = w[i];
  w[i] = mean[i];
  mean[i] = kept;
}
