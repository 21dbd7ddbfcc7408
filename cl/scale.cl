/* Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), for activations that are kept in half precision.
 *
 * The loss, and with it every gradient, is multiplied by a power of two, so that small gradients are not lost. Where
 * they overflow, the step makes no update and the scale is halved; after INTERVAL good steps it is doubled.
 * scaler [4]: the scale; good steps since it last changed, an int; 1 - beta1^t and 1 - beta2^t after t updates: the
 * corrections of Adam (cl/optimizer.cl), which must not count steps without an update.
 *
 * begin:  the step's scale goes into step_state.
 * check:  bad [groups] is 1 where a group met a gradient that is not finite, else 0; gradients [n].
 * end:    from that, step_state's `finite` and corrections, and the next step's scale. rest1, rest2: 1 - beta. */

#define INTERVAL 2000
#define LARGEST 16777216.0f /* 2^24 */

typedef struct {
  float scale;
  int good;
  float correction1, correction2;
} scaler_state;

kernel void scale_begin(IN(int, scaler), OUT(int, state)) {
  OPEN_IN(int, scaler);
  OPEN_OUT(int, state);
  if (get_global_id(0) != 0) return;
  ((__global step_state *)state)->scale = ((__global const scaler_state *)scaler)->scale;
}

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void scale_check(IN(float, gradients), OUT(int, bad),
                                                                        const int n, const int groups) {
  OPEN_IN(float, gradients);
  OPEN_OUT(int, bad);
  __local float scratch[WG];
  const int me = (int)get_local_id(0);
  FOR_ITEMS(group, groups) {
    float found = 0.0f;
    for (int i = group * WG + me; i < n; i += groups * WG) found = isfinite(gradients[i]) ? found : 1.0f;
    found = group_sum(found, scratch);
    if (me == 0) bad[group] = found > 0.0f;
  }
}

kernel void scale_end(IN(int, bad), const int groups, const float rest1, const float rest2, OUT(int, scaler),
                      OUT(int, state)) {
  OPEN_IN(int, bad);
  OPEN_OUT(int, scaler);
  OPEN_OUT(int, state);
  if (get_global_id(0) != 0) return;
  __global scaler_state *s = (__global scaler_state *)scaler;
  __global step_state *step = (__global step_state *)state;
  int finite = 1;
  for (int i = 0; i < groups; i++) finite = bad[i] ? 0 : finite;
  if (finite) {
    s->correction1 += (1.0f - s->correction1) * rest1;
    s->correction2 += (1.0f - s->correction2) * rest2;
    s->good++;
  } else {
    s->scale /= 2.0f;
    s->good = 0;
  }
  if (s->good == INTERVAL && s->scale < LARGEST) {
    s->scale *= 2.0f;
    s->good = 0;
  }
  step->finite = finite;
  step->correction1 = s->correction1;
  step->correction2 = sqrt(s->correction2);
}
