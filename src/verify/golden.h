/* What a golden file has in it: a model's sizes, and the images, labels and learning rate of some steps of training.
 * Its parameters and what it expects are tensors of the file. */
#ifndef CSA_VERIFY_GOLDEN_H
#define CSA_VERIFY_GOLDEN_H

#include "model/architecture.h"
#include "model/safetensors.h"

typedef struct {
  const char *path;
  csa_safetensors *file;
  csa_architecture architecture;
  int steps, batch;
  float lr;
  float *images;   /* [steps, batch, height, width, channels] */
  int32_t *labels; /* [steps, batch] */
} csa_golden;

/* How its steps are run. */
typedef struct {
  csa_choices choices;
  const char *shares; /* of each batch, for each device, "1,2"; NULL: by their speed */
  int accumulate;     /* parts that a batch is taken in, from 1 */
} csa_golden_way;

/* Reads it; what is missing or does not fit is CSA_INPUT and named. Released by csa_golden_close, even after a failure;
 * `path` must last as long. */
csa_status csa_golden_open(csa_golden *golden, const char *path);
void csa_golden_close(csa_golden *golden);

#endif
