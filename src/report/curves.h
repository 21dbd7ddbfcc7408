/* A run's curves: loss, accuracy and, where it changes, the learning rate, over epochs. */
#ifndef CSA_REPORT_CURVES_H
#define CSA_REPORT_CURVES_H

#include "report/plot.h"
#include "train/config.h"
#include "train/history.h"

#define CSA_CURVES 3
#define CSA_TITLE 272

typedef struct {
  csa_plot plots[CSA_CURVES];
  int count;
} csa_curves;

/* Of a history with at least one whole epoch. Of many lines within epochs some are left out. Released by
 * csa_curves_fini, even after a failure. */
csa_status csa_curves_make(csa_curves *curves, const csa_history *history);
void csa_curves_fini(csa_curves *curves);

/* The data set's name, or the last part of its path. */
const char *csa_curves_data(const csa_config *config);

/* "vit (rows) on fashion-mnist": what was trained on what. */
void csa_curves_title(const csa_config *config, char title[CSA_TITLE]);

/* Writes `folder`/curves.svg from its metrics.jsonl; before the first whole epoch there is nothing to be drawn. */
csa_status csa_curves_write(const char *folder, const char *title);

#endif
