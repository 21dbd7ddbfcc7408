/* Guards every update: where a step's loss or gradients are not finite, step_state's `finite` says so, and the
 * optimizer leaves the parameters and its own state alone.
 *
 * check:  bad [groups] is 1 where a group met a gradient whose square is not finite, else 0; gradients [n]. Larger ones
 *         would make Adam's second moment infinite, and with it the parameter stay as it is for ever.
 * end:    from that, and from the step's sum of losses in history [slots, 2] where LOSS is defined, `finite`:
 *         1: update; 0: the gradients overflowed by the loss's scale (cl/scale.cl); -1: the numbers are wrong.
 *         guard [2]: steps with -1, and the first of them, counted from 1, or 0. With STOP defined nothing is updated
 *         from that one on, and all steps count as wrong: the host, which looks later, finds what it began with. */

typedef struct {
  int wrong, first;
} guard_state;

kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void guard_check(IN(float, gradients), OUT(int, bad),
                                                                        const int n, const int groups) {
  OPEN_IN(float, gradients);
  OPEN_OUT(int, bad);
  __local float scratch[WG];
  const int me = (int)get_local_id(0);
  FOR_ITEMS(group, groups) {
    float found = 0.0f;
    for (int i = group * WG + me; i < n; i += groups * WG) found = isfinite(gradients[i] * gradients[i]) ? found : 1.0f;
    found = group_sum(found, scratch);
    if (me == 0) bad[group] = found > 0.0f;
  }
}

kernel void guard_end(IN(int, bad), const int groups, IN(float, history), OUT(int, guard), OUT(int, state)) {
  OPEN_IN(int, bad);
  OPEN_IN(float, history);
  OPEN_OUT(int, guard);
  OPEN_OUT(int, state);
  if (get_global_id(0) != 0) return;
  __global guard_state *g = (__global guard_state *)guard;
  __global step_state *step = (__global step_state *)state;
  int finite = 1;
  for (int i = 0; i < groups; i++) finite = bad[i] ? 0 : finite;
  if (!finite && step->scale <= 1.0f) finite = -1;
#ifdef LOSS
  if (!isfinite(history[2 * step->slot])) finite = -1;
#endif
#ifdef STOP
  if (g->first != 0) finite = -1;
#endif
  step->finite = finite;
  if (finite >= 0) return;
  g->wrong++;
  if (g->first == 0) g->first = (int)step->step + 1;
}
