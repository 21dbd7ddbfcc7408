/* Devices in use by several threads at once: each thread's models are those of a thread that is alone, bit for bit, and
 * its failures are its own. */
#include <pthread.h>

#include "clsattn.h"
#include "testing.h"

enum { THREADS = 3, BATCH = 4, SIDE = 8, CHANNELS = 3, CLASSES = 3 };

typedef struct {
  uint64_t seed;
  float logits[BATCH * CLASSES];
  csa_status status; /* of the first call that failed, and what it said */
  char error[512];
  char sentence[512]; /* of a failure that was wanted */
} worker;

static csa_status train(worker *w, csa_device *device) {
  static const int32_t labels[BATCH] = {0, 1, 2, 1};
  uint8_t images[BATCH * CHANNELS * SIDE * SIDE];
  int32_t classes[BATCH];
  csa_model *m = NULL;
  for (size_t i = 0; i < sizeof images; i++) images[i] = (uint8_t)(i * 7 + i / 50);
  csa_status status = csa_model_create(&m, device, (csa_size){SIDE, SIDE, CHANNELS});
  if (status == CSA_OK) {
    const csa_node x = csa_conv2d(m, csa_input(m), "conv", (csa_conv2d_config){.out = 8, .kernel = 3, .pad = 1});
    csa_classifier(m, csa_linear(m, csa_global_average(m, x), "fc", (csa_linear_config){.out = CLASSES}));
    status = csa_model_build(m, &(csa_build){.batch = BATCH, .optimizer = CSA_ADAM, .lr = 1e-2f, .seed = w->seed});
  }
  for (int step = 0; step < 20 && status == CSA_OK; step++) status = csa_train_step(m, images, labels, BATCH, NULL);
  if (status == CSA_OK) status = csa_predict(m, images, BATCH, classes, w->logits);
  csa_model_destroy(m);
  return status;
}

static void *work(void *arg) {
  worker *w = arg;
  csa_device *device = NULL, *none;
  char name[32];
  snprintf(name, sizeof name, "nobody%llu", (unsigned long long)w->seed);
  if (csa_device_open(&none, name) == CSA_OK) csa_device_close(none);
  w->status = csa_device_open(&device, NULL);
  snprintf(w->sentence, sizeof w->sentence, "%s", csa_last_error()); /* a success leaves it */
  if (w->status == CSA_OK) w->status = train(w, device);
  if (w->status != CSA_OK) snprintf(w->error, sizeof w->error, "%s", csa_last_error());
  csa_device_close(device);
  return NULL;
}

static void check(const worker *w) {
  char name[32];
  if (w->status != CSA_OK) fail_msg("%s", w->error);
  snprintf(name, sizeof name, "nobody%llu", (unsigned long long)w->seed);
  assert_non_null(strstr(w->sentence, name));
}

static void test_together(void **state) {
  (void)state;
  worker alone[THREADS], together[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    alone[i] = together[i] = (worker){.seed = (uint64_t)i};
    work(&alone[i]);
    check(&alone[i]);
  }
  assert_memory_not_equal(alone[0].logits, alone[1].logits, sizeof alone[0].logits);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &together[i]), 0);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (int i = 0; i < THREADS; i++) {
    check(&together[i]);
    assert_memory_equal(together[i].logits, alone[i].logits, sizeof alone[i].logits);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_together)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
