/* report.html: a run on one page. */
#ifndef CSA_REPORT_RUN_PAGE_H
#define CSA_REPORT_RUN_PAGE_H

#include "train/trainer.h"

/* Writes report.html into the folder of a run that is over: its curves, what the model of its model.safetensors makes
 * of the test images, where it looks, settings, and the time of each kernel. The trainer's parameters are that model's
 * afterwards, moved on by a few steps; nothing of them reaches the run folder. */
csa_status csa_run_page_write(csa_trainer *trainer);

#endif
