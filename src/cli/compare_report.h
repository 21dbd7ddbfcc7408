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

#define CSA_COMPARED_TEXT 64

/* "vit (rows)" */
void csa_comparison_name(const csa_comparison *comparison, int model, char name[CSA_COMPARED_TEXT]);

/* On what data, with which settings, where: a line without its end. */
void csa_comparison_settings(const csa_comparison *comparison, FILE *out);

/* Row 0, 1, ... of the table: a figure's name and, for each model, its mean ± sample standard deviation over seeds.
 * False after the last. */
bool csa_comparison_row(const csa_comparison *comparison, int row, const char **title,
                        char cells[CSA_COMPARED][CSA_COMPARED_TEXT]);

/* What the figures say in words, a sentence a line: who is more accurate, and whether that is beyond the spread over
 * seeds; who is faster; what accuracy costs. */
void csa_comparison_verdict(const csa_comparison *comparison, FILE *out);

/* Markdown: settings, table, verdict. */
void csa_comparison_print(const csa_comparison *comparison, FILE *out);

/* The same and every run, a new reference; NULL without memory. */
json_t *csa_comparison_json(const csa_comparison *comparison);

/* A page with the same, both models' curves, every run; it is written to `path`, in the folder of the runs. */
csa_status csa_comparison_page(const csa_comparison *comparison, const char *path);

#endif
