#include "train/history.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

#define METRICS_MAX ((uint64_t)256 << 20)
#define PATH_MAX_BYTES 1088

static const char *const keys[CSA_OF_ALL] = {
    [CSA_OF_TRAIN_LOSS] = "train_loss",       [CSA_OF_TEST_LOSS] = "test_loss",
    [CSA_OF_TEST_ACCURACY] = "test_accuracy", [CSA_OF_VAL_LOSS] = "val_loss",
    [CSA_OF_VAL_ACCURACY] = "val_accuracy",   [CSA_OF_LR] = "lr",
    [CSA_OF_IMAGES_PER_S] = "images_per_s",   [CSA_OF_SECONDS] = "seconds",
};

/* *known: whether it is a line of a kind that this version writes. */
static csa_status take_line(csa_history_row *row, const json_t *line, bool *known) {
  const char *type;
  json_int_t step;
  json_error_t error;
  if (json_unpack_ex((json_t *)(uintptr_t)line, &error, 0, "{s:s, s:I, s:i}", "type", &type, "step", &step, "epoch",
                     &row->epoch) != 0)
    return csa_fail(CSA_INPUT, "%s", error.text);
  row->step = step;
  row->epoch_end = strcmp(type, "epoch") == 0;
  *known = row->epoch_end || strcmp(type, "interval") == 0;
  for (int f = 0; f < CSA_OF_ALL; f++) {
    const json_t *value = json_object_get(line, keys[f]);
    row->figure[f] = json_is_number(value) ? json_number_value(value) : (double)NAN;
  }
  return CSA_OK;
}

static csa_status take_text(csa_history *h, const char *text) {
  size_t capacity = 0;
  for (int number = 1;; number++) {
    const char *end = strchr(text, '\n');
    json_error_t error;
    bool known = false;
    if (end == NULL) return CSA_OK; /* whoever writes it is in the middle of a line, or was */
    json_t *line = json_loadb(text, (size_t)(end - text), 0, &error);
    if (line == NULL) return csa_fail(CSA_INPUT, "line %d: %s", number, error.text);
    csa_status status = csa_grow(&h->rows, h->count, &capacity, sizeof *h->rows);
    if (status == CSA_OK && take_line(&h->rows[h->count], line, &known) != CSA_OK)
      status = csa_fail_in(CSA_INPUT, "line %d", number);
    json_decref(line);
    CSA_TRY(status);
    if (known) h->count++;
    text = end + 1;
  }
}

csa_status csa_history_read(csa_history *h, const char *folder) {
  char path[PATH_MAX_BYTES];
  uint8_t *text = NULL;
  size_t size;
  *h = (csa_history){0};
  snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
  CSA_TRY(csa_file_read(path, METRICS_MAX, &text, &size));
  const csa_status status = take_text(h, (const char *)text);
  free(text);
  if (status == CSA_OK) return CSA_OK;
  csa_history_fini(h);
  return csa_fail_in(status, "metrics: %s", path);
}

void csa_history_fini(csa_history *h) {
  free(h->rows);
  *h = (csa_history){0};
}

const csa_history_row *csa_history_last(const csa_history *h) {
  for (size_t i = h->count; i-- > 0;)
    if (h->rows[i].epoch_end) return &h->rows[i];
  return NULL;
}
