/* The self-test of what stands around the layers: batches, the loss, optimizers. */
#include <math.h>
#include <stdlib.h>

#include "core/half.h"
#include "core/rng.h"
#include "model/feed.h"
#include "model/guard.h"
#include "model/scaler.h"
#include "reference/reference.h"
#include "selftest/cases.h"

enum { BATCH = 7, ACTIVE = 5, SLOT = 3, IMAGES = 37, SEED = 11, STEP = 5 };

/* A graph of which only the input and what the loss brings is used; nothing is recorded on it. */
static csa_status make_graph(csa_graph **graph, csa_device *device, csa_choices choices, csa_shape input,
                             float smoothing) {
  const csa_graph_config config = {.choices = choices,
                                   .batch = BATCH,
                                   .training = true,
                                   .keep_all = true,
                                   .input_gradient = true,
                                   .smoothing = smoothing};
  CSA_TRY(csa_graph_create(graph, device, config));
  csa_graph_loss(*graph, csa_graph_input(*graph, input));
  return (*graph)->status;
}

static uint8_t byte_of(int64_t i) { return (uint8_t)(i * 7 + i / 256 * 13); }

/* By the definition (data/augment.h). */
static double pixel_of(const uint8_t *plane, const csa_augment *a, const csa_augment_draw *draw, int side, int y,
                       int x) {
  const int top = draw->hole_y - a->cutout / 2, left = draw->hole_x - a->cutout / 2;
  if (y >= top && y < top + a->cutout && x >= left && x < left + a->cutout) return 0.0;
  const int from_y = y + draw->down, from_x = (draw->flip ? side - 1 - x : x) + draw->right;
  const bool inside = from_y >= 0 && from_y < side && from_x >= 0 && from_x < side;
  return ((inside ? (double)plane[from_y * side + from_x] : 0.0) / 255.0 - 0.5) / 0.5;
}

/* Images beyond the active ones are zeros. */
static csa_status compare_batch(csa_ledger *ledger, const csa_graph *g, const csa_feed *feed, const int32_t *order,
                                const uint8_t *images, int side, int64_t channels, const csa_augment *augment) {
  const int64_t pixels = (int64_t)side * side, count = csa_elements(g->input->shape), image = pixels * channels;
  double *got = NULL, *want = NULL;
  csa_status status;
  CSA_GO(csa_new(&want, (size_t)count, sizeof *want));
  CSA_GO(csa_tensor_read_doubles(g->device, g->input, &got));
  for (int n = 0; n < ACTIVE; n++) {
    const csa_augment_draw draw = csa_augment_of(augment, SEED, STEP, n, side, side);
    for (int64_t i = 0; i < image; i++) {
      const int pixel = (int)(i / channels);
      const uint8_t *plane = images + order[n] * image + i % channels * pixels;
      want[n * image + i] = pixel_of(plane, augment, &draw, side, pixel / side, pixel % side);
    }
  }
  status = csa_ledger_probe(ledger, csa_feed_plan(feed), g->input, csa_difference(got, want, count, NULL),
                            g->input->dtype == CSA_F16 ? CSA_TRIAL_HALF_TOLERANCE : 1e-6,
                            "%lld pixels of %lld channels", (long long)pixels, (long long)channels);
done:
  free(got), free(want);
  return status;
}

static csa_status compare_labels(csa_ledger *ledger, const csa_graph *g, const csa_feed *feed, const int32_t *order) {
  int32_t labels[BATCH];
  int wrong = 0;
  CSA_TRY(csa_tensor_download(g->device, g->labels, labels));
  for (int n = 0; n < BATCH; n++) wrong += labels[n] != (n < ACTIVE ? order[n] + 1 : 0);
  return csa_ledger_probe(ledger, csa_feed_plan(feed), g->labels, (double)wrong, 0.0, "labels");
}

csa_status csa_selftest_gather(csa_ledger *ledger, csa_device *device, csa_choices choices, int image, int channels,
                               const csa_augment *augment) {
  const int64_t pixels = (int64_t)image * image, bytes = IMAGES * pixels * channels;
  const csa_dataset dataset = {.channels = channels, .height = image, .width = image, .classes = IMAGES};
  csa_step_state state = {.seed = {SEED}, .step = STEP, .training = 1};
  int32_t labels[IMAGES], order[IMAGES];
  uint8_t *images = NULL;
  csa_graph *g = NULL;
  csa_feed *feed = NULL;
  csa_status status;
  CSA_GO(csa_new(&images, (size_t)bytes, 1));
  for (int64_t i = 0; i < bytes; i++) images[i] = byte_of(i);
  for (int i = 0; i < IMAGES; i++) {
    labels[i] = i + 1;
    order[i] = i * 5 % IMAGES;
  }
  const csa_split split = {images, labels, IMAGES};
  CSA_GO(make_graph(&g, device, choices, csa_shape2(BATCH, pixels * channels), 0.0f));
  CSA_GO(csa_schedule_prepare(g));
  CSA_GO(csa_feed_create(&feed, g, &dataset, &split, augment, 0));
  CSA_GO(csa_feed_order(feed, order, IMAGES));
  CSA_GO(csa_feed_batch(feed, IMAGES - ACTIVE, ACTIVE, &state));
  CSA_GO(csa_ledger_use(ledger, csa_feed_plan(feed)));
  CSA_GO(compare_batch(ledger, g, feed, order + IMAGES - ACTIVE, images, image, channels, augment));
  status = compare_labels(ledger, g, feed, order + IMAGES - ACTIVE);
done:
  csa_feed_destroy(feed);
  csa_graph_destroy(g);
  free(images);
  return status;
}

static csa_status compare_history(csa_ledger *ledger, const csa_graph *g, double mean, int64_t correct, int classes) {
  float row[2];
  CSA_TRY(csa_tensor_download_part(g->device, g->history, 2 * SLOT, 2, row));
  const double loss = (double)row[0] / ACTIVE, right = (double)row[1], want = (double)correct;
  CSA_TRY(csa_ledger_probe(ledger, g->plan, g->history, csa_difference(&loss, &mean, 1, NULL), 2e-6,
                           "the loss, %d classes", classes));
  return csa_ledger_probe(ledger, g->plan, g->history, fabs(right - want), 0.0, "right predictions, %d classes",
                          classes);
}

static csa_status compare_loss(csa_ledger *ledger, csa_graph *g, const double *logits, const int32_t *labels,
                               int classes) {
  const csa_ref_loss s = {BATCH, classes, ACTIVE, (double)g->config.smoothing};
  const csa_tensor *gradient = g->layers[0].saved[CSA_LOSS_GRADIENT];
  const int64_t count = (int64_t)BATCH * classes;
  double *got = NULL, *want = NULL;
  float scale;
  int64_t correct = 0;
  csa_status status;
  CSA_GO(csa_new(&want, (size_t)count, sizeof *want));
  CSA_GO(csa_tensor_read_doubles(g->device, gradient, &got));
  csa_ref_loss_backward(&s, logits, labels, want);
  CSA_GO(csa_schedule_scale(g, &scale));
  for (int64_t i = 0; i < count; i++) got[i] /= (double)scale;
  CSA_GO(csa_ledger_probe(ledger, g->plan, gradient, csa_difference(got, want, count, NULL),
                          gradient->dtype == CSA_F16 ? CSA_TRIAL_HALF_TOLERANCE : 1e-6, "the gradient, %d classes",
                          classes));
  const double mean = csa_ref_loss_forward(&s, logits, labels, &correct);
  status = compare_history(ledger, g, mean, correct, classes);
done:
  free(got), free(want);
  return status;
}

csa_status csa_selftest_loss(csa_ledger *ledger, csa_device *device, csa_choices choices, int classes,
                             float smoothing) {
  const csa_rng rng = {3, CSA_RNG_TEST, 0};
  const int64_t count = (int64_t)BATCH * classes;
  const csa_step_state state = {.active = ACTIVE, .slot = SLOT, .training = 1};
  int32_t labels[BATCH];
  double *logits = NULL;
  csa_graph *g = NULL;
  csa_status status;
  CSA_GO(csa_new(&logits, (size_t)count, sizeof *logits));
  for (int64_t i = 0; i < count; i++)
    logits[i] = (double)csa_half_to_float(csa_half_from_float(2.0f * csa_rng_normal(&rng, (uint64_t)i)));
  for (int i = 0; i < BATCH; i++) labels[i] = i * 3 % classes;
  for (int i = 0; i < BATCH; i += 2) logits[i * classes + labels[i]] = 8.0; /* every other prediction is right */
  CSA_GO(make_graph(&g, device, choices, csa_shape2(BATCH, classes), smoothing));
  CSA_GO(csa_graph_record(g));
  CSA_GO(csa_schedule_prepare(g));
  CSA_GO(csa_tensor_write_doubles(device, g->input, logits));
  CSA_GO(csa_tensor_upload(device, g->labels, labels));
  CSA_GO(csa_schedule_state(g, &state));
  CSA_GO(csa_schedule_micro_step(g));
  status = compare_loss(ledger, g, logits, labels, classes);
done:
  csa_graph_destroy(g);
  free(logits);
  return status;
}

enum { STEPS = 3, INPUTS = 7, OUTPUTS = 43 };

/* Gradients of very different sizes, down to where epsilon counts; some are 0. */
static double gradient_of(int64_t i, int64_t step) {
  const csa_rng rng = {4, CSA_RNG_TEST, (uint32_t)step};
  return i % 11 == 10 ? 0.0 : (double)(float)(pow(10.0, (double)-(i % 10)) * (double)csa_rng_normal(&rng, (uint64_t)i));
}

/* Parameters and moments of both sides. */
typedef struct {
  csa_graph *graph;
  csa_optimizer optimizer;
  csa_ref_optimizer reference;
  int64_t count, trained; /* running statistics come last, and are not trained */
  double *w, *dw, *first, *second, *mean;
} updates;

/* The gradients of a step, and what it saw of the statistics, which no scale of the loss changes. */
static void draw_gradients(updates *u, int64_t step, float scale) {
  for (int64_t i = 0; i < u->count; i++) u->dw[i] = (i < u->trained ? (double)scale : 1.0) * gradient_of(i, step);
}

/* Weight decay is the reference's for the weight, which comes first; for the others it may be left out. */
static void reference_step(updates *u, int64_t step) {
  const csa_optimizer_config *c = &u->optimizer.config;
  const int64_t bias = u->graph->parameters.list[1].value->start;
  csa_ref_optimizer rest = u->reference;
  if (c->decay == CSA_DECAY_WEIGHTS) rest.weight_decay = 0.0;
  if (c->clip_norm > 0.0f) csa_ref_clip((double)c->clip_norm, u->trained, u->dw);
  csa_ref_optimizer_step(&u->reference, step, bias, u->dw, u->w, u->first, u->second);
  csa_ref_optimizer_step(&rest, step, u->trained - bias, u->dw + bias, u->w + bias, u->first + bias, u->second + bias);
  for (int64_t i = u->trained; i < u->count; i++) u->w[i] += (double)CSA_BUFFER_MOMENTUM * (u->dw[i] - u->w[i]);
  csa_ref_ema((double)c->ema, step, u->count, u->w, u->mean);
}

static csa_status take_steps(updates *u) {
  csa_device *device = u->graph->device;
  CSA_TRY(csa_tensor_write_doubles(device, u->graph->parameters.values, u->w));
  for (int64_t step = 1; step <= STEPS; step++) {
    csa_step_state state = {.active = 2};
    float scale;
    csa_optimizer_step(&u->optimizer, step, &state);
    CSA_TRY(csa_schedule_state(u->graph, &state));
    CSA_TRY(csa_schedule_micro_step(u->graph)); /* with halves: the step's scale */
    CSA_TRY(csa_schedule_scale(u->graph, &scale));
    draw_gradients(u, step, scale);
    CSA_TRY(csa_tensor_write_doubles(device, u->graph->parameters.gradients, u->dw));
    CSA_TRY(csa_schedule_update(u->graph));
    draw_gradients(u, step, 1.0f);
    reference_step(u, step);
  }
  return CSA_OK;
}

/* A step whose gradients and loss are fine but for these, and what the guard should say of it. */
static csa_status guarded_step(updates *u, csa_ledger *ledger, int64_t step, float gradient, float loss, int finite) {
  csa_device *device = u->graph->device;
  csa_step_state state = {.active = 2};
  float scale;
  csa_optimizer_step(&u->optimizer, step, &state);
  CSA_TRY(csa_schedule_state(u->graph, &state));
  CSA_TRY(csa_schedule_micro_step(u->graph));
  CSA_TRY(csa_schedule_scale(u->graph, &scale));
  draw_gradients(u, step, scale);
  u->dw[u->count / 2] = (double)gradient;
  CSA_TRY(csa_tensor_write_doubles(device, u->graph->parameters.gradients, u->dw));
  CSA_TRY(csa_tensor_upload_part(device, u->graph->history, 0, 1, &loss));
  CSA_TRY(csa_schedule_update(u->graph));
  CSA_TRY(csa_tensor_download_part(device, u->graph->plan->step, 0, sizeof state / sizeof(cl_int), &state));
  return csa_ledger_probe(ledger, u->graph->plan, u->graph->plan->step, state.finite == finite ? 0.0 : 1.0, 0.0,
                          "guard: step %d is %d, not %d", (int)step, state.finite, finite);
}

/* Gradients, and then a loss, that are not finite; and where the guard stops, a good step, which comes too late. With a
 * scale of the loss the first is what the scale made of it. */
static csa_status take_wrong_steps(updates *u, csa_ledger *ledger) {
  const bool stop = u->optimizer.config.stop, scaled = u->graph->scaler != NULL;
  const csa_guard_state wanted = {.wrong = 1 + !scaled + stop, .first = scaled ? STEPS + 2 : STEPS + 1};
  csa_guard_state got;
  CSA_TRY(guarded_step(u, ledger, STEPS + 1, NAN, 1.0f, scaled ? 0 : -1));
  CSA_TRY(guarded_step(u, ledger, STEPS + 2, 1.0f, INFINITY, -1));
  if (stop) CSA_TRY(guarded_step(u, ledger, STEPS + 3, 1.0f, 1.0f, -1));
  CSA_TRY(csa_guard_get(u->graph, &got));
  const bool same = got.wrong == wanted.wrong && got.first == wanted.first;
  return csa_ledger_probe(ledger, u->graph->plan, u->graph->guard, same ? 0.0 : 1.0, 0.0,
                          "guard: %d wrong steps from %d on, not %d from %d", got.wrong, got.first, wanted.wrong,
                          wanted.first);
}

static csa_status compare_state(csa_ledger *ledger, const updates *u, const csa_tensor *tensor, const double *want,
                                double tolerance, const char *what) {
  double *got = NULL;
  if (tensor == NULL) return CSA_OK;
  csa_status status = csa_tensor_read_doubles(u->graph->device, tensor, &got);
  if (status == CSA_OK)
    status = csa_ledger_probe(ledger, u->graph->plan, tensor, csa_difference(got, want, u->count, NULL), tolerance,
                              "%s: %s after %d steps", csa_optimizer_names[u->optimizer.config.kind], what, STEPS);
  free(got);
  return status;
}

/* Afterwards the parameters are what the average was. */
static csa_status swap(csa_ledger *ledger, const updates *u) {
  const csa_tensor *values = u->graph->parameters.values;
  csa_plan *plan = NULL;
  double *got = NULL;
  csa_status status;
  CSA_GO(csa_plan_create(&plan, u->graph->device, u->graph->plan->choices));
  CSA_GO(csa_optimizer_record_swap(plan, &u->optimizer, u->graph));
  CSA_GO(csa_plan_place(plan));
  CSA_GO(csa_plan_bind(plan));
  CSA_GO(csa_plan_run(plan, 0, plan->node_count));
  CSA_GO(csa_tensor_read_doubles(u->graph->device, values, &got));
  status = csa_ledger_probe(ledger, plan, values, csa_difference(got, u->mean, u->count, NULL), 3e-6, "exchange");
done:
  free(got);
  csa_plan_destroy(plan);
  return status;
}

static csa_status update(updates *u, csa_ledger *ledger, csa_device *device, csa_choices choices,
                         csa_optimizer_config config) {
  const csa_rng rng = {5, CSA_RNG_TEST, 0};
  const csa_graph_config graph = {.choices = choices, .batch = 2, .training = true};
  CSA_TRY(csa_graph_create(&u->graph, device, graph));
  csa_tensor *x = csa_graph_input(u->graph, csa_shape2(2, INPUTS));
  x = csa_graph_add(u->graph, &csa_layer_linear, (csa_layer_config){.out = OUTPUTS}, x, NULL, "fc");
  csa_graph_add(u->graph, &csa_layer_batchnorm, (csa_layer_config){0}, x, NULL, "bn");
  CSA_TRY(u->graph->status);
  CSA_TRY(
      csa_plan_tensor(u->graph->plan, CSA_DATA, CSA_F32, csa_shape2(CSA_HISTORY, 2), &u->graph->history, "history"));
  CSA_TRY(csa_scaler_begin(u->graph));
  CSA_TRY(csa_optimizer_record(&u->optimizer, u->graph, config)); /* of the layers only the parameters are wanted */
  CSA_TRY(csa_schedule_prepare(u->graph));
  u->count = csa_elements(u->graph->parameters.values->shape);
  u->trained = u->graph->parameters.list[4].value->start;
  double **const all[] = {&u->w, &u->dw, &u->first, &u->second, &u->mean};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) CSA_TRY(csa_new(all[i], (size_t)u->count, sizeof(double)));
  for (int64_t i = 0; i < u->count; i++) u->w[i] = (double)csa_rng_normal(&rng, (uint64_t)i);
  CSA_TRY(take_steps(u));
  CSA_TRY(take_wrong_steps(u, ledger));
  CSA_TRY(compare_state(ledger, u, u->optimizer.first, u->first, 1e-6, "first moment"));
  CSA_TRY(compare_state(ledger, u, u->optimizer.second, u->second, 2e-6, "second moment"));
  CSA_TRY(compare_state(ledger, u, u->optimizer.mean, u->mean, 3e-6, "moving average"));
  CSA_TRY(compare_state(ledger, u, u->graph->parameters.values, u->w, 3e-6, "parameters"));
  return u->optimizer.mean != NULL ? swap(ledger, u) : CSA_OK;
}

csa_status csa_selftest_optimizer(csa_ledger *ledger, csa_device *device, csa_choices choices,
                                  const csa_optimizer_config *like) {
  updates u = {.reference = {.kind = (csa_ref_optimizer_kind)like->kind,
                             .lr = 0.125,
                             .weight_decay = 0.0625,
                             .beta1 = 0.9,
                             .beta2 = 0.999,
                             .epsilon = 1e-8,
                             .momentum = 0.9}};
  const csa_optimizer_config config = {.kind = like->kind,
                                       .lr = (float)u.reference.lr,
                                       .weight_decay = (float)u.reference.weight_decay,
                                       .decay = like->decay,
                                       .clip_norm = like->clip_norm > 0.0f ? 0.5f : 0.0f,
                                       .ema = like->ema > 0.0f ? 0.125f : 0.0f,
                                       .stop = like->stop};
  const csa_status status = update(&u, ledger, device, choices, config);
  csa_graph_destroy(u.graph);
  free(u.w), free(u.dw), free(u.first), free(u.second), free(u.mean);
  return status;
}
