#include "train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "model/scaler.h"
#include "model/weights.h"
#include "train/ranks.h"

#define FORMAT "3"

csa_status csa_folder_lock(const char *folder, int *descriptor) {
  char path[CSA_PATH + 32];
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CSA_TRY(csa_folder_make(folder, 0777));
  snprintf(path, sizeof path, "%s/.lock", folder);
  *descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (*descriptor < 0) return csa_fail(CSA_OUTPUT, "run: %s: %s", path, strerror(errno));
  if (fcntl(*descriptor, F_SETLK, &whole) == 0) return CSA_OK;
  const int error = errno;
  close(*descriptor);
  *descriptor = -1;
  if (error != EACCES && error != EAGAIN) return csa_fail(CSA_OUTPUT, "run: %s: %s", path, strerror(error));
  return csa_fail(CSA_FAILED, "run: %s: in use by another clsattn\n  wait for it, or give another --out", folder);
}

bool csa_folder_in_use(const char *folder) {
  char path[CSA_PATH + 32];
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  snprintf(path, sizeof path, "%.*s/.lock", CSA_PATH, folder);
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool held = fcntl(descriptor, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  close(descriptor);
  return held;
}

/* Progress as numbers in a fixed order: doubles hold every count that a run can reach. */
enum { FIGURES = 17 };
static void to_figures(const csa_progress *p, double f[FIGURES]) {
  const double figures[FIGURES] = {(double)p->step,
                                   (double)p->epoch,
                                   (double)p->batch,
                                   p->interval_sum,
                                   (double)p->interval_batches,
                                   p->epoch_sum,
                                   p->train_loss,
                                   p->test_loss,
                                   p->test_accuracy,
                                   p->seconds,
                                   (double)p->metrics_bytes,
                                   p->val_loss,
                                   p->val_accuracy,
                                   p->best_accuracy,
                                   (double)p->best_epoch,
                                   (double)p->skipped,
                                   (double)p->lost};
  memcpy(f, figures, sizeof figures);
}

static void from_figures(csa_progress *p, const double f[FIGURES]) {
  *p = (csa_progress){(int64_t)f[0], (int)f[1], (int64_t)f[2], f[3],           (int64_t)f[4],  f[5],
                      f[6],          f[7],      f[8],          f[9],           (int64_t)f[10], f[11],
                      f[12],         f[13],     (int)f[14],    (int64_t)f[15], (int64_t)f[16]};
}

static void checkpoint_path(const csa_trainer *t, char path[CSA_PATH + 32]) {
  snprintf(path, CSA_PATH + 32, "%s/checkpoint.safetensors", t->folder);
}

enum { SCALER = 4 };
static csa_status save_scaler(const csa_trainer *t, csa_safetensors_writer *writer) {
  csa_scaler_state s;
  CSA_TRY(csa_scaler_get(t->replicas[0].graph, &s));
  const double figures[SCALER] = {(double)s.scale, (double)s.good, (double)s.correction1, (double)s.correction2};
  return csa_safetensors_writer_add(writer, "scaler", CSA_ST_F64, csa_shape1(SCALER), figures);
}

static csa_status save(csa_trainer *t) {
  csa_safetensors_writer *writer = NULL;
  const csa_choices *c = &t->config.replicas[0].choices;
  json_t *tuning = csa_tuning_to_json(t->replicas[0].graph->plan->tuning, true);
  char *tuning_text = tuning != NULL ? json_dumps(tuning, JSON_COMPACT) : NULL;
  csa_status status;
  char path[CSA_PATH + 32];
  double figures[FIGURES];
  checkpoint_path(t, path);
  to_figures(&t->progress, figures);
  if (tuning_text == NULL) CSA_GO(csa_fail(CSA_MEMORY, "checkpoint: %s: the host has no more memory", path));
  CSA_GO(csa_safetensors_writer_begin(&writer));
  CSA_GO(csa_safetensors_writer_metadata(writer, "format", FORMAT));
  CSA_GO(csa_safetensors_writer_metadata(writer, "clsattn", csa_version()));
  CSA_GO(csa_safetensors_writer_metadata(writer, "kernels", csa_kernels_text(c->kernels)));
  CSA_GO(csa_safetensors_writer_metadata(writer, "gemm", csa_gemm_text(c->gemm)));
  CSA_GO(csa_safetensors_writer_metadata(writer, "conv", csa_conv_text(c->conv)));
  CSA_GO(csa_safetensors_writer_metadata(writer, "precision", csa_precision_text(c->precision)));
  CSA_GO(csa_safetensors_writer_metadata(writer, "tuning", tuning_text));
  CSA_GO(csa_safetensors_writer_add(writer, "progress", CSA_ST_F64, csa_shape1(FIGURES), figures));
  if (t->replicas[0].graph->scaler != NULL) CSA_GO(save_scaler(t, writer));
  CSA_GO(csa_weights_add(writer, t->replicas[0].graph, "param.", t->replicas[0].graph->parameters.values));
  CSA_GO(csa_weights_add(writer, t->replicas[0].graph, "first.", t->replicas[0].optimizer.first));
  if (t->replicas[0].optimizer.second != NULL)
    CSA_GO(csa_weights_add(writer, t->replicas[0].graph, "second.", t->replicas[0].optimizer.second));
  if (t->replicas[0].optimizer.mean != NULL)
    CSA_GO(csa_weights_add(writer, t->replicas[0].graph, "mean.", t->replicas[0].optimizer.mean));
  CSA_GO(csa_safetensors_writer_write(writer, path));
done:
  csa_safetensors_writer_close(writer);
  free(tuning_text);
  json_decref(tuning);
  return status;
}

csa_status csa_checkpoint_save(csa_trainer *t) {
  if (csa_ranks_own() == 0) CSA_TRY(save(t));
  t->saved_step = t->progress.step;
  return CSA_OK;
}

static csa_status check_format(const csa_safetensors *file) {
  const char *format = csa_safetensors_metadata(file, "format");
  if (format != NULL && strcmp(format, FORMAT) == 0) return CSA_OK;
  return csa_fail(CSA_INPUT, "checkpoint: format %s: this clsattn (%s) reads format " FORMAT,
                  format != NULL ? format : "missing", csa_version());
}

csa_status csa_checkpoint_progress(const csa_safetensors *file, int epochs, csa_progress *progress) {
  static const bool whole[FIGURES] = {
      [0] = true, [1] = true, [2] = true, [4] = true, [10] = true, [14] = true, [15] = true, [16] = true};
  double figures[FIGURES];
  const csa_st_tensor *found = csa_safetensors_find(file, "progress");
  if (found == NULL || found->dtype != CSA_ST_F64 || found->size != sizeof figures)
    return csa_fail(CSA_INPUT, "checkpoint: tensor 'progress': missing, or not %d F64 values", FIGURES);
  memcpy(figures, found->data, sizeof figures);
  for (int i = 0; i < FIGURES; i++)
    if (!(figures[i] >= 0.0 && figures[i] < 9e15) || (whole[i] && figures[i] != floor(figures[i])))
      return csa_fail(CSA_INPUT, "checkpoint: tensor 'progress': value %d is out of range", i);
  if (figures[1] > epochs)
    return csa_fail(CSA_USAGE, "--epochs: %d: the run has done %.0f already", epochs, figures[1]);
  if (figures[14] > figures[1])
    return csa_fail(CSA_INPUT, "checkpoint: tensor 'progress': the best epoch is yet to come");
  from_figures(progress, figures);
  return CSA_OK;
}

static csa_status read_scaler(csa_graph *graph, const csa_safetensors *file) {
  double f[SCALER];
  const csa_st_tensor *found = csa_safetensors_find(file, "scaler");
  if (found == NULL || found->dtype != CSA_ST_F64 || found->size != sizeof f)
    return csa_fail(CSA_INPUT, "checkpoint: tensor 'scaler': missing, or not %d F64 values", SCALER);
  memcpy(f, found->data, sizeof f);
  if (!(f[0] > 0.0 && f[0] <= 1e9 && f[1] >= 0.0 && f[1] < 2147483647.0 && f[2] >= 0.0 && f[2] <= 1.0 && f[3] >= 0.0 &&
        f[3] <= 1.0))
    return csa_fail(CSA_INPUT, "checkpoint: tensor 'scaler': a value is out of range");
  return csa_scaler_set(graph, &(csa_scaler_state){(float)f[0], (cl_int)f[1], (float)f[2], (float)f[3]});
}

/* Numbers that are not finite were never saved. */
static csa_status read_flat(const csa_replica *r, const csa_safetensors *file, const char *prefix,
                            const csa_tensor *flat) {
  for (size_t i = 0; i < r->graph->parameters.count; i++) {
    const csa_parameter *p = &r->graph->parameters.list[i];
    char name[CSA_TENSOR_NAME + 16];
    snprintf(name, sizeof name, "%s%s", prefix, p->name);
    CSA_TRY(csa_safetensors_check_f32(file, name, &p->value->shape));
  }
  return csa_weights_read(r->graph, file, prefix, flat, NULL);
}

static csa_status read_replica(csa_replica *r, const csa_safetensors *file) {
  CSA_TRY(read_flat(r, file, "param.", r->graph->parameters.values));
  CSA_TRY(read_flat(r, file, "first.", r->optimizer.first));
  if (r->optimizer.second != NULL) CSA_TRY(read_flat(r, file, "second.", r->optimizer.second));
  if (r->optimizer.mean != NULL) CSA_TRY(read_flat(r, file, "mean.", r->optimizer.mean));
  return r->graph->scaler != NULL ? read_scaler(r->graph, file) : CSA_OK;
}

static csa_status read_file(csa_trainer *t, const csa_safetensors *file) {
  CSA_TRY(check_format(file));
  for (int i = 0; i < t->replica_count; i++) CSA_TRY(read_replica(&t->replicas[i], file));
  CSA_TRY(csa_checkpoint_progress(file, t->config.epochs, &t->progress));
  t->saved_step = t->progress.step;
  return CSA_OK;
}

/* Without a checkpoint a run begins again: not one that has ended. */
static csa_status check_unfinished(const csa_trainer *t) {
  char path[CSA_PATH + 32];
  snprintf(path, sizeof path, "%s/model.safetensors", t->folder);
  if (access(path, F_OK) != 0) return CSA_OK;
  return csa_fail(CSA_INPUT, "run: %s/checkpoint.safetensors: missing, but the run has ended\n  its weights are in %s",
                  t->folder, path);
}

csa_status csa_checkpoint_load(csa_trainer *t, bool *found) {
  csa_safetensors *file = NULL;
  char path[CSA_PATH + 32];
  checkpoint_path(t, path);
  *found = access(path, F_OK) == 0 || errno != ENOENT;
  if (!*found) return check_unfinished(t);
  CSA_TRY(csa_safetensors_open(&file, path));
  const csa_status status = read_file(t, file);
  csa_safetensors_close(file);
  return status == CSA_OK ? CSA_OK : csa_fail_in(status, "%s", path);
}
