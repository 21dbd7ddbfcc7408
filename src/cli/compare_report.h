/* What `compare` found, and the table and document that tell it. */
#ifndef CSA_CLI_COMPARE_REPORT_H
#define CSA_CLI_COMPARE_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "train/trainer.h"

#define CSA_COMPARED 2 /* cnn and vit */

typedef struct {
  uint64_t seed;
  char folder[CSA_PATH];
  double train_loss, test_loss, test_accuracy, images_per_s, seconds;
  uint64_t bytes;
} csa_compared_run;

typedef struct {
  csa_config config; /* of its first run */
  int64_t parameters;
  double flops_forward, flops_training; /* of an image */
  csa_compared_run *runs;               /* [seeds] */
} csa_compared_model;

typedef struct {
  csa_compared_model models[CSA_COMPARED];
  int seeds;
  char device[128];
  int64_t train_images, test_images;
  const char *format; /* of the data */
} csa_comparison;

/* Markdown: the settings, a row for each figure (mean ± sample standard deviation over seeds), a verdict in words. */
void csa_comparison_print(const csa_comparison *comparison, FILE *out);

/* The same and every run, a new reference; NULL without memory. */
json_t *csa_comparison_json(const csa_comparison *comparison);

#endif
