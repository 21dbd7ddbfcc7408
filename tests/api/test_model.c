/* The public header: its models are the command line's, bit for bit; what cannot be is said at the build; weights go
 * out and in. */
#include <math.h>

#include "layers/harness.h"
#include "model/architecture.h"
#include "model/feed.h"

enum { BATCH = 6, COUNT = 15, SIDE = 8, CHANNELS = 3, IMAGE = CHANNELS * SIDE * SIDE, CLASSES = 5 };

static uint8_t images[COUNT * IMAGE];
static int32_t labels[COUNT];

static void fill_data(void) {
  for (int i = 0; i < COUNT * IMAGE; i++) images[i] = (uint8_t)(i / IMAGE * 41 + i % IMAGE * 7 + i % IMAGE / 50);
  for (int n = 0; n < COUNT; n++) labels[n] = n * 3 % CLASSES;
}

static csa_model *new_model(void) {
  csa_model *m;
  assert_ok(csa_model_create(&m, test_device(), (csa_size){SIDE, SIDE, CHANNELS}));
  return m;
}

static csa_status build(csa_model *m) {
  return csa_model_build(m, &(csa_build){.batch = BATCH, .optimizer = CSA_ADAM, .lr = 1e-2f, .seed = 3});
}

/* The architectures of src/model, small, in the words of the public header. */
static void small_cnn(csa_model *m) {
  csa_node x = csa_input(m);
  x = csa_conv2d(m, x, "conv1", (csa_conv2d_config){.out = 8, .kernel = 3, .pad = 1, .relu = true});
  x = csa_nonlocal(m, x, "sa1", (csa_nonlocal_config){.reduction = 4});
  x = csa_conv2d(m, x, "conv2", (csa_conv2d_config){.out = 16, .kernel = 3, .pad = 1, .relu = true});
  x = csa_nonlocal(m, x, "sa2", (csa_nonlocal_config){.reduction = 4});
  csa_classifier(m, csa_linear(m, csa_global_average(m, x), "fc", (csa_linear_config){.out = CLASSES}));
}

static void small_vit(csa_model *m) {
  csa_node x = csa_patches(m, csa_input(m), (csa_patches_config){.patch = 2, .grid = true});
  x = csa_tokens(m, csa_linear(m, x, "patch_embedding", (csa_linear_config){.out = 12}), "");
  csa_node h = csa_layer_norm(m, x, "encoder.layers.0.0", (csa_layer_norm_config){.relu = true});
  const csa_attention_config attention = {.heads = 2, .class_only = true, .residual = csa_class_token(m, x)};
  x = csa_attention(m, h, "encoder.layers.0.2", attention);
  h = csa_layer_norm(m, x, "encoder.layers.0.3", (csa_layer_norm_config){.relu = true});
  h = csa_linear(m, h, "encoder.layers.0.5", (csa_linear_config){.out = 20});
  h = csa_layer_norm(m, h, "encoder.layers.0.6", (csa_layer_norm_config){.relu = true});
  x = csa_linear(m, h, "encoder.layers.0.8", (csa_linear_config){.out = 12, .residual = x});
  csa_classifier(m, csa_linear(m, x, "fc", (csa_linear_config){.out = CLASSES}));
}

/* Logits of the first batch by the graph that the command line would train. */
static void logits_of(const csa_architecture *a, float logits[BATCH * CLASSES]) {
  const csa_dataset format = {.channels = CHANNELS, .height = SIDE, .width = SIDE};
  const csa_split split = {images, labels, COUNT};
  csa_step_state state = {0};
  csa_graph *g;
  csa_feed *feed;
  assert_ok(csa_graph_create(&g, test_device(), (csa_graph_config){.batch = BATCH, .training = true}));
  assert_ok(csa_architecture_build(a, g));
  assert_ok(csa_schedule_prepare(g));
  assert_ok(csa_graph_initialize(g, 3));
  assert_ok(csa_feed_create(&feed, g, &format, &split, NULL, 0));
  assert_ok(csa_feed_batch(feed, 0, BATCH, &state));
  assert_ok(csa_schedule_forward(g));
  assert_ok(csa_tensor_download(test_device(), g->out, logits));
  csa_feed_destroy(feed);
  csa_graph_destroy(g);
}

static void test_same_models(void **unused) {
  (void)unused;
  const csa_architecture cnn = {
      "cnn",       .image = SIDE,  .channels = CHANNELS, .classes = CLASSES, .widths = {8, 16},
      .stages = 2, .reduction = 4, .attention = 3};
  const csa_architecture vit = {
      "vit",       .grid = true, .image = SIDE, .channels = CHANNELS, .classes = CLASSES, .patch = 2,
      .embed = 12, .heads = 2,   .layers = 1,   .hidden = 20,         .norm_relu = true};
  for (int i = 0; i < 2; i++) {
    float want[BATCH * CLASSES], got[BATCH * CLASSES];
    int32_t classes[BATCH];
    csa_model *m = new_model();
    (i == 0 ? small_cnn : small_vit)(m);
    assert_ok(build(m));
    assert_ok(csa_predict(m, images, BATCH, classes, got));
    logits_of(i == 0 ? &cnn : &vit, want);
    assert_memory_equal(got, want, sizeof want);
    csa_model_destroy(m);
  }
}

/* A short last batch counts what is in it; predictions do not depend on their place in a batch. */
static void test_learns_and_predicts(void **unused) {
  (void)unused;
  int32_t classes[COUNT], alone;
  float logits[COUNT * CLASSES], one[CLASSES], first = 0.0f, loss = 0.0f;
  csa_model *m = new_model();
  small_cnn(m);
  assert_ok(build(m));
  assert_true(csa_parameter_count(m) > 0);
  for (int step = 0; step < 150; step++) {
    assert_ok(csa_train_step(m, images, labels, BATCH - 1, step == 0 ? &first : NULL));
    assert_ok(csa_train_step(m, images + (BATCH - 1) * IMAGE, labels + BATCH - 1, BATCH, &loss));
  }
  assert_true(loss < 0.5f * first);
  assert_ok(csa_predict(m, images, COUNT, classes, logits));
  int right = 0;
  for (int n = 0; n < 2 * BATCH - 1; n++) right += classes[n] == labels[n];
  assert_true(right > BATCH);
  assert_ok(csa_predict(m, images + 8 * IMAGE, 1, &alone, one));
  assert_int_equal(alone, classes[8]);
  assert_memory_equal(one, logits + 8 * CLASSES, sizeof one);
  csa_model_destroy(m);
}

/* With a learning rate of 0 nothing moves. */
static void test_learning_rate(void **unused) {
  (void)unused;
  int32_t classes[BATCH];
  float before[BATCH * CLASSES], after[BATCH * CLASSES];
  csa_model *m = new_model();
  small_vit(m);
  assert_ok(build(m));
  assert_ok(csa_predict(m, images, BATCH, classes, before));
  csa_learning_rate(m, 0.0f);
  assert_ok(csa_train_step(m, images, labels, BATCH, NULL));
  assert_ok(csa_predict(m, images, BATCH, classes, after));
  assert_memory_equal(before, after, sizeof after);
  csa_learning_rate(m, 0.1f);
  assert_ok(csa_train_step(m, images, labels, BATCH, NULL));
  assert_ok(csa_predict(m, images, BATCH, classes, after));
  assert_memory_not_equal(before, after, sizeof after);
  csa_model_destroy(m);
}

/* Steps whose loss is not finite update nothing: the weights still load, as those that are NaN would not. */
static void test_numbers_gone_wrong(void **unused) {
  (void)unused;
  const char *path = test_path(test_folder(), "wrong.safetensors");
  float loss = 0.0f;
  csa_model *m = new_model();
  small_cnn(m);
  assert_ok(build(m));
  csa_learning_rate(m, 1e30f);
  for (int step = 0; step < 3; step++) assert_ok(csa_train_step(m, images, labels, BATCH, &loss));
  assert_false(isfinite(loss));
  assert_ok(csa_weights_save(m, path));
  assert_ok(csa_weights_load(m, path));
  csa_model_destroy(m);
}

static void test_weights(void **unused) {
  (void)unused;
  int32_t classes[BATCH];
  float trained[BATCH * CLASSES], loaded[BATCH * CLASSES];
  const char *path = test_path(test_folder(), "own.safetensors"), *bad = test_path(test_folder(), "bad.safetensors");
  csa_model *a = new_model(), *b = new_model(), *other = new_model();
  small_cnn(a);
  small_cnn(b);
  small_vit(other);
  assert_fails(CSA_USAGE, "not built", csa_weights_save(a, path));
  assert_ok(build(a));
  assert_ok(build(b));
  assert_ok(build(other));
  assert_ok(csa_train_step(a, images, labels, BATCH, NULL));
  assert_ok(csa_predict(a, images, BATCH, classes, trained));
  assert_ok(csa_weights_save(a, path));
  assert_ok(csa_weights_load(b, path));
  assert_ok(csa_predict(b, images, BATCH, classes, loaded));
  assert_memory_equal(trained, loaded, sizeof loaded);
  assert_ok(csa_weights_save(other, bad));
  assert_fails(CSA_INPUT, "bad.safetensors", csa_weights_load(b, bad));
  assert_ok(csa_predict(b, images, BATCH, classes, loaded));
  assert_memory_equal(trained, loaded, sizeof loaded);
  csa_model_destroy(a);
  csa_model_destroy(b);
  csa_model_destroy(other);
}

static void small_modern(csa_model *m) {
  csa_node x = csa_conv2d(m, csa_input(m), "conv1", (csa_conv2d_config){.out = 8, .kernel = 3, .pad = 1});
  x = csa_batch_norm(m, x, "bn1", (csa_batch_norm_config){.relu = true});
  csa_node h = csa_conv2d(m, x, "conv2", (csa_conv2d_config){.out = 8, .kernel = 3, .pad = 1});
  x = csa_batch_norm(m, h, "bn2", (csa_batch_norm_config){.relu = true, .residual = x});
  x = csa_dropout(m, csa_global_average(m, x), (csa_dropout_config){.rate = 0.5f});
  csa_classifier(m, csa_linear(m, x, "fc", (csa_linear_config){.out = CLASSES}));
}

/* Predictions are made with running statistics and without dropout, so that an image's do not depend on others; weight
 * files have the statistics; a step repeats bit for bit, and not with another seed. */
static void test_training_and_prediction(void **unused) {
  (void)unused;
  int32_t classes[BATCH];
  float logits[3][BATCH * CLASSES], one[CLASSES];
  const char *path = test_path(test_folder(), "modern.safetensors");
  csa_model *m[3];
  for (uint64_t i = 0; i < 3; i++) {
    m[i] = new_model();
    small_modern(m[i]);
    const csa_build b = {.batch = BATCH, .optimizer = CSA_ADAM, .lr = 1e-2f, .seed = i == 2 ? UINT64_C(1) << 32 : 0};
    assert_ok(csa_model_build(m[i], &b));
    if (i == 0) assert_ok(csa_weights_save(m[0], path));
    assert_ok(csa_weights_load(m[i], path));
    for (int step = 0; step < 2; step++) assert_ok(csa_train_step(m[i], images, labels, BATCH - step, NULL));
    assert_ok(csa_predict(m[i], images, BATCH, classes, logits[i]));
  }
  assert_int_equal(csa_parameter_count(m[0]), 8 * 9 * CHANNELS + 8 + 8 * 9 * 8 + 8 + 4 * 8 + 8 * CLASSES + CLASSES);
  assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
  assert_memory_not_equal(logits[0], logits[2], sizeof logits[0]);
  assert_ok(csa_predict(m[0], images + 2 * IMAGE, 1, classes, one));
  assert_memory_equal(one, logits[0] + 2 * CLASSES, sizeof one);
  assert_ok(csa_weights_save(m[0], path));
  assert_ok(csa_weights_load(m[2], path));
  assert_ok(csa_predict(m[2], images, BATCH, classes, logits[2]));
  assert_memory_equal(logits[0], logits[2], sizeof logits[0]);
  for (int i = 0; i < 3; i++) csa_model_destroy(m[i]);
}

static void same_name(csa_model *m) {
  const csa_node x = csa_linear(m, csa_input(m), "fc", (csa_linear_config){.out = 4});
  csa_linear(m, x, "fc", (csa_linear_config){.out = 4});
}
static void no_node(csa_model *m) { csa_max_pool(m, (csa_node){7}); }
static void bad_pad(csa_model *m) { csa_conv2d(m, csa_input(m), "c", (csa_conv2d_config){.out = 4, .kernel = 3}); }
static void bad_kernel(csa_model *m) {
  csa_conv2d_config config = {.out = 4, .kernel = 5, .pad = 2};
  csa_classifier(m, csa_global_average(m, csa_conv2d(m, csa_input(m), "c", config)));
}
static void relu_and_residual(csa_model *m) {
  csa_node x = csa_conv2d(m, csa_input(m), "a", (csa_conv2d_config){.out = 4, .kernel = 1});
  x = csa_conv2d(m, x, "b", (csa_conv2d_config){.out = 4, .kernel = 1, .relu = true, .residual = x});
  csa_classifier(m, csa_global_average(m, x));
}
static void residual_of_another_shape(csa_model *m) {
  const csa_node x = csa_input(m);
  csa_node y = csa_conv2d(m, x, "a", (csa_conv2d_config){.out = 4, .kernel = 3, .pad = 1, .residual = x});
  csa_classifier(m, csa_global_average(m, y));
}
static void no_classifier(csa_model *m) { csa_global_average(m, csa_input(m)); }
static void two_classifiers(csa_model *m) {
  const csa_node x = csa_global_average(m, csa_input(m));
  csa_classifier(m, x);
  csa_classifier(m, x);
}
static void layer_after_the_classifier(csa_model *m) {
  const csa_node x = csa_global_average(m, csa_input(m));
  csa_classifier(m, x);
  csa_linear(m, x, "fc", (csa_linear_config){.out = 4});
}
static void image_as_logits(csa_model *m) { csa_classifier(m, csa_max_pool(m, csa_input(m))); }
static void long_name(csa_model *m) {
  csa_linear(m, csa_input(m), "a name that is far too long to begin the name of any parameter in a file",
             (csa_linear_config){.out = 4});
}

/* The first failure is the one that the build reports, however much comes after it. */
static void test_models_that_cannot_be(void **unused) {
  (void)unused;
  static const struct {
    void (*make)(csa_model *);
    const char *text;
  } rows[] = {{same_name, "linear 'fc': another layer has that name"},
              {no_node, "pool '': its input is no node of this model"},
              {bad_pad, "conv2d 'c': kernel 3 takes pad 1, not 0"},
              {bad_kernel, "conv2d 'c'"},
              {relu_and_residual, "conv2d 'b': ReLU and a residual exclude each other"},
              {residual_of_another_shape, "conv2d 'a': the residual is not of the output's shape"},
              {no_classifier, "csa_classifier"},
              {two_classifiers, "the model has one already"},
              {layer_after_the_classifier, "csa_classifier"},
              {image_as_logits, "the logits are not one row an image"},
              {long_name, "at most 60 bytes"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    csa_model *m = new_model();
    rows[i].make(m);
    csa_fail(CSA_INPUT, "another sentence in between");
    assert_fails(CSA_USAGE, rows[i].text, build(m));
    csa_model_destroy(m);
  }
}

static void test_calls_that_cannot_be(void **unused) {
  (void)unused;
  int32_t wrong[BATCH] = {0, 0, 0, CLASSES}, classes[1];
  float loss;
  csa_model *m;
  assert_fails(CSA_USAGE, "0 x 8 x 3", csa_model_create(&m, test_device(), (csa_size){0, 8, 3}));
  assert_null(m);
  m = new_model();
  small_cnn(m);
  assert_fails(CSA_USAGE, "not built", csa_train_step(m, images, labels, 1, &loss));
  assert_fails(CSA_USAGE, "batch 0", csa_model_build(m, &(csa_build){.lr = 1.0f}));
  assert_fails(CSA_USAGE, "lr", csa_model_build(m, &(csa_build){.batch = 1, .lr = -1.0f}));
  assert_ok(build(m)); /* a wrong setting can be mended */
  assert_fails(CSA_USAGE, "built already", build(m));
  assert_fails(CSA_USAGE, "0 images", csa_train_step(m, images, labels, 0, &loss));
  assert_fails(CSA_USAGE, "7 images: must be from 1 to 6", csa_train_step(m, images, labels, BATCH + 1, &loss));
  assert_fails(CSA_INPUT, "labels[3]: 5", csa_train_step(m, images, wrong, BATCH, &loss));
  assert_fails(CSA_USAGE, "0 images", csa_predict(m, images, 0, classes, NULL));
  csa_model_destroy(m);
}

int main(void) {
  fill_data();
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_models),
                                     cmocka_unit_test(test_learns_and_predicts),
                                     cmocka_unit_test(test_learning_rate),
                                     cmocka_unit_test(test_numbers_gone_wrong),
                                     cmocka_unit_test(test_weights),
                                     cmocka_unit_test(test_training_and_prediction),
                                     cmocka_unit_test(test_models_that_cannot_be),
                                     cmocka_unit_test(test_calls_that_cannot_be)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
