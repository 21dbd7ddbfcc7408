/* What is measured as the device's peak: all of the work that is counted is done, in vectors that its registers hold.
 */
#include "device/peak.h"

#include <string.h>

#include "layers/harness.h"

#define CHAINS 12 /* of cl/peak.cl */

static csa_tensor *tensor_named(const csa_plan *plan, const char *name) {
  for (size_t i = 0; i < plan->tensor_count; i++)
    if (strcmp(plan->tensors[i]->name, name) == 0) return plan->tensors[i];
  fail_msg("no tensor %s", name);
  return NULL;
}

/* Each chain, c = 0.5 c + 1, ends at 2, so that an item's sum tells how many floats it had. */
static void test_multiply_add(void **state) {
  (void)state;
  csa_device *device = test_device();
  csa_peak peak;
  assert_ok(csa_peak_create(&peak, device));
  csa_tensor *out = tensor_named(peak.multiply_add, "out");
  const int items = (int)out->shape.dim[0], lanes = device->info.type == CSA_CPU ? csa_device_vector(&device->info) : 4;
  float *y = calloc((size_t)items, sizeof *y);
  assert_non_null(y);
  assert_ok(csa_tensor_upload(device, out, y));
  assert_ok(csa_plan_run(peak.multiply_add, 0, peak.multiply_add->node_count));
  assert_ok(csa_tensor_download(device, out, y));
  int whole = 0; /* items of whole groups */
  while (whole < items && y[whole] != 0.0f) assert_true(y[whole++] == 2.0f * CHAINS * (float)lanes);
  for (int i = whole; i < items; i++) assert_true(y[i] == 0.0f);
  const double of_a_round = 2.0 * CHAINS * lanes * whole, rounds = peak.flops / of_a_round;
  assert_true(whole > 0 && rounds >= 1000.0 && rounds == (double)(int)rounds);
  csa_peak_destroy(&peak);
  free(y);
}

static void test_copy(void **state) {
  (void)state;
  csa_device *device = test_device();
  csa_peak peak;
  assert_ok(csa_peak_create(&peak, device));
  const csa_tensor *from = tensor_named(peak.copy, "from"), *to = tensor_named(peak.copy, "to");
  const size_t bytes = (size_t)csa_tensor_bytes(from);
  char *x = malloc(bytes), *y = calloc(bytes, 1);
  assert_true(x != NULL && y != NULL && peak.bytes == 2.0 * (double)bytes);
  for (size_t i = 0; i < bytes; i++) x[i] = (char)(i % 251);
  assert_ok(csa_tensor_upload(device, from, x));
  assert_ok(csa_tensor_upload(device, to, y));
  assert_ok(csa_plan_run(peak.copy, 0, peak.copy->node_count));
  assert_ok(csa_tensor_download(device, to, y));
  assert_memory_equal(x, y, bytes);
  csa_peak_destroy(&peak);
  free(x), free(y);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_multiply_add), cmocka_unit_test(test_copy)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
