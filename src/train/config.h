/* The settings of a run, and config.json, which keeps them: all that `--resume` needs. */
#ifndef CSA_TRAIN_CONFIG_H
#define CSA_TRAIN_CONFIG_H

#include "core/file.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "device/tune.h"
#include "model/architecture.h"
#include "model/lr.h"
#include "model/optimizer.h"

/* Room of a setting that is a text. */
#define CSA_SETTING_BYTES 256

#define CSA_REPLICAS_MAX 16 /* devices of a process that train one model */

/* A device that a run is on, by its full names. */
typedef struct {
  char name[16], platform[128], device[128], version[128], driver[128];
  int compute_units;
} csa_config_device;

/* A device of a run, and the kernels chosen for it. */
typedef struct {
  csa_config_device device;
  csa_choices choices;
  csa_tuning *tuning; /* the one in choices, where it was read from a file: csa_config_fini releases it */
} csa_config_replica;

/* What a step does whose numbers are not finite, beside leaving the parameters alone: end the run, or let it go on. */
typedef enum { CSA_NAN_STOP, CSA_NAN_SKIP } csa_on_nan;

typedef struct {
  csa_architecture architecture;
  char data[CSA_PATH];
  char data_hash[33]; /* of the data as trained on; empty before it was read */
  int64_t limit_train, limit_test;
  /* what settings.h has a table of */
  int epochs, batch;
  int accumulate;                 /* parts that a batch is taken in */
  char shares[CSA_SETTING_BYTES]; /* of the batch, for each device; empty: by their speed */
  csa_optimizer_kind optimizer;
  double lr;
  csa_lr_kind schedule;
  double warmup, step_epochs, step_factor; /* the first two in epochs */
  double weight_decay;
  csa_decay decay;
  double clip_norm, label_smoothing, ema; /* 0: without */
  csa_augment augment;                    /* of training images */
  double val_split;                       /* share of the training images that is held back */
  int patience;                           /* epochs without a better validation before training ends; 0: to the last */
  char freeze[CSA_SETTING_BYTES];         /* parameters by name: patterns with commas between */
  csa_on_nan on_nan;
  uint64_t seed;
  int threads; /* of CPU devices; 0: as many as there are processors */
  int log_every;
  double checkpoint_every; /* seconds */
  /* the rest */
  char init[CSA_PATH];                           /* weight file to start from; empty: drawn */
  csa_config_replica replicas[CSA_REPLICAS_MAX]; /* before there are devices: what is asked for, of all, in the first */
  int replica_count;
} csa_config;

/* The defaults: the notebook's ViT on CIFAR-10. */
void csa_config_default(csa_config *config);

/* Takes over what a file of config.json's form says; it may leave out anything. "versions", devices, the tuning in
 * "choices" and what describes the data beside path and limits belong to the run that wrote them, and are passed over;
 * a key that is not known is CSA_INPUT. `name` is a file, or one of the presets. *has_model: whether it says which
 * model. */
csa_status csa_config_apply(csa_config *config, const char *name, bool *has_model);

/* Writes config.json: the settings, with versions. */
csa_status csa_config_save(const csa_config *config, const csa_dataset *dataset, const char *path);

csa_config_device csa_config_device_of(const csa_device_info *info);

/* Reads them back. What is missing or of the wrong kind is CSA_INPUT and named. Of several ranks the first reads. Also
 * after a failure csa_config_fini releases what there is. */
csa_status csa_config_load(csa_config *config, const char *path);
void csa_config_fini(csa_config *config);

/* Whether numbers on `info` come out as on `device`, bit for bit. */
bool csa_config_device_is(const csa_config_device *device, const csa_device_info *info);

const char *csa_kernels_text(csa_kernels kernels);
const char *csa_gemm_text(csa_gemm_provider gemm);
const char *csa_conv_text(csa_conv conv);
const char *csa_precision_text(csa_precision precision);

/* "auto", "cpu", "portable"; "auto", "clblast", "native"; "auto", "direct", "winograd"; anything else is CSA_USAGE. */
csa_status csa_kernels_parse(const char *text, csa_kernels *kernels);
csa_status csa_gemm_parse(const char *text, csa_gemm_provider *gemm);
csa_status csa_conv_parse(const char *text, csa_conv *conv);
csa_status csa_precision_parse(const char *text, csa_precision *precision);

#endif
