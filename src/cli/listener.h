/* Who hears of a run: its log, the live line, and the pictures in its folder. */
#ifndef CSA_CLI_LISTENER_H
#define CSA_CLI_LISTENER_H

#include <stdio.h>

#include "train/trainer.h"

typedef struct {
  csa_trainer *trainer;
  FILE *log;
  const char *name;   /* before every line; may be empty */
  double next_curves; /* csa_seconds() */
} csa_listener;

/* From here on the trainer tells the listener, which must outlive it: how the run stands, with every interval and epoch
 * a line in `log`, and with epochs curves.svg. Where that cannot be written, stderr says why, and training goes on. */
void csa_listen(csa_listener *listener, csa_trainer *trainer, FILE *log, const char *name);

/* Both pictures of a run that is over, curves.svg and report.html. */
csa_status csa_listener_report(const csa_listener *listener);

#endif
