/* metrics.jsonl read back: what metrics.h writes comes out as it went in, and a line cut short is no error. */
#include "train/history.h"

#include <math.h>

#include "testing.h"
#include "train/metrics.h"

static const char *folder_with(const char *text) {
  const char *folder = test_folder();
  test_write(test_path(folder, "metrics.jsonl"), text, strlen(text));
  return folder;
}

static void test_round_trip(void **state) {
  (void)state;
  const char *folder = test_folder();
  csa_metrics *m = NULL;
  csa_history h;
  assert_ok(csa_metrics_open(&m, test_path(folder, "metrics.jsonl"), 0));
  assert_ok(csa_metrics_append(m, &(csa_metrics_row){.step = 7, .epoch = 1, .train_loss = 1.0 / 3.0, .lr = 0.1}));
  assert_ok(csa_metrics_append(
      m, &(csa_metrics_row){.epoch_end = true, .step = 9, .epoch = 1, .test_loss = 0.7, .test_accuracy = 0.1}));
  csa_metrics_close(m);
  assert_ok(csa_history_read(&h, folder));
  assert_int_equal(h.count, 2);
  assert_false(h.rows[0].epoch_end);
  assert_int_equal(h.rows[0].step, 7);
  assert_true(h.rows[0].figure[CSA_OF_TRAIN_LOSS] == 1.0 / 3.0 && h.rows[0].figure[CSA_OF_LR] == 0.1);
  assert_true(isnan(h.rows[0].figure[CSA_OF_TEST_LOSS]));
  assert_ptr_equal(csa_history_last(&h), &h.rows[1]);
  assert_true(h.rows[1].figure[CSA_OF_TEST_LOSS] == 0.7 && h.rows[1].figure[CSA_OF_TEST_ACCURACY] == 0.1);
  csa_history_fini(&h);
}

static void test_odd_lines(void **state) {
  (void)state;
  csa_history h;
  assert_ok(csa_history_read(&h, folder_with("{\"type\":\"note\",\"step\":1,\"epoch\":1}\n"
                                             "{\"type\":\"interval\",\"step\":2,\"epoch\":1,\"train_loss\":2}\n"
                                             "{\"type\":\"epoch\",\"step\":3,\"ep")));
  assert_int_equal(h.count, 1);
  assert_int_equal(h.rows[0].step, 2);
  assert_null(csa_history_last(&h));
  csa_history_fini(&h);
  assert_ok(csa_history_read(&h, folder_with("")));
  assert_int_equal(h.count, 0);
  csa_history_fini(&h);
  assert_fails(CSA_INPUT, "line 1", csa_history_read(&h, folder_with("{\"type\":3}\n")));
  assert_fails(CSA_INPUT, "line 2",
               csa_history_read(&h, folder_with("{\"type\":\"epoch\",\"step\":3,\"epoch\":1}\n{]\n")));
  assert_fails(CSA_INPUT, "No such file", csa_history_read(&h, "/nowhere"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_odd_lines)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
