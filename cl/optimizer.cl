/* One update of all parameters, element by element; formulas as PyTorch states them. g is the gradient without the
 * loss's scale, clipped (cl/clip.cl), w the parameter. Without effect in a step whose numbers are not finite
 * (cl/guard.cl).
 *
 * adam:    g += decay * w (Adam; Kingma and Ba 2014), or w -= lr * decay * w (AdamW, DECOUPLED defined; Loshchilov and
 *          Hutter 2017);  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;
 *          w -= lr / (1-b1^t) * m / (sqrt(v) / sqrt(1-b2^t) + eps).
 *          The host makes rest = 1 - b in double, as a float b would leave few digits of it.
 * sgd:     g += decay * w;  m = momentum * m + g;  w -= lr * m.
 * buffers: w is no parameter, but a buffer (layers/layer.h); in place of a gradient it has what the step saw, which is
 *          neither scaled nor clipped: w = (1-momentum) w + momentum seen. */

kernel void optimizer_adam(OUT(float, w), IN(float, gradient), OUT(float, m), OUT(float, v), STATE(state), const int n,
                           const float beta1, const float rest1, const float beta2, const float rest2,
                           const float epsilon, const float decay) {
  OPEN_OUT(float, w);
  OPEN_IN(float, gradient);
  OPEN_OUT(float, m);
  OPEN_OUT(float, v);
  OPEN_STATE(state);
  const int i = (int)get_global_id(0);
  if (i >= n || state->finite != 1) return;
  const float lr = state->lr;
  float g = gradient[i] / state->scale * state->clip, weight = w[i];
#ifdef DECOUPLED
  weight -= lr * decay * weight;
#else
  g += decay * weight;
#endif
  const float first = beta1 * m[i] + rest1 * g;
  const float second = beta2 * v[i] + rest2 * g * g;
  m[i] = first;
  v[i] = second;
  w[i] = weight - lr / state->correction1 * first / (sqrt(second) / state->correction2 + epsilon);
}

kernel void optimizer_sgd(OUT(float, w), IN(float, gradient), OUT(float, m), STATE(state), const int n,
                          const float momentum, const float decay) {
  OPEN_OUT(float, w);
  OPEN_IN(float, gradient);
  OPEN_OUT(float, m);
  OPEN_STATE(state);
  const int i = (int)get_global_id(0);
  if (i >= n || state->finite != 1) return;
  const float velocity = momentum * m[i] + gradient[i] / state->scale * state->clip + decay * w[i];
  m[i] = velocity;
  w[i] -= state->lr * velocity;
}

kernel void optimizer_buffers(OUT(float, w), IN(float, seen), STATE(state), const int n, const float momentum) {
  OPEN_OUT(float, w);
  OPEN_IN(float, seen);
  OPEN_STATE(state);
  const int i = (int)get_global_id(0);
  if (i >= n || state->finite != 1) return;
  w[i] = (1.0f - momentum) * w[i] + momentum * seen[i];
}
