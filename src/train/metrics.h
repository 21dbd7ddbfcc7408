/* metrics.jsonl: one JSON object a line, appended as training goes. */
#ifndef CSA_TRAIN_METRICS_H
#define CSA_TRAIN_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

typedef struct csa_metrics csa_metrics;

typedef struct {
  bool epoch_end; /* "epoch", with the test figures; else "interval" */
  int64_t step;
  int epoch; /* from 1 */
  double train_loss, test_loss, test_accuracy, lr, images_per_s, seconds;
  bool validated; /* with the next two */
  double val_loss, val_accuracy;
  int64_t skipped; /* steps of the run so far that updated nothing; left out where 0 */
} csa_metrics_row;

/* Opens the file and cuts it to its first `length` bytes: what a resumed run had written when its checkpoint was made.
 * A file shorter than that is CSA_INPUT. */
csa_status csa_metrics_open(csa_metrics **metrics, const char *path, int64_t length);
void csa_metrics_close(csa_metrics *metrics);

/* These do nothing where `metrics` is NULL: of several ranks one writes. */
csa_status csa_metrics_append(csa_metrics *metrics, const csa_metrics_row *row);

/* Brings all lines to the disk; *length is the file's. */
csa_status csa_metrics_flush(csa_metrics *metrics, int64_t *length);

#endif
