/* Training: epochs of steps over a shuffled data set, with the run folder that keeps it all. */
#ifndef CSA_TRAIN_TRAINER_H
#define CSA_TRAIN_TRAINER_H

#include <signal.h>

#include "train/config.h"
#include "train/evaluate.h"
#include "train/metrics.h"
#include "train/reducer.h"
#include "train/shares.h"

/* Where a run stands: all of it is in the checkpoint. */
typedef struct {
  int64_t step;        /* updates done */
  int epoch;           /* epochs done */
  int64_t batch;       /* batches done in this epoch */
  double interval_sum; /* of batch losses since the last log line */
  int64_t interval_batches;
  double epoch_sum;                            /* of batch losses in this epoch */
  double train_loss, test_loss, test_accuracy; /* of the last whole epoch; 0 without test images */
  double seconds;                              /* of training, evaluation included */
  int64_t metrics_bytes;                       /* length of metrics.jsonl */
  double val_loss, val_accuracy;               /* of the last whole epoch, where images are held back */
  double best_accuracy;                        /* the best val_accuracy, */
  int best_epoch;                              /* and its epoch, from 1; 0: none yet */
  int64_t skipped;                             /* steps that updated nothing: their numbers were not finite, */
  int64_t lost;                                /* and those of this epoch without even a loss */
} csa_progress;

struct csa_turn;

/* Hears of a run as it goes; every function may be NULL. */
typedef struct {
  void *user;
  void (*on_interval)(void *user, int epoch, int64_t batch, double loss, double images_per_s);
  void (*on_epoch)(void *user, int epoch, const csa_progress *progress, double images_per_s);
  void (*on_step)(void *user, const csa_progress *progress, double images_per_s); /* sums may lag some batches behind */
  void (*on_test)(void *user);                                                    /* an evaluation begins */
  csa_status (*on_turn)(void *user, int replica, const struct csa_turn *turn); /* queued (step.h); a failure ends it */
} csa_observer;

typedef struct {
  csa_config config;
  csa_dataset *dataset;
  int64_t train_images, validation_images; /* of the training images, those trained on, and those held back */
  int32_t *parts;                          /* the numbers of all: those held back, then those trained on */
  csa_replica replicas[CSA_REPLICAS_MAX];  /* all have the same parameters; the first is asked for them */
  int replica_count;
  csa_shares shares;    /* of the batch, for the replicas of all ranks; this rank's */
  int first_share;      /* begin with this one */
  csa_reducer *reducer; /* NULL for one replica alone */
  csa_lr lr;
  csa_progress progress;
  char folder[CSA_PATH]; /* the run folder; empty before one was opened */
  int lock;              /* descriptor of its lock, or -1 */
  csa_metrics *metrics;
  csa_observer observer;
  const volatile sig_atomic_t *stop; /* not 0: a signal's number, and training ends after the step; may be NULL */
  bool stops, saves;                 /* training ends now, as some rank was told to; a checkpoint is due */
  bool finished;                     /* resumed with nothing left to do: all epochs are done, all files are there */
  int stopped_by;                    /* the signal that ended it, whichever rank had it */
  double target;                     /* training ends after the epoch whose val_accuracy reaches this; 0: none */
  int32_t *order;                    /* [train_images], of this epoch */
  int pending;                       /* batches whose losses are still on the device */
  int pending_images;                /* in the last of them */
  int wrong;                         /* steps that the guard had found by then, in this process */
  bool rewound;                      /* progress stands before a step whose numbers are not finite (losses.h) */
  int64_t saved_step;                /* of the last checkpoint; -1: none yet */
  double last_checkpoint;            /* csa_seconds() then, */
  double last_fetch;                 /* and when losses were fetched */
  double run_seconds, run_images;    /* trained in this process, without evaluation */
} csa_trainer;

/* Builds the model for `config` on `devices` [count] and plans training; nothing is allocated on them yet. Devices and
 * `dataset` must outlive the trainer. */
csa_status csa_trainer_create(csa_trainer **trainer, const csa_config *config, csa_device *const *devices, int count,
                              csa_dataset *dataset);
void csa_trainer_destroy(csa_trainer *trainer);

/* Tests the devices' kernels (selftest/selftest.h), allocates on them and sends the data there. */
csa_status csa_trainer_prepare(csa_trainer *trainer);

/* Makes a new run folder and sets the parameters (drawn from the seed, or read from config.init); or opens the folder
 * of an earlier run and goes on from its checkpoint (from the start where it has none yet); of a finished run nothing
 * is changed. A folder that another process works in is CSA_FAILED. */
csa_status csa_trainer_start(csa_trainer *trainer, const char *folder);
csa_status csa_trainer_resume(csa_trainer *trainer, const char *folder);

/* Writes the run's config.json. */
csa_status csa_trainer_save_config(const csa_trainer *trainer);

/* Trains to the last epoch, the target, or until validation got no better for config.patience epochs; writes
 * checkpoints, best.safetensors where images are held back, and at the end model.safetensors: the moving averages,
 * where those are kept. CSA_INTERRUPTED after a signal: the checkpoint is written. One device of several that fails is
 * left behind (train/failover.h). Where all devices, memory or disk fail, the sentence says at which step, and how to
 * go on. */
csa_status csa_trainer_run(csa_trainer *trainer);

/* Whether there is no further epoch to train, for whichever reason. */
bool csa_trainer_done(const csa_trainer *trainer);

/* Whether validation got no better for config.patience epochs. */
bool csa_trainer_stale(const csa_trainer *trainer);

/* Images trained a second in this process; 0 if none were. */
double csa_trainer_rate(const csa_trainer *trainer);

/* Bytes of device memory in use: plan and data. */
uint64_t csa_trainer_bytes(const csa_trainer *trainer);

#endif
