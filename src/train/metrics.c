#include "train/metrics.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"

struct csa_metrics {
  FILE *file;
  char *path;
};

static csa_status output_failed(const csa_metrics *m) {
  return csa_fail(CSA_OUTPUT, "metrics: %s: %s", m->path, strerror(errno));
}

static csa_status cut(csa_metrics *m, int64_t length) {
  if (fseeko(m->file, 0, SEEK_END) != 0) return output_failed(m);
  if (ftello(m->file) < length)
    return csa_fail(CSA_INPUT,
                    "metrics: %s: shorter than when the checkpoint was written (%lld bytes)\n"
                    "  it was changed or replaced; the run cannot be resumed as it was",
                    m->path, (long long)length);
  if (ftruncate(fileno(m->file), (off_t)length) != 0) return output_failed(m);
  return fseeko(m->file, (off_t)length, SEEK_SET) == 0 ? CSA_OK : output_failed(m);
}

csa_status csa_metrics_open(csa_metrics **out, const char *path, int64_t length) {
  csa_metrics *m = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_new(&m, 1, sizeof *m));
  CSA_GO(csa_copy_text(&m->path, path));
  m->file = fopen(path, "ab+");
  if (m->file == NULL) {
    status = output_failed(m);
    goto done;
  }
  CSA_GO(cut(m, length));
  *out = m;
  m = NULL;
done:
  csa_metrics_close(m);
  return status;
}

void csa_metrics_close(csa_metrics *metrics) {
  if (metrics == NULL) return;
  if (metrics->file != NULL) fclose(metrics->file);
  free(metrics->path);
  free(metrics);
}

/* NULL without memory, or where a figure is not finite. */
static json_t *describe(const csa_metrics_row *row) {
  json_t *line = json_pack("{s:s, s:I, s:i, s:f}", "type", row->epoch_end ? "epoch" : "interval", "step",
                           (json_int_t)row->step, "epoch", row->epoch, "train_loss", row->train_loss);
  int failed = line == NULL;
  if (row->validated) {
    failed |= json_object_set_new(line, "val_loss", json_real(row->val_loss));
    failed |= json_object_set_new(line, "val_accuracy", json_real(row->val_accuracy));
  }
  if (row->skipped > 0) failed |= json_object_set_new(line, "skipped", json_integer(row->skipped));
  if (row->epoch_end) {
    failed |= json_object_set_new(line, "test_loss", json_real(row->test_loss));
    failed |= json_object_set_new(line, "test_accuracy", json_real(row->test_accuracy));
  }
  failed |= json_object_set_new(line, "lr", json_real(row->lr));
  failed |= json_object_set_new(line, "images_per_s", json_real(row->images_per_s));
  failed |= json_object_set_new(line, "seconds", json_real(row->seconds));
  if (failed == 0) return line;
  json_decref(line);
  return NULL;
}

csa_status csa_metrics_append(csa_metrics *m, const csa_metrics_row *row) {
  if (m == NULL) return CSA_OK;
  json_t *line = describe(row);
  const bool written = line != NULL && json_dumpf(line, m->file, JSON_COMPACT) == 0 && fputc('\n', m->file) != EOF &&
                       fflush(m->file) == 0;
  const int error = errno;
  csa_status status = csa_json_check();
  if (status == CSA_OK && line == NULL) status = csa_fail(CSA_FAILED, "metrics: a figure is not finite");
  errno = error;
  if (status == CSA_OK && !written) status = output_failed(m);
  json_decref(line);
  return status;
}

csa_status csa_metrics_flush(csa_metrics *m, int64_t *length) {
  if (m == NULL) return CSA_OK;
  if (fflush(m->file) != 0 || fsync(fileno(m->file)) != 0) return output_failed(m);
  const off_t end = ftello(m->file);
  *length = (int64_t)end;
  return end >= 0 ? CSA_OK : output_failed(m);
}
