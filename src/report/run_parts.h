/* The parts of a run's page, each a section of it. */
#ifndef CSA_REPORT_RUN_PARTS_H
#define CSA_REPORT_RUN_PARTS_H

#include <stdio.h>

#include "train/trainer.h"

#define CSA_CLASS_NAME 128

/* The name of a class; a number where the data has none. */
void csa_run_class(const csa_dataset *dataset, int class, char name[CSA_CLASS_NAME]);

/* Who is taken for whom, and which mistakes the model was surest of, with their images. */
void csa_run_print_confusion(FILE *out, const csa_evaluation *evaluation, const csa_dataset *dataset);
csa_status csa_run_print_mistakes(FILE *out, const csa_evaluation *evaluation, const csa_dataset *dataset);

/* Where the model looks on a few test images; nothing of a model without attention. Runs the graph forward. */
csa_status csa_run_print_looks(FILE *out, csa_trainer *trainer, const csa_evaluation *evaluation);

/* What config.json in `folder` says. */
csa_status csa_run_print_settings(FILE *out, const char *folder);

#endif
