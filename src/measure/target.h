/* Time to accuracy: how long a device trains until a model is as good as wanted. */
#ifndef CSA_MEASURE_TARGET_H
#define CSA_MEASURE_TARGET_H

#include "train/trainer.h"

/* What is reached is measured after every epoch on a tenth of the training images, held back as --val-split does. The
 * test images are not looked at. */
typedef struct {
  double wanted;                           /* accuracy, a fraction; 0: nothing was asked for */
  bool reached;                            /* within config.epochs */
  double accuracy;                         /* after the last epoch */
  int epochs;                              /* trained */
  double train_s, evaluation_s;            /* of steps; of evaluations, which train_s leaves out */
  int64_t train_images, validation_images; /* of an epoch; of an evaluation */
} csa_target;

/* CSA_INPUT where there are fewer than 10 training images: too few to hold a tenth of them back. */
csa_status csa_target_check(const csa_dataset *dataset);

/* Trains as `train` does with `config`, in `folder`, which is new. Kernels are compiled before time counts.
 * CSA_INTERRUPTED as csa_trainer_run says. */
csa_status csa_target_measure(csa_target *target, double wanted, const csa_config *config, csa_device *device,
                              const csa_dataset *dataset, const char *folder, csa_observer observer,
                              const volatile sig_atomic_t *stop);

#endif
