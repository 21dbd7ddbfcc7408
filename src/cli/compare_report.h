/* What `compare` found, and the forms in which it is told. */
#ifndef CSA_CLI_COMPARE_REPORT_H
#define CSA_CLI_COMPARE_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "report/table.h"
#include "train/history.h"
#include "train/trainer.h"

#define CSA_COMPARED 2 /* cnn and vit */

typedef struct {
  uint64_t seed;
  char folder[CSA_PATH];
  csa_history history;
  double figure[CSA_OF_ALL]; /* of its last epoch */
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

void csa_comparison_fini(csa_comparison *comparison);

#define CSA_COMPARED_TEXT 512
#define CSA_COMPARED_VERDICT 3

/* On what data, with which settings, where. */
void csa_comparison_settings(const csa_comparison *comparison, char text[CSA_COMPARED_TEXT]);

/* A row for each figure, a column for each model: means over seeds ± sample standard deviation. */
void csa_comparison_table(const csa_comparison *comparison, csa_form form, FILE *out);

/* What the figures say in words: who is more accurate, and whether that is beyond the spread over seeds; who is faster;
 * what accuracy costs. The number of sentences. */
int csa_comparison_verdict(const csa_comparison *comparison, char sentences[CSA_COMPARED_VERDICT][CSA_COMPARED_TEXT]);

/* Markdown: settings, table, verdict. */
void csa_comparison_print(const csa_comparison *comparison, FILE *out);

/* The same and every run, a new reference; NULL without memory. */
json_t *csa_comparison_json(const csa_comparison *comparison);

/* A page with the same, both models' curves, every run; it is written to `path`, in the folder of the runs. */
csa_status csa_comparison_page(const csa_comparison *comparison, const char *path);

#endif
