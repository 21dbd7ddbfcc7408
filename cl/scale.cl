/* Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), for activations that are kept in half precision.
 *
 * The loss, and with it every gradient, is multiplied by a power of two, so that small gradients are not lost. Where
 * they overflow, the step makes no update and the scale is halved; after INTERVAL good steps it is doubled.
 * scaler [4]: the scale; good steps since it last changed, an int; 1 - beta1^t and 1 - beta2^t after t updates: the
 * corrections of Adam (cl/optimizer.cl), which must not count steps without an update.
 *
 * begin:  the step's scale goes into step_state.
 * end:    from step_state's `finite` (cl/guard.cl) the corrections, and the next step's scale, which stays as it is
 *         where no scale would have helped, and stops at LARGEST. rest1, rest2: 1 - beta. */

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

kernel void scale_end(const float rest1, const float rest2, OUT(int, scaler), OUT(int, state)) {
  OPEN_OUT(int, scaler);
  OPEN_OUT(int, state);
  if (get_global_id(0) != 0) return;
  __global scaler_state *s = (__global scaler_state *)scaler;
  __global step_state *step = (__global step_state *)state;
  if (step->finite == 1) {
    s->correction1 += (1.0f - s->correction1) * rest1;
    s->correction2 += (1.0f - s->correction2) * rest2;
    s->good++;
  } else if (step->finite == 0) {
    s->scale /= 2.0f;
    s->good = 0;
  }
  if (s->good == INTERVAL && s->scale < LARGEST) {
    s->scale *= 2.0f;
    s->good = 0;
  }
  step->correction1 = s->correction1;
  step->correction2 = sqrt(s->correction2);
}
