/* metrics.jsonl: lines that every JSON reader takes, and a file that is cut back to where a checkpoint was made. */
#include "train/metrics.h"

#include <jansson.h>
#include <math.h>

#include "core/file.h"
#include "testing.h"

static const csa_metrics_row interval = {
    .step = 200, .epoch = 1, .train_loss = 2.25, .lr = 0.001, .images_per_s = 1000.5, .seconds = 20.0};
static const csa_metrics_row epoch = {.epoch_end = true,
                                      .step = (int64_t)1 << 40,
                                      .epoch = 3,
                                      .train_loss = 1.0 / 3.0,
                                      .test_loss = 1e-30,
                                      .test_accuracy = 0.6812,
                                      .lr = 0.0,
                                      .images_per_s = 1e6,
                                      .seconds = 0.1};

static size_t file_size(const char *path) {
  uint8_t *data = NULL;
  size_t size = 0;
  assert_ok(csa_file_read(path, 1 << 20, &data, &size));
  free(data);
  return size;
}

static double number(const json_t *line, const char *key) {
  const json_t *value = json_object_get(line, key);
  if (!json_is_number(value)) fail_msg("%s is not a number", key);
  return json_number_value(value);
}

/* The line has the row's figures, digit for digit, and no other fields. */
static void assert_line(const char *text, const csa_metrics_row *row) {
  json_error_t error;
  json_t *line = json_loads(text, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
  if (line == NULL) fail_msg("%s: %s", text, error.text);
  const json_t *type = json_object_get(line, "type");
  assert_string_equal(json_string_value(type), row->epoch_end ? "epoch" : "interval");
  assert_int_equal(json_integer_value(json_object_get(line, "step")), row->step);
  assert_int_equal(json_integer_value(json_object_get(line, "epoch")), row->epoch);
  assert_true(number(line, "train_loss") == row->train_loss);
  assert_true(number(line, "lr") == row->lr);
  assert_true(number(line, "images_per_s") == row->images_per_s);
  assert_true(number(line, "seconds") == row->seconds);
  assert_int_equal(json_object_size(line), row->epoch_end ? 9 : 7);
  if (row->epoch_end) {
    assert_true(number(line, "test_loss") == row->test_loss);
    assert_true(number(line, "test_accuracy") == row->test_accuracy);
  }
  json_decref(line);
}

static void test_lines(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "metrics.jsonl");
  csa_metrics *m;
  int64_t length = -1;
  assert_ok(csa_metrics_open(&m, path, 0));
  assert_ok(csa_metrics_flush(m, &length));
  assert_int_equal(length, 0);
  assert_ok(csa_metrics_append(m, &interval));
  assert_ok(csa_metrics_append(m, &epoch));
  assert_ok(csa_metrics_flush(m, &length));
  assert_int_equal(length, file_size(path));
  csa_metrics_close(m);
  uint8_t *data = NULL;
  size_t size = 0;
  assert_ok(csa_file_read(path, 1 << 20, &data, &size));
  char *second = strchr((char *)data, '\n');
  assert_non_null(second);
  assert_line((char *)data, &interval);
  assert_line(second + 1, &epoch);
  assert_ptr_equal(strchr(second + 1, '\n'), (char *)data + size - 1);
  free(data);
}

/* What was written after the checkpoint goes, and the new lines follow what stays. */
static void test_reopen(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "metrics.jsonl");
  csa_metrics *m;
  int64_t kept, whole, again;
  assert_ok(csa_metrics_open(&m, path, 0));
  assert_ok(csa_metrics_append(m, &interval));
  assert_ok(csa_metrics_flush(m, &kept));
  assert_ok(csa_metrics_append(m, &epoch));
  assert_ok(csa_metrics_flush(m, &whole));
  csa_metrics_close(m);
  assert_true(whole > kept);
  assert_ok(csa_metrics_open(&m, path, kept));
  assert_int_equal(file_size(path), kept);
  assert_ok(csa_metrics_flush(m, &again));
  assert_int_equal(again, kept);
  assert_ok(csa_metrics_append(m, &epoch));
  assert_ok(csa_metrics_flush(m, &again));
  assert_int_equal(again, whole);
  csa_metrics_close(m);
  uint8_t *data = NULL;
  size_t size = 0;
  assert_ok(csa_file_read(path, 1 << 20, &data, &size));
  assert_int_equal(size, whole);
  assert_line((char *)data, &interval);
  assert_line((char *)data + kept, &epoch);
  free(data);
}

static void test_refused(void **state) {
  (void)state;
  const char *folder = test_folder(), *path = test_path(folder, "metrics.jsonl");
  csa_metrics *m = NULL;
  test_write(path, "{}\n", 3);
  assert_fails(CSA_INPUT, "metrics.jsonl: shorter", csa_metrics_open(&m, path, 4));
  assert_int_equal(file_size(path), 3);
  assert_null(m);
  assert_fails(CSA_OUTPUT, "no/such", csa_metrics_open(&m, test_path(folder, "no/such"), 0));
  assert_null(m);
  csa_metrics_close(NULL);
}

/* JSON has no such numbers: nothing of the line is written. */
static void test_not_finite(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "metrics.jsonl");
  csa_metrics *m;
  csa_metrics_row rows[3] = {interval, epoch, epoch};
  rows[0].train_loss = (double)NAN;
  rows[1].test_loss = (double)INFINITY;
  rows[2].images_per_s = (double)INFINITY;
  assert_ok(csa_metrics_open(&m, path, 0));
  for (int i = 0; i < 3; i++) assert_fails(CSA_FAILED, "not finite", csa_metrics_append(m, &rows[i]));
  csa_metrics_close(m);
  assert_int_equal(file_size(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_reopen),
                                     cmocka_unit_test(test_refused), cmocka_unit_test(test_not_finite)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
